package accountstest

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/ident"
)

// Users is the suite of UserStore. Each call of open gives an empty store.
func Users(t *testing.T, open func(t *testing.T) accounts.UserStore) {
	for name, test := range map[string]func(*testing.T, accounts.UserStore){
		"keeps every field":                 keepsAccounts,
		"keeps all roles and odd texts":     keepsOddAccounts,
		"knows nobody who is not there":     knowsNoStranger,
		"creates many or none":              createsManyOrNone,
		"creates one user of an id":         createsOneOfAnID,
		"changes a role":                    changesRole,
		"replaces the current hash only":    replacesHash,
		"lets one of many replace the hash": replacesHashOnce,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func keepsAccounts(t *testing.T, store accounts.UserStore) {
	people := many(1000, newSource().account)
	ok(t, store.CreateMany(t.Context(), people))
	for _, a := range people {
		got(t, a.User)(store.User(t.Context(), a.ID))
		got(t, a.PasswordHash)(store.PasswordHash(t.Context(), a.ID))
	}
	ok(t, store.CreateMany(t.Context(), nil))
}

func keepsOddAccounts(t *testing.T, store accounts.UserStore) {
	src := newSource()
	odd := accounts.Account{User: accounts.User{
		ID: src.id(ident.User), Name: "Ö'Brien \"; DROP TABLE users; -- 山田", Role: accounts.Admin,
		CreatedAt: time.UnixMilli(-1).UTC(),
	}}
	people := []accounts.Account{odd}
	for _, role := range accounts.Roles {
		a := src.account(string(role))
		a.Role = role
		people = append(people, a)
	}
	ok(t, store.CreateMany(t.Context(), people))
	for _, a := range people {
		got(t, a.User)(store.User(t.Context(), a.ID))
		got(t, a.PasswordHash)(store.PasswordHash(t.Context(), a.ID))
	}
}

func knowsNoStranger(t *testing.T, store accounts.UserStore) {
	src := newSource()
	ok(t, store.CreateMany(t.Context(), []accounts.Account{src.account("somebody")}))
	for _, id := range []string{src.id(ident.User), "", "usr_", "nobody"} {
		_, err := store.User(t.Context(), id)
		wantKind(t, err, fault.NotFound)
		_, err = store.PasswordHash(t.Context(), id)
		wantKind(t, err, fault.NotFound)
		wantKind(t, store.SetRole(t.Context(), id, accounts.Seller), fault.NotFound)
		wantKind(t, store.ReplacePasswordHash(t.Context(), id, "", "new"), fault.NotFound)
	}
}

func createsManyOrNone(t *testing.T, store accounts.UserStore) {
	people := many(3, newSource().account)
	ok(t, store.CreateMany(t.Context(), people[1:2]))
	taken := slices.Clone(people)
	taken[1].Name = "an impostor"
	wantKind(t, store.CreateMany(t.Context(), taken), fault.Conflict)
	twice := []accounts.Account{people[0], people[2], people[0]}
	wantKind(t, store.CreateMany(t.Context(), twice), fault.Conflict)
	for _, i := range []int{0, 2} {
		_, err := store.User(t.Context(), people[i].ID)
		wantKind(t, err, fault.NotFound)
	}
	got(t, people[1].User)(store.User(t.Context(), people[1].ID))
}

func createsOneOfAnID(t *testing.T, store accounts.UserStore) {
	const rivals = 16
	var created, refused atomic.Int64
	src := newSource()
	id := src.id(ident.User)
	var wg sync.WaitGroup
	for _, a := range many(rivals, src.account) {
		a.ID = id
		wg.Go(func() {
			switch err := store.CreateMany(t.Context(), []accounts.Account{a}); {
			case err == nil:
				created.Add(1)
			case fault.Is(err, fault.Conflict):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if created.Load() != 1 || refused.Load() != rivals-1 {
		t.Errorf("created %d and refused %d of %d rivals, want 1 and the rest", created.Load(), refused.Load(), rivals)
	}
}

func changesRole(t *testing.T, store accounts.UserStore) {
	people := many(2, newSource().account)
	ok(t, store.CreateMany(t.Context(), people))
	for _, role := range accounts.Roles {
		ok(t, store.SetRole(t.Context(), people[0].ID, role))
		want := people[0].User
		want.Role = role
		got(t, want)(store.User(t.Context(), people[0].ID))
	}
	got(t, people[1].User)(store.User(t.Context(), people[1].ID))
	got(t, people[0].PasswordHash)(store.PasswordHash(t.Context(), people[0].ID))
}

func replacesHash(t *testing.T, store accounts.UserStore) {
	people := many(2, newSource().account)
	people[1].PasswordHash = ""
	ok(t, store.CreateMany(t.Context(), people))
	for _, a := range people {
		wantKind(t, store.ReplacePasswordHash(t.Context(), a.ID, "not the current one", "new"), fault.Stale)
		got(t, a.PasswordHash)(store.PasswordHash(t.Context(), a.ID))
		ok(t, store.ReplacePasswordHash(t.Context(), a.ID, a.PasswordHash, "new"))
		got(t, "new")(store.PasswordHash(t.Context(), a.ID))
		wantKind(t, store.ReplacePasswordHash(t.Context(), a.ID, a.PasswordHash, "newer"), fault.Stale)
		ok(t, store.ReplacePasswordHash(t.Context(), a.ID, "new", ""))
		got(t, "")(store.PasswordHash(t.Context(), a.ID))
	}
}

func replacesHashOnce(t *testing.T, store accounts.UserStore) {
	const rivals = 16
	account := newSource().account("somebody")
	ok(t, store.CreateMany(t.Context(), []accounts.Account{account}))
	var replaced atomic.Int64
	var wg sync.WaitGroup
	for _, hash := range many(rivals, func(name string) string { return name }) {
		wg.Go(func() {
			switch err := store.ReplacePasswordHash(t.Context(), account.ID, account.PasswordHash, hash); {
			case err == nil:
				replaced.Add(1)
			case !fault.Is(err, fault.Stale):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if replaced.Load() != 1 {
		t.Errorf("%d of %d replaced the same hash, want 1", replaced.Load(), rivals)
	}
}

// BenchmarkUsers measures the reading of profiles, and bulk creation in batches of 1,000.
func BenchmarkUsers(b *testing.B, open func(b *testing.B) accounts.UserStore) {
	b.Run("create 1000", func(b *testing.B) {
		store, src := open(b), newSource()
		for b.Loop() {
			ok(b, store.CreateMany(b.Context(), many(1000, src.account)))
		}
	})
	b.Run("read", func(b *testing.B) {
		store, people := open(b), many(1000, newSource().account)
		ok(b, store.CreateMany(b.Context(), people))
		for i := 0; b.Loop(); i++ {
			_, err := store.User(b.Context(), people[i%len(people)].ID)
			ok(b, err)
		}
	})
}
