package accounts

import (
	"context"
	"time"

	"agora/fault"
)

// User is the public profile of a user.
type User struct {
	ID        string    `json:"id" example:"usr_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	Name      string    `json:"name" example:"A reader"`
	Country   string    `json:"country" doc:"ISO 3166-1 alpha-2; empty for the admin of the first start" example:"GB"`
	Role      Role      `json:"role" enum:"shopper,seller,admin"`
	CreatedAt time.Time `json:"created_at"` // UTC, to the millisecond
}

// Account is a profile with its credential, which reading the profile does not return.
type Account struct {
	User
	PasswordHash string // a PHC string; empty for a user who cannot sign in with a password
}

// UserStore stores profiles and password hashes. Reads see every write that returned before they began. Unknown users are
// fault.NotFound.
type UserStore interface {
	// CreateMany stores all accounts or none. It is fault.Conflict if one of the ids is taken or given twice.
	CreateMany(ctx context.Context, accounts []Account) error

	// User returns the profile.
	User(ctx context.Context, id string) (User, error)

	// SetRole changes the role.
	SetRole(ctx context.Context, id string, role Role) error

	// PasswordHash returns the user's PHC string, or "" for a user without a password.
	PasswordHash(ctx context.Context, id string) (string, error)

	// ReplacePasswordHash changes the hash from one to another. It is fault.Stale if from is not the current one.
	ReplacePasswordHash(ctx context.Context, id, from, to string) error
}

// ErrUserExists is the error of every store for an id that is taken.
func ErrUserExists(id string) error {
	return fault.New(fault.Conflict, "user_exists", "user "+id+" exists already")
}

// ErrPasswordChanged is the error of every store that finds another hash than the one to be replaced.
func ErrPasswordChanged() error {
	return fault.New(fault.Stale, "", "the password was changed meanwhile")
}
