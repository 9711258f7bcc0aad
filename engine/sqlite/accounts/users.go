package accounts

import (
	"context"
	"fmt"

	"agora/accounts"
	"agora/engine/sqlite"
	"agora/fault"
	"agora/ident"
)

// Users is the embedded accounts.UserStore, in a File.
type Users struct{ db *sqlite.Database }

var _ accounts.UserStore = (*Users)(nil)

// CreateMany implements accounts.UserStore.
func (u *Users) CreateMany(ctx context.Context, people []accounts.Account) error {
	return u.db.Write(ctx, func(tx *sqlite.Tx) error {
		for _, a := range people {
			if err := insertAccount(tx, a); err != nil {
				return err
			}
		}
		return nil
	})
}

func insertAccount(tx *sqlite.Tx, a accounts.Account) error {
	id, err := packID(ident.User, a.ID)
	if err != nil {
		return err
	}
	role, err := packRole(a.Role)
	if err != nil {
		return err
	}
	_, err = tx.Exec("INSERT INTO users (id, name, country, role, created_at) VALUES (?, ?, ?, ?, ?)",
		id, a.Name, a.Country, role, a.CreatedAt.UnixMilli())
	if sqlite.IsUnique(err) {
		return accounts.ErrUserExists(a.ID)
	}
	if err == nil {
		err = setPasswordHash(tx, id, a.PasswordHash)
	}
	if err != nil {
		return fmt.Errorf("insert user %s: %w", a.ID, err)
	}
	return nil
}

// setPasswordHash stores the hash of a user. An empty hash has no row.
func setPasswordHash(tx *sqlite.Tx, id []byte, hash string) error {
	if hash == "" {
		_, err := tx.Exec("DELETE FROM credentials WHERE user_id = ?", id)
		return err
	}
	_, err := tx.Exec(`INSERT INTO credentials (user_id, password_hash) VALUES (?, ?)
		ON CONFLICT DO UPDATE SET password_hash = excluded.password_hash`, id, hash)
	return err
}

// User implements accounts.UserStore.
func (u *Users) User(ctx context.Context, id string) (accounts.User, error) {
	key, err := packUserID(id)
	if err != nil {
		return accounts.User{}, err
	}
	user := accounts.User{ID: id}
	var role, created int64
	err = u.db.QueryRow(ctx, "SELECT name, country, role, created_at FROM users WHERE id = ?", []any{key},
		&user.Name, &user.Country, &role, &created)
	if err != nil {
		return accounts.User{}, sqlite.OrMissing(err, fault.ErrNotFound("user", id))
	}
	user.CreatedAt = unpackTime(created)
	user.Role, err = unpackRole(role)
	return user, err
}

// SetRole implements accounts.UserStore.
func (u *Users) SetRole(ctx context.Context, id string, role accounts.Role) error {
	key, err := packUserID(id)
	if err != nil {
		return err
	}
	number, err := packRole(role)
	if err != nil {
		return err
	}
	return u.db.Write(ctx, func(tx *sqlite.Tx) error {
		changed, err := tx.Exec("UPDATE users SET role = ? WHERE id = ?", number, key)
		if err == nil && changed == 0 {
			return fault.ErrNotFound("user", id)
		}
		return err
	})
}

// selectHash returns the hash of an existing user, empty if the user has no password.
const selectHash = `SELECT coalesce(password_hash, '') FROM users
	LEFT JOIN credentials ON user_id = users.id WHERE users.id = ?`

// PasswordHash implements accounts.UserStore.
func (u *Users) PasswordHash(ctx context.Context, id string) (string, error) {
	key, err := packUserID(id)
	if err != nil {
		return "", err
	}
	var hash string
	err = u.db.QueryRow(ctx, selectHash, []any{key}, &hash)
	return hash, sqlite.OrMissing(err, fault.ErrNotFound("user", id))
}

// ReplacePasswordHash implements accounts.UserStore.
func (u *Users) ReplacePasswordHash(ctx context.Context, id, from, to string) error {
	key, err := packUserID(id)
	if err != nil {
		return err
	}
	return u.db.Write(ctx, func(tx *sqlite.Tx) error {
		var current string
		if err := tx.QueryRow(selectHash, []any{key}, &current); err != nil {
			return sqlite.OrMissing(err, fault.ErrNotFound("user", id))
		}
		if current != from {
			return accounts.ErrPasswordChanged()
		}
		return setPasswordHash(tx, key, to)
	})
}
