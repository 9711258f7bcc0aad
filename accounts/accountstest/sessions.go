package accountstest

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/ident"
)

// Sessions is the suite of SessionStore. Each call of open gives an empty store. A cache in front of a store
// passes it too, and so shows that a session that was read before it ended is gone.
func Sessions(t *testing.T, open func(t *testing.T) accounts.SessionStore) {
	for name, test := range map[string]func(*testing.T, accounts.SessionStore){
		"keeps every field":            keepsSessions,
		"has one session of a token":   hasOneOfAToken,
		"ends a session":               endsSession,
		"finds the sessions of a user": findsOfUser,
		"removes what has expired":     removesExpired,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func keepsSessions(t *testing.T, store accounts.SessionStore) {
	src := newSource()
	user := src.id(ident.User)
	full := src.session(user, start.Add(time.Hour))
	signedIn := accounts.Session{
		ID: src.id(ident.Session), UserID: user, Role: accounts.Shopper, Kind: accounts.SignedIn,
		CreatedAt: start, ExpiresAt: start.Add(time.Millisecond),
	}
	for _, session := range []accounts.Session{full, signedIn} {
		hash := src.hash()
		ok(t, store.Create(t.Context(), hash, session))
		got(t, session)(store.Session(t.Context(), hash))
		got(t, session)(store.Session(t.Context(), hash))
	}
}

func hasOneOfAToken(t *testing.T, store accounts.SessionStore) {
	src := newSource()
	first, second := src.session(src.id(ident.User), start), src.session(src.id(ident.User), start)
	hash := src.hash()
	ok(t, store.Create(t.Context(), hash, first))
	wantKind(t, store.Create(t.Context(), hash, second), fault.Conflict)
	got(t, first)(store.Session(t.Context(), hash))
}

func endsSession(t *testing.T, store accounts.SessionStore) {
	src := newSource()
	user, ended, other := src.id(ident.User), src.hash(), src.hash()
	stays := src.session(user, start)
	_, err := store.Session(t.Context(), ended)
	wantKind(t, err, fault.NotFound)
	ok(t, store.Create(t.Context(), ended, src.session(user, start)))
	ok(t, store.Create(t.Context(), other, stays))
	_, err = store.Session(t.Context(), ended)
	ok(t, err)
	for range 2 {
		ok(t, store.Delete(t.Context(), ended))
		_, err = store.Session(t.Context(), ended)
		wantKind(t, err, fault.NotFound)
	}
	got(t, stays)(store.Session(t.Context(), other))
}

func findsOfUser(t *testing.T, store accounts.SessionStore) {
	src := newSource()
	user := src.id(ident.User)
	var want []accounts.TokenHash
	for range 20 {
		hash := src.hash()
		want = append(want, hash)
		ok(t, store.Create(t.Context(), hash, src.session(user, start)))
		ok(t, store.Create(t.Context(), src.hash(), src.session(src.id(ident.User), start)))
	}
	wantHashes(t, store, user, want)
	ok(t, store.Delete(t.Context(), want[7]))
	wantHashes(t, store, user, slices.Delete(want, 7, 8))
	wantHashes(t, store, src.id(ident.User), nil)
}

func wantHashes(t *testing.T, store accounts.SessionStore, user string, want []accounts.TokenHash) {
	t.Helper()
	hashes, err := store.OfUser(t.Context(), user)
	ok(t, err)
	compare := func(a, b accounts.TokenHash) int { return bytes.Compare(a[:], b[:]) }
	slices.SortFunc(hashes, compare)
	slices.SortFunc(want, compare)
	if !slices.Equal(hashes, want) {
		t.Errorf("the user has the sessions %x, want %x", hashes, want)
	}
}

func removesExpired(t *testing.T, store accounts.SessionStore) {
	src := newSource()
	user := src.id(ident.User)
	var expired, live []accounts.TokenHash
	for range 5 {
		dead, alive := src.hash(), src.hash()
		ok(t, store.Create(t.Context(), dead, src.session(user, start)))
		ok(t, store.Create(t.Context(), alive, src.session(user, start.Add(time.Millisecond))))
		expired, live = append(expired, dead), append(live, alive)
	}
	for _, want := range []int{2, 2, 1, 0} {
		got(t, want)(store.DeleteExpired(t.Context(), start, 2))
	}
	for _, hash := range expired {
		// A cache may still have it; it must have expired.
		if session, err := store.Session(t.Context(), hash); err == nil && session.ExpiresAt.After(start) {
			t.Errorf("the expired session came back as %+v", session)
		} else if err != nil {
			wantKind(t, err, fault.NotFound)
		}
	}
	wantHashes(t, store, user, live)
	for _, hash := range live {
		_, err := store.Session(t.Context(), hash)
		ok(t, err)
	}
}

// BenchmarkSessions measures the reading of sessions, which every request does.
func BenchmarkSessions(b *testing.B, open func(b *testing.B) accounts.SessionStore) {
	store, src := open(b), newSource()
	hashes := make([]accounts.TokenHash, 1000)
	for i := range hashes {
		hashes[i] = src.hash()
		ok(b, store.Create(b.Context(), hashes[i], src.session(src.id(ident.User), start)))
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := store.Session(b.Context(), hashes[i%len(hashes)]); err != nil {
				b.Error(err)
			}
		}
	})
}
