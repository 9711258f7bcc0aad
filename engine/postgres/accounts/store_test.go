package accounts

import (
	"testing"

	"agora/accounts"
	"agora/accounts/accountstest"
	"agora/engine/postgres"
	"agora/engine/postgres/postgrestest"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	accountstest.Users(t, func(t *testing.T) accounts.UserStore {
		return postgrestest.Must[*Users](t)(OpenUsers(t.Context(), postgrestest.Open(t, server.Database(t), postgres.Open)))
	})
}

func TestSessions(t *testing.T) {
	accountstest.Sessions(t, func(t *testing.T) accounts.SessionStore {
		return postgrestest.Must[*Sessions](t)(OpenSessions(t.Context(), postgrestest.Open(t, server.Database(t), postgres.Open)))
	})
}

func TestPersonal(t *testing.T) {
	accountstest.Personal(t, func(t *testing.T) accounts.PersonalStore {
		return postgrestest.Must[*Personal](t)(OpenPersonal(t.Context(), postgrestest.Open(t, server.Database(t), postgres.Open)))
	})
}
