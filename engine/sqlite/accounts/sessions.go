package accounts

import (
	"context"
	"fmt"
	"time"

	"agora/accounts"
	"agora/engine/sqlite"
	"agora/fault"
	"agora/ident"
)

// Sessions is the embedded accounts.SessionStore, in a File.
type Sessions struct{ db *sqlite.Database }

var _ accounts.SessionStore = (*Sessions)(nil)

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
	return s.db.Write(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec(`INSERT INTO sessions (token_hash, id, user_id, role, issued, created_at, expires_at, note)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			hash[:], id, user, role, session.Kind == accounts.Issued,
			session.CreatedAt.UnixMilli(), session.ExpiresAt.UnixMilli(), session.Note)
		if sqlite.IsUnique(err) {
			return accounts.ErrSessionExists()
		}
		return err
	})
}

// Session implements accounts.SessionStore.
func (s *Sessions) Session(ctx context.Context, hash accounts.TokenHash) (accounts.Session, error) {
	var (
		id, user               []byte
		role, created, expires int64
		issued                 bool
		session                accounts.Session
	)
	err := s.db.QueryRow(ctx, `SELECT id, user_id, role, issued, created_at, expires_at, note
		FROM sessions WHERE token_hash = ?`, []any{hash[:]},
		&id, &user, &role, &issued, &created, &expires, &session.Note)
	if err != nil {
		return accounts.Session{}, sqlite.OrMissing(err, accounts.ErrSessionUnknown())
	}
	session.CreatedAt, session.ExpiresAt = unpackTime(created), unpackTime(expires)
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
	return s.db.Write(ctx, func(tx *sqlite.Tx) error {
		_, err := tx.Exec("DELETE FROM sessions WHERE token_hash = ?", hash[:])
		return err
	})
}

// OfUser implements accounts.SessionStore.
func (s *Sessions) OfUser(ctx context.Context, userID string) ([]accounts.TokenHash, error) {
	user, err := packUserID(userID)
	if fault.Is(err, fault.NotFound) {
		return nil, nil // no user has such an id
	}
	rows, err := s.db.Query(ctx, "SELECT token_hash FROM sessions WHERE user_id = ?", user)
	if err != nil {
		return nil, sqlite.Classify(err)
	}
	defer rows.Close()
	var hashes []accounts.TokenHash
	for rows.Next() {
		var stored []byte
		if err := rows.Scan(&stored); err != nil {
			return nil, sqlite.Classify(err)
		}
		if len(stored) != len(accounts.TokenHash{}) {
			return nil, fmt.Errorf("a stored token hash has %d bytes", len(stored))
		}
		hashes = append(hashes, accounts.TokenHash(stored))
	}
	return hashes, sqlite.Classify(rows.Err())
}

// DeleteExpired implements accounts.SessionStore.
func (s *Sessions) DeleteExpired(ctx context.Context, now time.Time, limit int) (int, error) {
	var deleted int64
	err := s.db.Write(ctx, func(tx *sqlite.Tx) (err error) {
		deleted, err = tx.Exec(`DELETE FROM sessions WHERE token_hash IN
			(SELECT token_hash FROM sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`, now.UnixMilli(), limit)
		return err
	})
	return int(deleted), err
}
