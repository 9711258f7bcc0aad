package accounts

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"agora/accounts"
	"agora/engine/postgres"
	"agora/fault"
	"agora/ident"
)

// Sessions is an accounts.SessionStore.
type Sessions struct{ db *postgres.Database }

var _ accounts.SessionStore = (*Sessions)(nil)

// OpenSessions returns the store of sessions in a database.
func OpenSessions(ctx context.Context, db *postgres.Database) (*Sessions, error) {
	if err := db.Migrate(ctx, migrations, "accounts"); err != nil {
		return nil, err
	}
	return &Sessions{db}, nil
}

// Create implements accounts.SessionStore.
func (s *Sessions) Create(ctx context.Context, hash accounts.TokenHash, session accounts.Session) error {
	id, err := packID(ident.Session, session.ID)
	if err != nil {
		return err
	}
	user, err := packID(ident.User, session.UserID)
	if err != nil {
		return err
	}
	role, err := packRole(session.Role)
	if err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, `INSERT INTO sessions (token_hash, id, user_id, role, issued, created_at, expires_at, note)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		hash[:], id, user, role, session.Kind == accounts.Issued,
		packTime(session.CreatedAt), packTime(session.ExpiresAt), session.Note)
	if postgres.IsUnique(err) {
		return accounts.ErrSessionExists()
	}
	return err
}

// Session implements accounts.SessionStore.
func (s *Sessions) Session(ctx context.Context, hash accounts.TokenHash) (accounts.Session, error) {
	var (
		id, user []byte
		role     int16
		issued   bool
		session  accounts.Session
	)
	err := s.db.Pool().QueryRow(ctx, `SELECT id, user_id, role, issued, created_at, expires_at, note
		FROM sessions WHERE token_hash = $1`, hash[:]).
		Scan(&id, &user, &role, &issued, &session.CreatedAt, &session.ExpiresAt, &session.Note)
	if err != nil {
		return accounts.Session{}, postgres.OrMissing(err, accounts.ErrSessionUnknown())
	}
	session.CreatedAt, session.ExpiresAt = session.CreatedAt.UTC(), session.ExpiresAt.UTC()
	session.Kind = accounts.SignedIn
	if issued {
		session.Kind = accounts.Issued
	}
	if session.ID, err = ident.Unpack(ident.Session, id); err != nil {
		return accounts.Session{}, err
	}
	if session.UserID, err = ident.Unpack(ident.User, user); err != nil {
		return accounts.Session{}, err
	}
	session.Role, err = unpackRole(role)
	return session, err
}

// Delete implements accounts.SessionStore.
func (s *Sessions) Delete(ctx context.Context, hash accounts.TokenHash) error {
	_, err := s.db.Exec(ctx, "DELETE FROM sessions WHERE token_hash = $1", hash[:])
	return err
}

// OfUser implements accounts.SessionStore.
func (s *Sessions) OfUser(ctx context.Context, userID string) ([]accounts.TokenHash, error) {
	user, err := packUserID(userID)
	if fault.Is(err, fault.NotFound) {
		return nil, nil // no user has such an id
	}
	return postgres.Collect(ctx, s.db, scanTokenHash, "SELECT token_hash FROM sessions WHERE user_id = $1", user)
}

func scanTokenHash(row pgx.CollectableRow) (hash accounts.TokenHash, err error) {
	var stored []byte
	if err := row.Scan(&stored); err != nil {
		return hash, err
	}
	if len(stored) != len(hash) {
		return hash, fmt.Errorf("a stored token hash has %d bytes", len(stored))
	}
	return accounts.TokenHash(stored), nil
}

// DeleteExpired implements accounts.SessionStore. It skips the sessions that another server is deleting.
func (s *Sessions) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	deleted, err := s.db.Exec(ctx, `DELETE FROM sessions WHERE token_hash IN
		(SELECT token_hash FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		packTime(now), limit)
	return int(deleted), err
}
