package accounts

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"agora/accounts"
	"agora/engine/postgres"
	"agora/fault"
	"agora/ident"
)

// Users is an accounts.UserStore.
type Users struct{ db *postgres.Database }

var _ accounts.UserStore = (*Users)(nil)

// OpenUsers returns the store of users in a database.
func OpenUsers(ctx context.Context, db *postgres.Database) (*Users, error) {
	if err := db.Migrate(ctx, migrations, "accounts"); err != nil {
		return nil, err
	}
	return &Users{db}, nil
}

// accountColumns are accounts as columns, so that one statement inserts any number of them.
type accountColumns struct {
	ids, owners              [][]byte // owners are the ids of the users who have a password
	names, countries, hashes []string // hashes are those of the owners' passwords
	roles                    []int16
	created                  []time.Time
}

func (r *accountColumns) add(a accounts.Account) error {
	id, err := packID(ident.User, a.ID)
	if err != nil {
		return err
	}
	role, err := packRole(a.Role)
	if err != nil {
		return err
	}
	r.ids, r.roles = append(r.ids, id), append(r.roles, role)
	r.names, r.countries = append(r.names, a.Name), append(r.countries, a.Country)
	r.created = append(r.created, packTime(a.CreatedAt))
	if a.PasswordHash != "" {
		r.owners, r.hashes = append(r.owners, id), append(r.hashes, a.PasswordHash)
	}
	return nil
}

// CreateMany implements accounts.UserStore.
func (u *Users) CreateMany(ctx context.Context, people []accounts.Account) error {
	var rows accountColumns
	for _, a := range people {
		if err := rows.add(a); err != nil {
			return err
		}
	}
	err := u.db.Transact(ctx, func(pgx.Tx) (*pgx.Batch, error) {
		batch := &pgx.Batch{}
		batch.Queue(`INSERT INTO users (id, name, country, role, created_at)
			SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::smallint[], $5::timestamptz[])`,
			rows.ids, rows.names, rows.countries, rows.roles, rows.created)
		batch.Queue("INSERT INTO credentials (user_id, password_hash) SELECT * FROM unnest($1::bytea[], $2::text[])",
			rows.owners, rows.hashes)
		return batch, nil
	})
	if postgres.IsUnique(err) {
		return fault.New(fault.Conflict, "user_exists", "one of the users exists already")
	}
	return err
}

// User implements accounts.UserStore.
func (u *Users) User(ctx context.Context, id string) (accounts.User, error) {
	key, err := packUserID(id)
	if err != nil {
		return accounts.User{}, err
	}
	user := accounts.User{ID: id}
	var role int16
	err = u.db.Pool().QueryRow(ctx, "SELECT name, country, role, created_at FROM users WHERE id = $1", key).
		Scan(&user.Name, &user.Country, &role, &user.CreatedAt)
	if err != nil {
		return accounts.User{}, postgres.OrMissing(err, fault.ErrNotFound("user", id))
	}
	user.CreatedAt = user.CreatedAt.UTC()
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
	changed, err := u.db.Exec(ctx, "UPDATE users SET role = $1 WHERE id = $2", number, key)
	if err == nil && changed == 0 {
		return fault.ErrNotFound("user", id)
	}
	return err
}

// selectHash returns the hash of an existing user, empty if the user has no password.
const selectHash = `SELECT coalesce(password_hash, '') FROM users
	LEFT JOIN credentials ON user_id = users.id WHERE users.id = $1`

// PasswordHash implements accounts.UserStore.
func (u *Users) PasswordHash(ctx context.Context, id string) (string, error) {
	key, err := packUserID(id)
	if err != nil {
		return "", err
	}
	var hash string
	err = u.db.Pool().QueryRow(ctx, selectHash, key).Scan(&hash)
	return hash, postgres.OrMissing(err, fault.ErrNotFound("user", id))
}

// ReplacePasswordHash implements accounts.UserStore.
func (u *Users) ReplacePasswordHash(ctx context.Context, id, from, to string) error {
	key, err := packUserID(id)
	if err != nil {
		return err
	}
	return u.db.Transact(ctx, func(tx pgx.Tx) (*pgx.Batch, error) {
		// The row of the user is locked, because a user without a password has no row in credentials. A second statement reads
		// the hash, because it sees what was committed while the first one waited for the lock.
		if _, err := tx.Exec(ctx, "SELECT FROM users WHERE id = $1 FOR UPDATE", key); err != nil {
			return nil, err
		}
		var current string
		if err := tx.QueryRow(ctx, selectHash, key).Scan(&current); err != nil {
			return nil, postgres.OrMissing(err, fault.ErrNotFound("user", id))
		}
		if current != from {
			return nil, accounts.ErrPasswordChanged()
		}
		batch := &pgx.Batch{}
		if to == "" {
			batch.Queue("DELETE FROM credentials WHERE user_id = $1", key)
		} else {
			batch.Queue(`INSERT INTO credentials (user_id, password_hash) VALUES ($1, $2)
				ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash`, key, to)
		}
		return batch, nil
	})
}
