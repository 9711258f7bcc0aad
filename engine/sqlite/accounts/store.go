// Package accounts is the embedded stores of users, sessions and personal data.
package accounts

import (
	"context"
	"embed"
	"fmt"
	"time"

	"agora/accounts"
	"agora/engine/sqlite"
	"agora/fault"
	"agora/ident"
)

//go:embed migrations
var migrations embed.FS

// File is the database file of users, credentials and sessions.
type File struct{ db *sqlite.Database }

// OpenFile opens or creates the file at path.
func OpenFile(ctx context.Context, path string) (*File, error) {
	db, err := sqlite.Open(ctx, path, migrations, "accounts")
	if err != nil {
		return nil, err
	}
	return &File{db}, nil
}

// Users returns the file's store of users.
func (a *File) Users() *Users { return &Users{a.db} }

// Sessions returns the file's store of sessions.
func (a *File) Sessions() *Sessions { return &Sessions{a.db} }

// Close finishes accepted writes and closes the file.
func (a *File) Close() error { return a.db.Close() }

// packID is ident.Pack with the error that the ports of accounts define.
func packID(prefix, id string) ([]byte, error) {
	packed, err := ident.Pack(prefix, id)
	if err != nil {
		return nil, fault.ErrInvalid("id", "%v", err)
	}
	return packed, nil
}

// packUserID is packID for the lookup of a user: a text that is not a user id belongs to no user.
func packUserID(id string) ([]byte, error) {
	packed, err := packID(ident.User, id)
	if err != nil {
		return nil, fault.ErrNotFound("user", id)
	}
	return packed, nil
}

// roleNumbers are stored: a number never gets another meaning.
var roleNumbers = map[accounts.Role]int64{accounts.Shopper: 0, accounts.Seller: 1, accounts.Admin: 2, accounts.Metrics: 3}

func packRole(role accounts.Role) (int64, error) {
	n, ok := roleNumbers[role]
	if !ok {
		return 0, fault.ErrInvalid("role", "is none of %v", accounts.Roles)
	}
	return n, nil
}

func unpackRole(n int64) (accounts.Role, error) {
	for role, number := range roleNumbers {
		if number == n {
			return role, nil
		}
	}
	return "", fmt.Errorf("the stored role %d has no meaning", n)
}

func unpackTime(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
