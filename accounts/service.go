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

// Options are what a Service can do without.
type Options struct {
	Hashing  Hashing
	Origins  guard.Limiter // of sign-ins and registrations by Origin; nil for no limit
	Attempts AttemptStore  // nil counts in the memory of this process
	Log      *slog.Logger
	Metrics  *telemetry.Metrics
}

// attemptsRoom bounds the attempts that are counted in memory.
const attemptsRoom = 100_000

// Service holds the rules of accounts: who may register, sign in, and act in which role.
type Service struct {
	users    UserStore
	personal PersonalStore
	sessions SessionStore
	hasher   *hasher
	limits   limits
	log      *slog.Logger
	signIns  telemetry.Counter
}

// NewService returns a service on the stores. The session store is read once a request: give it a cache.
func NewService(users UserStore, personal PersonalStore, sessions SessionStore, options Options) *Service {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Attempts == nil {
		options.Attempts = NewMemoryAttempts(attemptsRoom)
	}
	return &Service{
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
}

// Register makes a user. It is fault.Invalid, naming every field that is wrong, or fault.Conflict with the
// code email_taken.
//
// Two stores that share no transaction take part, and a crash may come between them. The e-mail address is
// claimed first, which ties it to one user id for good; whoever then creates the user of that id has won,
// and that can happen once. So a registration that finds the address claimed goes on with the id of the
// claim: if the user exists, the address is taken; if a crash left a claim without a user, it takes the claim
// over; and if another registration is under way, exactly one of the two creates the user. The details are
// stored by the winner alone.
//
// Each registration counts against the rate of its origin.
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

// now is the time in the precision that stores keep.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// Profile is all that a user may see of themself.
type Profile struct {
	User
	Personal Personal // zero for the admin of the first start, of whom nothing personal is known
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

// ChangeRole gives a user another role and ends all their sessions, which were made in the former one.
// Only an admin may, and not to themself, so that the last admin cannot give the keys away. After an error
// the role may be changed while some sessions still live: the same call again finishes it.
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

// firstAdmin returns the id of the admin of the first start. It is the same in every data folder, so that
// the user is created once however often the first start is interrupted.
func firstAdmin() string {
	return ident.At(ident.User, time.UnixMilli(0), bytes.NewReader(make([]byte, 10)))
}

// FirstAdmin is the principal of the admin of the first start, for commands that work on the data folder
// itself: whoever may read and write the stores may do everything already.
func FirstAdmin() Principal { return Principal{UserID: firstAdmin(), Role: Admin} }

// BootstrapAdmin returns a new admin token, and creates the admin whose it is if this is the first start on the
// stores. It lives for ttl, at most MaxTokenTTL. Tokens that others have of that admin go on: each of several servers
// that share the stores has one.
func (s *Service) BootstrapAdmin(ctx context.Context, ttl time.Duration) (Credential, error) {
	if err := s.ensureAdmin(ctx); err != nil {
		return Credential{}, err
	}
	return s.open(ctx, firstAdmin(), Session{Role: Admin, Kind: Issued, Note: "first start"}, ttl)
}

// RenewAdmin is BootstrapAdmin for who has lost the token, or fears that it is known: all earlier sessions of that
// admin end, also those of other servers that share the stores.
func (s *Service) RenewAdmin(ctx context.Context, ttl time.Duration) (Credential, error) {
	if err := s.endAll(ctx, firstAdmin()); err != nil {
		return Credential{}, fmt.Errorf("end the first admin's sessions: %w", err)
	}
	return s.BootstrapAdmin(ctx, ttl)
}

// ensureAdmin creates the first admin, or gives back their role.
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
