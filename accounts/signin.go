package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"agora/fault"
	"agora/ident"
)

const (
	// SessionTTL is how long a session lasts after a sign-in.
	SessionTTL = 30 * 24 * time.Hour

	// MaxTokenTTL is the longest lifetime of an issued token.
	MaxTokenTTL = 10 * 365 * 24 * time.Hour
)

// Credential is a new token and its session. The token cannot be shown again: only its hash is stored.
type Credential struct {
	Token   string
	Session Session
}

// errUnauthenticated is the error of a request without a token, or with one that is malformed, unknown, expired or ended. The
// caller is not told which.
func errUnauthenticated() error {
	return fault.New(fault.Unauthenticated, "unauthenticated", "the request has no valid token")
}

func errCredentials() error {
	return fault.New(fault.Unauthenticated, "invalid_credentials", "the e-mail address or the password is wrong")
}

// SignIn opens a session for the user with the e-mail address and the password. An unknown address and a
// wrong password give the same error, invalid_credentials, after the same work. Too many attempts of one origin, or on one
// account, are fault.Exhausted.
func (s *Service) SignIn(ctx context.Context, from Origin, email, password string) (Credential, error) {
	var c fault.Collector
	c.Check(email != "", "email", "is empty")
	checkText(&c, "email", email, MaxEmail, "")
	c.Check(password != "", "password", "is empty")
	c.Check(len(password) <= MaxPassword, "password", "is longer than %d bytes", MaxPassword)
	if err := c.Err(); err != nil {
		return Credential{}, err
	}
	if err := s.limits.origin(ctx, from); err != nil {
		return Credential{}, err
	}
	if err := s.limits.account(ctx, from, email); err != nil {
		return Credential{}, err
	}
	id, err := s.authenticatePassword(ctx, from, email, password)
	switch {
	case err == nil:
		s.signIns.Inc("ok")
		s.limits.succeeded(ctx, from, email)
		return s.open(ctx, id, Session{Kind: SignedIn}, SessionTTL)
	case fault.Is(err, fault.Unauthenticated):
		s.signIns.Inc("refused")
	default:
		s.signIns.Inc("failed")
	}
	return Credential{}, s.limits.busy(err)
}

// authenticatePassword returns the id of the user with the address and the password.
func (s *Service) authenticatePassword(ctx context.Context, from Origin, email, password string) (string, error) {
	id, hash, err := s.passwordOf(ctx, email)
	if err != nil {
		return "", err
	}
	match, weak, err := s.hasher.check(ctx, from, password, hash)
	if err != nil {
		return "", err
	}
	if !match {
		return "", errCredentials()
	}
	if weak {
		s.strengthen(ctx, from, id, password, hash)
	}
	return id, nil
}

// passwordOf returns the user who has the address, and their password hash. The hash is empty for an address that nobody has,
// such as one that NormalizeEmail refuses, and for an address of a registration that was interrupted.
func (s *Service) passwordOf(ctx context.Context, email string) (id, hash string, err error) {
	if id, err = s.personal.UserIDByEmail(ctx, strings.ToLower(email)); err == nil {
		hash, err = s.users.PasswordHash(ctx, id)
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", "", fmt.Errorf("find the user by e-mail address: %w", err)
	}
	return id, hash, nil
}

// strengthen replaces a hash that is weaker than the configured cost. A failure is logged and does not fail the sign-in: the
// next one tries again.
func (s *Service) strengthen(ctx context.Context, from Origin, id, password, old string) {
	stronger, err := s.hasher.hash(ctx, from, password)
	if err == nil {
		err = s.users.ReplacePasswordHash(ctx, id, old, stronger)
	}
	if err != nil {
		s.log.WarnContext(ctx, "a weak password hash could not be replaced", slog.String("user_id", id), slog.Any("error", err))
	}
}

// Grant is a request for a token.
type Grant struct {
	UserID string        // of the user of the token; empty for the admin's own
	Role   Role          // of the token, which the user's role has to cover; empty for the user's role
	TTL    time.Duration // from one second to MaxTokenTTL; 0 for SessionTTL
	Note   string        // purpose of the token
}

