package accounts

import (
	"context"

	"agora/fault"
)

// Personal is the personal data of a user. It stays in the user's region.
type Personal struct {
	UserID string
	Email  string // as NormalizeEmail returns it
	Details
}

// Details are the personal data that a user may leave out.
type Details struct {
	Address   string // postal, on as many lines as it takes
	BirthDate string // YYYY-MM-DD
}

// PersonalStore stores personal data by user. A user has one e-mail address and an address has one user. Reads see every
// write that returned before they began. Unknown users are fault.NotFound.
type PersonalStore interface {
	// Claim gives the address to the user if nobody has it, and returns the user who has it. It is fault.Conflict if the
	// user already has another address.
	Claim(ctx context.Context, email, userID string) (holder string, err error)

	// SetDetails replaces the details of the user.
	SetDetails(ctx context.Context, userID string, details Details) error

	// CreateMany stores all of the people or none. It is fault.Conflict if one of the users or addresses is
	// taken or given twice.
	CreateMany(ctx context.Context, people []Personal) error

	// Personal returns all personal data of the user.
	Personal(ctx context.Context, userID string) (Personal, error)

	// UserIDByEmail returns the user who has the address, or fault.NotFound.
	UserIDByEmail(ctx context.Context, email string) (string, error)

	// Delete removes the personal data of the user, whose address can be claimed again. It does nothing for an unknown user.
	Delete(ctx context.Context, userID string) error
}

// ErrPersonExists is the error of every store for a user or an address that is taken. It does not name the address, because
// errors are logged.
func ErrPersonExists(userID string) error {
	return fault.New(fault.Conflict, "person_exists", "user "+userID+" or their e-mail address is registered already")
}

// ErrEmailUnknown is the error of every store for an address that nobody has.
func ErrEmailUnknown() error { return fault.New(fault.NotFound, "", "nobody has the e-mail address") }
