// Package accountstest is the conformance suite of the ports of accounts. Every engine, every decorator and the in-memory
// reference pass it. The rules in accounts.Service have tests of their own.
package accountstest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/ident"
)

// start is a time that every store has to be able to keep.
var start = time.Date(2026, 3, 29, 0, 59, 59, 123e6, time.UTC)

// source makes identifiers that are the same in every run.
type source struct{ random *rand.ChaCha8 }

func newSource() source { return source{rand.NewChaCha8([32]byte{})} }

func (s source) id(prefix string) string { return ident.At(prefix, start, s.random) }

func (s source) hash() (hash accounts.TokenHash) {
	_, _ = s.random.Read(hash[:]) // never fails
	return hash
}

// account returns an account of which every field is set.
func (s source) account(name string) accounts.Account {
	return accounts.Account{
		User: accounts.User{
			ID: s.id(ident.User), Name: name, Country: "GB", Role: accounts.Seller, CreatedAt: start,
		},
		PasswordHash: "$argon2id$" + name,
	}
}

// person returns personal data of which every field is set.
func (s source) person(name string) accounts.Personal {
	return accounts.Personal{
		UserID: s.id(ident.User), Email: name + "@example.org",
		Details: accounts.Details{Address: "1 Quay Street\nGalway", BirthDate: "1990-12-31"},
	}
}

// session returns a session of which every field is set.
func (s source) session(userID string, expires time.Time) accounts.Session {
	return accounts.Session{
		ID: s.id(ident.Session), UserID: userID, Role: accounts.Admin, Kind: accounts.Issued,
		CreatedAt: start, ExpiresAt: expires, Note: "the nightly import",
	}
}

// many makes n things, each with a name of its own.
func many[T any](n int, one func(name string) T) []T {
	things := make([]T, n)
	for i := range things {
		things[i] = one(fmt.Sprintf("person-%05d", i))
	}
	return things
}

func ok(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// got fails unless a call returned want.
func got[T comparable](tb testing.TB, want T) func(T, error) {
	return func(value T, err error) {
		tb.Helper()
		ok(tb, err)
		if value != want {
			tb.Errorf("got %+v, want %+v", value, want)
		}
	}
}

func wantKind(tb testing.TB, err error, want fault.Kind) {
	tb.Helper()
	if !fault.Is(err, want) {
		tb.Errorf("got error %v, want one of kind %v", err, want)
	}
}
