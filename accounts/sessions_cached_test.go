package accounts_test

import (
	"testing"
	"time"

	"agora/accounts"
	"agora/accounts/accountstest"
	"agora/pattern/cache"
)

func TestCachedSessions(t *testing.T) {
	accountstest.Sessions(t, func(t *testing.T) accounts.SessionStore {
		store := cache.NewMemory(1 << 20)
		t.Cleanup(store.Close)
		return accounts.NewCachedSessions(accounts.NewMemorySessions(), store, time.Hour, nil)
	})
}
