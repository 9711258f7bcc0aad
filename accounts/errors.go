package accounts

import "agora/fault"

// The errors that every store gives in the same words. None of them names an e-mail address or a token
// hash, since errors are logged.

// UserExists says that the user's id is taken.
func UserExists(id string) error {
	return fault.New(fault.Conflict, "user_exists", "user "+id+" exists already")
}

// PersonExists says that the user, or the e-mail address that was to be theirs, is taken.
func PersonExists(userID string) error {
	return fault.New(fault.Conflict, "person_exists", "user "+userID+" or their e-mail address is registered already")
}

// PasswordChanged says that a password hash is no longer the one that was to be replaced.
func PasswordChanged() error {
	return fault.New(fault.Stale, "", "the password was changed meanwhile")
}

// EmailUnknown says that nobody has the e-mail address.
func EmailUnknown() error { return fault.New(fault.NotFound, "", "nobody has the e-mail address") }

// SessionExists says that there is a session for the token hash.
func SessionExists() error { return fault.New(fault.Conflict, "", "the token is taken") }

// SessionUnknown says that the token hash stands for no session.
func SessionUnknown() error { return fault.New(fault.NotFound, "", "the token stands for no session") }
