package accounts

import (
	"context"
	"time"

	"agora/fault"
)

// SessionKind says how a session came to be.
type SessionKind string

const (
	SignedIn SessionKind = "session" // by a sign-in with a password
	Issued   SessionKind = "token"   // by an admin, for a program
)

// Session is the meaning of a token until it expires or is ended.
type Session struct {
	ID        string // ses_…
	UserID    string // usr_…
	Role      Role   // of the requests with the token; covered by the user's role
	Kind      SessionKind
	CreatedAt time.Time // UTC, to the millisecond
	ExpiresAt time.Time // UTC, to the millisecond; from then on the token is not valid
	Note      string    // purpose of an issued token
}

// SessionStore stores sessions by the hash of their token. Each request reads one. A cache only has to decorate Create, Session
// and Delete, because every session that ends before it expires is ended by Delete. Reads see every write that returned before
// they began.
type SessionStore interface {
	// Create stores a session. It is fault.Conflict if there is one for the hash.
	Create(ctx context.Context, hash TokenHash, session Session) error

	// Session returns the session of the token, or fault.NotFound. It may return one that has expired.
	Session(ctx context.Context, hash TokenHash) (Session, error)

	// Delete ends a session. It does nothing if there is none.
	Delete(ctx context.Context, hash TokenHash) error

	// OfUser returns the hashes of all sessions of the user, in no order.
	OfUser(ctx context.Context, userID string) ([]TokenHash, error)

	// DeleteExpired removes at most limit sessions that expired at or before now, and returns how many.
	DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error)
}

// ErrSessionExists is the error of every store for a token hash that is taken.
func ErrSessionExists() error { return fault.New(fault.Conflict, "", "the token is taken") }

// ErrSessionUnknown is the error of every store for a token hash without a session.
func ErrSessionUnknown() error {
	return fault.New(fault.NotFound, "", "the token stands for no session")
}
