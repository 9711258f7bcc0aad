// Package accounts is the stores of users, sessions and personal data in PostgreSQL.
package accounts

import (
	"embed"
	"fmt"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/ident"
)

//go:embed migrations
var migrations embed.FS

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
var roleNumbers = map[accounts.Role]int16{accounts.Shopper: 0, accounts.Seller: 1, accounts.Admin: 2, accounts.Metrics: 3}

func packRole(role accounts.Role) (int16, error) {
	n, ok := roleNumbers[role]
	if !ok {
		return 0, fault.ErrInvalid("role", "is none of %v", accounts.Roles)
	}
	return n, nil
}

func unpackRole(n int16) (accounts.Role, error) {
	for role, number := range roleNumbers {
		if number == n {
			return role, nil
		}
	}
	return "", fmt.Errorf("the stored role %d has no meaning", n)
}

// packTime returns the time in the resolution of the ports of accounts, which is the millisecond.
func packTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
