package accountstest

import (
	"slices"
	"sync"
	"testing"

	"agora/accounts"
	"agora/fault"
	"agora/ident"
)

// Personal is the suite of PersonalStore. Each call of open gives an empty store.
func Personal(t *testing.T, open func(t *testing.T) accounts.PersonalStore) {
	for name, test := range map[string]func(*testing.T, accounts.PersonalStore){
		"keeps every field":                     keepsPeople,
		"knows nobody who is not there":         knowsNoPerson,
		"gives an address to the first claimer": claims,
		"gives a user one address":              claimsOnce,
		"agrees on one of many claimers":        agreesOnClaimer,
		"creates many or none":                  createsManyPeopleOrNone,
		"replaces the details":                  replacesDetails,
		"forgets":                               forgets,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func keepsPeople(t *testing.T, store accounts.PersonalStore) {
	src := newSource()
	people := many(1000, src.person)
	people = append(people, accounts.Personal{UserID: src.id(ident.User), Email: "jürgen@exämple.org"})
	ok(t, store.CreateMany(t.Context(), people))
	for _, p := range people {
		got(t, p)(store.Personal(t.Context(), p.UserID))
		got(t, p.UserID)(store.UserIDByEmail(t.Context(), p.Email))
	}
	ok(t, store.CreateMany(t.Context(), nil))
}

func knowsNoPerson(t *testing.T, store accounts.PersonalStore) {
	src := newSource()
	ok(t, store.CreateMany(t.Context(), []accounts.Personal{src.person("somebody")}))
	for _, id := range []string{src.id(ident.User), "", "usr_", "nobody"} {
		_, err := store.Personal(t.Context(), id)
		wantKind(t, err, fault.NotFound)
		wantKind(t, store.SetDetails(t.Context(), id, accounts.Details{}), fault.NotFound)
		ok(t, store.Delete(t.Context(), id))
	}
	for _, email := range []string{"", "nobody@example.org", "somebody@example.or"} {
		_, err := store.UserIDByEmail(t.Context(), email)
		wantKind(t, err, fault.NotFound)
	}
}

func claims(t *testing.T, store accounts.PersonalStore) {
	src := newSource()
	first, second := src.id(ident.User), src.id(ident.User)
	got(t, first)(store.Claim(t.Context(), "a@example.org", first))
	got(t, first)(store.Claim(t.Context(), "a@example.org", second))
	got(t, first)(store.Claim(t.Context(), "a@example.org", first))
	got(t, second)(store.Claim(t.Context(), "b@example.org", second))
	got(t, accounts.Personal{UserID: first, Email: "a@example.org"})(store.Personal(t.Context(), first))
	got(t, second)(store.UserIDByEmail(t.Context(), "b@example.org"))
}

func claimsOnce(t *testing.T, store accounts.PersonalStore) {
	id := newSource().id(ident.User)
	got(t, id)(store.Claim(t.Context(), "a@example.org", id))
	_, err := store.Claim(t.Context(), "b@example.org", id)
	wantKind(t, err, fault.Conflict)
	got(t, id)(store.UserIDByEmail(t.Context(), "a@example.org"))
	_, err = store.UserIDByEmail(t.Context(), "b@example.org")
	wantKind(t, err, fault.NotFound)
}

func agreesOnClaimer(t *testing.T, store accounts.PersonalStore) {
	const rivals = 16
	src := newSource()
	holders := make([]string, rivals)
	var wg sync.WaitGroup
	for i := range rivals {
		id := src.id(ident.User)
		wg.Go(func() {
			holder, err := store.Claim(t.Context(), "a@example.org", id)
			if err != nil {
				t.Error(err)
			}
			holders[i] = holder
		})
	}
	wg.Wait()
	if distinct := slices.Compact(slices.Sorted(slices.Values(holders))); len(distinct) != 1 {
		t.Errorf("%d claimers were told of the holders %v, want one", rivals, distinct)
	}
	got(t, holders[0])(store.UserIDByEmail(t.Context(), "a@example.org"))
}

func createsManyPeopleOrNone(t *testing.T, store accounts.PersonalStore) {
	src := newSource()
	people := many(4, src.person)
	ok(t, store.CreateMany(t.Context(), people[:1]))
	sameUser, sameEmail := people[2], people[2]
	sameUser.Email = "another@example.org"
	sameEmail.UserID = src.id(ident.User)
	for _, batch := range [][]accounts.Personal{
		{people[1], people[0]},
		{people[1], {UserID: people[0].UserID, Email: "free@example.org"}},
		{people[1], {UserID: src.id(ident.User), Email: people[0].Email}},
		{people[1], people[2], sameUser},
		{people[1], people[2], sameEmail},
	} {
		wantKind(t, store.CreateMany(t.Context(), batch), fault.Conflict)
		for _, p := range people[1:] {
			_, err := store.Personal(t.Context(), p.UserID)
			wantKind(t, err, fault.NotFound)
			_, err = store.UserIDByEmail(t.Context(), p.Email)
			wantKind(t, err, fault.NotFound)
		}
	}
	got(t, people[0])(store.Personal(t.Context(), people[0].UserID))
}

func replacesDetails(t *testing.T, store accounts.PersonalStore) {
	people := many(2, newSource().person)
	ok(t, store.CreateMany(t.Context(), people))
	for _, details := range []accounts.Details{{Address: "elsewhere"}, {BirthDate: "2000-02-29"}, {}} {
		ok(t, store.SetDetails(t.Context(), people[0].UserID, details))
		want := accounts.Personal{UserID: people[0].UserID, Email: people[0].Email, Details: details}
		got(t, want)(store.Personal(t.Context(), people[0].UserID))
	}
	got(t, people[0].UserID)(store.UserIDByEmail(t.Context(), people[0].Email))
	got(t, people[1])(store.Personal(t.Context(), people[1].UserID))
}

func forgets(t *testing.T, store accounts.PersonalStore) {
	src := newSource()
	people := many(2, src.person)
	ok(t, store.CreateMany(t.Context(), people))
	for range 2 {
		ok(t, store.Delete(t.Context(), people[0].UserID))
		_, err := store.Personal(t.Context(), people[0].UserID)
		wantKind(t, err, fault.NotFound)
		_, err = store.UserIDByEmail(t.Context(), people[0].Email)
		wantKind(t, err, fault.NotFound)
	}
	got(t, people[1])(store.Personal(t.Context(), people[1].UserID))
	successor := src.id(ident.User)
	got(t, successor)(store.Claim(t.Context(), people[0].Email, successor))
}