// IssueToken creates a session without a password, for a program. Only an admin may do it.
func (s *Service) IssueToken(ctx context.Context, by Principal, grant Grant) (Credential, error) {
	if err := onlyAdmin(by); err != nil {
		return Credential{}, err
	}
	if grant.TTL == 0 {
		grant.TTL = SessionTTL
	}
	if grant.UserID == "" {
		grant.UserID = by.UserID
	}
	var c fault.Collector
	c.Check(grant.Role == "" || slices.Contains(Roles, grant.Role), "role", "is none of %v", Roles)
	c.Check(grant.TTL >= time.Second && grant.TTL <= MaxTokenTTL, "ttl", "is not from one second to %v", MaxTokenTTL)
	checkText(&c, "note", grant.Note, MaxNote, "")
	if err := c.Err(); err != nil {
		return Credential{}, err
	}
	return s.open(ctx, grant.UserID, Session{Role: grant.Role, Kind: Issued, Note: grant.Note}, grant.TTL)
}

// open stores a session of the user and returns its token. The role of the session has to be covered by the user's role, and is
// the user's role if it is empty.
//
// The session has a copy of the role, so that a request costs one read. A change of the role ends the sessions that exist. A
// session that is created concurrently from the former role is detected by reading the role again.
func (s *Service) open(ctx context.Context, userID string, session Session, ttl time.Duration) (Credential, error) {
	user, err := s.users.User(ctx, userID)
	if err != nil {
		return Credential{}, fmt.Errorf("open a session: %w", err)
	}
	if session.Role == "" {
		session.Role = user.Role
	}
	if !user.Role.covers(session.Role) {
		return Credential{}, fault.ErrInvalid("role", "is more than the user's own, which is %s", user.Role)
	}
	session.ID, session.UserID = ident.New(ident.Session), userID
	session.CreatedAt = now()
	session.ExpiresAt = session.CreatedAt.Add(ttl)
	token, hash := newToken()
	if err := s.sessions.Create(ctx, hash, session); err != nil {
		return Credential{}, fmt.Errorf("open a session: %w", err)
	}
	again, err := s.users.User(ctx, userID)
	if err == nil && again.Role == user.Role {
		return Credential{Token: token, Session: session}, nil
	}
	if err == nil {
		err = fault.New(fault.Conflict, "role_changed", "the user's role was changed just now")
	}
	return Credential{}, fmt.Errorf("open a session: %w", errors.Join(err, s.sessions.Delete(ctx, hash)))
}

// Authenticate returns the principal of a token, or fault.Unauthenticated. It reads the session store once.
func (s *Service) Authenticate(ctx context.Context, token string) (Principal, error) {
	hash, ok := hashToken(token)
	if !ok {
		return Principal{}, errUnauthenticated()
	}
	session, err := s.sessions.Session(ctx, hash)
	if fault.Is(err, fault.NotFound) {
		return Principal{}, errUnauthenticated()
	}
	if err != nil {
		return Principal{}, fmt.Errorf("read the session: %w", err)
	}
	if !time.Now().Before(session.ExpiresAt) {
		return Principal{}, errUnauthenticated()
	}
	return Principal{UserID: session.UserID, Role: session.Role, SessionID: session.ID}, nil
}

// SignOut ends the session of a token. It does nothing for a token that is not valid.
func (s *Service) SignOut(ctx context.Context, token string) error {
	hash, ok := hashToken(token)
	if !ok {
		return nil
	}
	return s.sessions.Delete(ctx, hash)
}

// EndSessions ends all sessions and tokens of a user. Only the user and an admin may do it.
func (s *Service) EndSessions(ctx context.Context, by Principal, userID string) error {
	if !by.Known() {
		return errUnauthenticated()
	}
	if !by.Owns(userID) {
		return fault.New(fault.Denied, "denied", "only the user and an admin may do this")
	}
	return s.endAll(ctx, userID)
}

func (s *Service) endAll(ctx context.Context, userID string) error {
	hashes, err := s.sessions.OfUser(ctx, userID)
	if err != nil {
		return fmt.Errorf("find the sessions of the user: %w", err)
	}
	var failed []error // a failure, such as of a cache, must not leave the other sessions open
	for _, hash := range hashes {
		if err := s.sessions.Delete(ctx, hash); err != nil {
			failed = append(failed, fmt.Errorf("end a session: %w", err))
		}
	}
	return errors.Join(failed...)
}

// expiredBatch bounds how long one removal of expired sessions delays other writers.
const expiredBatch = 1000

// DropExpired frees the space of sessions that have expired, and returns their number.
func (s *Service) DropExpired(ctx context.Context) (int, error) {
	var total int
	for {
		n, err := s.sessions.DeleteExpired(ctx, time.Now(), expiredBatch)
		total += n
		if err != nil || n < expiredBatch {
			return total, err
		}
	}
}
