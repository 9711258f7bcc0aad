package accounts

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"agora/fault"
	"agora/ident"
	"agora/pattern/guard"
	"agora/telemetry"
)

// Options are the optional parts of a Service.
type Options struct {
	Hashing  Hashing
	Origins  guard.Limiter // of sign-ins and registrations by Origin; nil for no limit
	Attempts AttemptStore  // nil counts in the memory of this process
	Log      *slog.Logger
	Metrics  *telemetry.Metrics
}

// attemptsRoom bounds the attempts that are counted in memory.
const attemptsRoom = 100_000

// Service holds the rules of accounts: who may register, sign in, and act in which role. It is safe for concurrent use.
type Service struct {
	users    UserStore
	personal PersonalStore
	sessions SessionStore
	hasher   *hasher
	limits   limits
	log      *slog.Logger
	signIns  telemetry.Counter
}

// NewService returns a service on the stores. The session store is read for each request, so it should have a cache.
func NewService(users UserStore, personal PersonalStore, sessions SessionStore, options Options) *Service {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Attempts == nil {
		options.Attempts = NewMemoryAttempts(attemptsRoom)
	}
	s := &Service{
		limits: limits{
			origins: options.Origins, attempts: options.Attempts, log: options.Log,
			refused: options.Metrics.Counter("agora_sign_ins_limited_total",
				"Sign-ins and registrations that were refused without checking a password, by the limit: address, account, or busy, as too many were waiting.", "limit"),
		},
		users:    users,
		personal: personal,
		sessions: sessions,
		hasher:   newHasher(options.Hashing),
		log:      options.Log,
		signIns:  options.Metrics.Counter("agora_sign_ins_total", "Attempts to sign in with a password.", "result"),
	}
	for _, limit := range []string{limitAddress, limitAccount, limitBusy} {
		s.limits.refused.Add(0, limit) // so that an alert sees the first one
	}
	return s
}

// Register creates a user. Its error is fault.Invalid, naming every wrong field, fault.Conflict with the code email_taken, or
// fault.Exhausted if the origin registers or signs in too often.
//
// Two stores without a common transaction take part, and the process may crash between them. The e-mail address is claimed
// first, which ties the address to one user id. The user of that id can be created once. So a registration that finds the
// address claimed continues with the id of the claim: if the user exists, the address is taken; if a crash left a claim
// without a user, this registration creates the user; and of two concurrent registrations exactly one creates the user. Only
// that one stores the details.
func (s *Service) Register(ctx context.Context, from Origin, registration Registration) (User, error) {
	r, err := registration.normalized(time.Now())
	if err != nil {
		return User{}, err
	}
	if err := s.limits.origin(ctx, from); err != nil {
		return User{}, err
	}
	hash, err := s.hasher.hash(ctx, from, r.Password)
	if err != nil {
		return User{}, s.limits.busy(err)
	}
	id, err := s.personal.Claim(ctx, r.Email, ident.New(ident.User))
	if err != nil {
		return User{}, fmt.Errorf("claim the e-mail address: %w", err)
	}
	user := User{ID: id, Name: r.Name, Country: r.Country, Role: r.Role, CreatedAt: now()}
	err = s.users.CreateMany(ctx, []Account{{User: user, PasswordHash: hash}})
	if fault.Is(err, fault.Conflict) {
		return User{}, errEmailTaken()
	}
	if err != nil {
		return User{}, fmt.Errorf("create the user: %w", err)
	}
	if r.details() == (Details{}) {
		return user, nil
	}
	if err := s.personal.SetDetails(ctx, id, r.details()); err != nil {
		return User{}, fmt.Errorf("store the personal details: %w", err)
	}
	return user, nil
}

func errEmailTaken() error {
	const message = "belongs to somebody who is registered already"
	return fault.New(fault.Conflict, "email_taken", "the e-mail address "+message,
		fault.Field{Name: "email", Message: message})
}

// now returns the time in the precision of the stores.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// Profile is all that a user may see of themself.
type Profile struct {
	User
	Personal Personal // zero for the first admin
}

// Me returns the principal's own profile.
func (s *Service) Me(ctx context.Context, p Principal) (Profile, error) {
	if !p.Known() {
		return Profile{}, errUnauthenticated()
	}
	user, err := s.users.User(ctx, p.UserID)
	if err != nil {
		return Profile{}, fmt.Errorf("read the profile: %w", err)
	}
	personal, err := s.personal.Personal(ctx, p.UserID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Profile{}, fmt.Errorf("read the personal data: %w", err)
	}
	return Profile{User: user, Personal: personal}, nil
}

// ChangeRole gives a user another role and ends all their sessions, which have the former role. Only an admin may do it, and
// not to themself, so that there is always an admin. After an error the role may be changed while some sessions still exist:
// the same call again ends them.
func (s *Service) ChangeRole(ctx context.Context, by Principal, userID string, role Role) error {
	if err := onlyAdmin(by); err != nil {
		return err
	}
	if !slices.Contains(userRoles, role) {
		return fault.ErrInvalid("role", "is none of %v", userRoles)
	}
	if userID == by.UserID {
		return fault.New(fault.Denied, "own_role", "an admin cannot change their own role")
	}
	if err := s.users.SetRole(ctx, userID, role); err != nil {
		return fmt.Errorf("change the role: %w", err)
	}
	return s.endAll(ctx, userID)
}

// firstAdmin returns the id of the admin that the first start creates. The id is the same in every data folder, so that an
// interrupted first start does not create a second admin.
func firstAdmin() string {
	return ident.At(ident.User, time.UnixMilli(0), bytes.NewReader(make([]byte, 10)))
}

// FirstAdmin returns the principal of the first admin, for commands that work on the data folder: whoever can write to the
// stores can do everything anyway.
func FirstAdmin() Principal { return Principal{UserID: firstAdmin(), Role: Admin} }

// BootstrapAdmin returns a new token of the first admin, whom it creates at the first start on the stores. The token expires
// after ttl, at most MaxTokenTTL. Other tokens of the admin stay valid: each of several servers that share the stores has one.
func (s *Service) BootstrapAdmin(ctx context.Context, ttl time.Duration) (Credential, error) {
	if err := s.ensureAdmin(ctx); err != nil {
		return Credential{}, err
	}
	return s.open(ctx, firstAdmin(), Session{Role: Admin, Kind: Issued, Note: "first start"}, ttl)
}

// RenewAdmin is BootstrapAdmin after a token was lost or stolen: all earlier tokens of the first admin end, also those of other
// servers that share the stores.
func (s *Service) RenewAdmin(ctx context.Context, ttl time.Duration) (Credential, error) {
	if err := s.endAll(ctx, firstAdmin()); err != nil {
		return Credential{}, fmt.Errorf("end the first admin's sessions: %w", err)
	}
	return s.BootstrapAdmin(ctx, ttl)
}

// ensureAdmin creates the first admin, or restores their role.
func (s *Service) ensureAdmin(ctx context.Context) error {
	admin := User{ID: firstAdmin(), Name: "Admin", Role: Admin, CreatedAt: now()}
	err := s.users.CreateMany(ctx, []Account{{User: admin}})
	if fault.Is(err, fault.Conflict) {
		err = s.users.SetRole(ctx, admin.ID, Admin)
	}
	if err != nil {
		return fmt.Errorf("create the first admin: %w", err)
	}
	return nil
}

func onlyAdmin(p Principal) error {
	if !p.Known() {
		return errUnauthenticated()
	}
	if !p.Is(Admin) {
		return fault.New(fault.Denied, "denied", "only an admin may do this")
	}
	return nil
}
