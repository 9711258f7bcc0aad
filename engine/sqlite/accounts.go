package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/ident"
)

// Accounts is the database file of users, credentials and sessions.
type Accounts struct{ db *database }

// OpenAccounts opens or creates the file at path.
func OpenAccounts(ctx context.Context, path string) (*Accounts, error) {
	db, err := open(ctx, path, "accounts")
	if err != nil {
		return nil, err
	}
	return &Accounts{db}, nil
}

// Users returns the file's store of users.
func (a *Accounts) Users() *Users { return &Users{a.db} }

// Sessions returns the file's store of sessions.
func (a *Accounts) Sessions() *Sessions { return &Sessions{a.db} }

// Close finishes what was accepted and closes the file.
func (a *Accounts) Close() error { return a.db.close() }

// packID is ident.Pack with the error that the ports of accounts ask for.
func packID(prefix, id string) ([]byte, error) {
	packed, err := ident.Pack(prefix, id)
	if err != nil {
		return nil, fault.ErrInvalid("id", "%v", err)
	}
	return packed, nil
}

// packUserID is packID for looking a user up: what is no user id is nobody's.
func packUserID(id string) ([]byte, error) {
	packed, err := packID(ident.User, id)
	if err != nil {
		return nil, fault.ErrNotFound("user", id)
	}
	return packed, nil
}

// roleNumbers are stored: a number is never given another meaning.
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

// orMissing turns the absence of a row into the error that the port asks for, and classifies any other.
func orMissing(err, missing error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return missing
	}
	return classify(err)
}
