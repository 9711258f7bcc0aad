package postgres

import (
	"testing"

	"agora/accounts"
	"agora/accounts/accountstest"
)

func TestUsers(t *testing.T) {
	t.Parallel()
	accountstest.Users(t, func(t *testing.T) accounts.UserStore {
		return must[*Users](t)(open(t, newDatabase(t)).Users(t.Context()))
	})
}

func TestSessions(t *testing.T) {
	accountstest.Sessions(t, func(t *testing.T) accounts.SessionStore {
		return must[*Sessions](t)(open(t, newDatabase(t)).Sessions(t.Context()))
	})
}

func TestPersonal(t *testing.T) {
	accountstest.Personal(t, func(t *testing.T) accounts.PersonalStore {
		return must[*Personal](t)(open(t, newDatabase(t)).Personal(t.Context()))
	})
}
