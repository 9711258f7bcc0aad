package accounts_test

import (
	"testing"

	"agora/accounts"
	"agora/accounts/accountstest"
)

func TestMemoryUsers(t *testing.T) {
	accountstest.Users(t, func(*testing.T) accounts.UserStore { return accounts.NewMemoryUsers() })
}

func TestMemoryPersonal(t *testing.T) {
	accountstest.Personal(t, func(*testing.T) accounts.PersonalStore { return accounts.NewMemoryPersonal() })
}

func TestMemorySessions(t *testing.T) {
	accountstest.Sessions(t, func(*testing.T) accounts.SessionStore { return accounts.NewMemorySessions() })
}
