package accounts_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"agora/accounts"
	"agora/fault"
)

// stores are the ports of a service under test, each of which a test may replace by one that misbehaves.
type stores struct {
	users    accounts.UserStore
	personal accounts.PersonalStore
	sessions accounts.SessionStore
}

func memory() stores {
	return stores{accounts.NewMemoryUsers(), accounts.NewMemoryPersonal(), accounts.NewMemorySessions()}
}

// service returns a service over the stores whose hashing is cheap.
func (s stores) service() *accounts.Service {
	return accounts.NewService(s.users, s.personal, s.sessions,
		accounts.Options{Hashing: accounts.Hashing{MemoryKiB: 8, Passes: 1}})
}

func open() (*accounts.Service, stores) {
	s := memory()
	return s.service(), s
}

func reader() accounts.Registration {
	return accounts.Registration{
		Email: "Reader@Example.org", Password: "correct horse", Name: " A reader ", Country: "IE",
		Address: "1 Quay Street\nGalway\n", BirthDate: "1990-12-31",
	}
}

// register makes a user with an address of their own and signs them in.
func register(t *testing.T, service *accounts.Service, email string) (accounts.Principal, accounts.Credential) {
	t.Helper()
	r := reader()
	r.Email = email
	if _, err := service.Register(t.Context(), "", r); err != nil {
		t.Fatal(err)
	}
	return signIn(t, service, email)
}

func signIn(t *testing.T, service *accounts.Service, email string) (accounts.Principal, accounts.Credential) {
	t.Helper()
	credential, err := service.SignIn(t.Context(), "", email, reader().Password)
	if err != nil {
		t.Fatal(err)
	}
	return authenticate(t, service, credential), credential
}

func authenticate(t *testing.T, service *accounts.Service, c accounts.Credential) accounts.Principal {
	t.Helper()
	p, err := service.Authenticate(t.Context(), c.Token)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// bootstrap returns the principal of the first admin.
func bootstrap(t *testing.T, service *accounts.Service) accounts.Principal {
	t.Helper()
	credential, err := service.BootstrapAdmin(t.Context(), accounts.MaxTokenTTL)
	if err != nil {
		t.Fatal(err)
	}
	return authenticate(t, service, credential)
}

func wantKind(t *testing.T, err error, want fault.Kind) {
	t.Helper()
	if !fault.Is(err, want) {
		t.Errorf("got error %v, want one of kind %v", err, want)
	}
}

func wantEnded(t *testing.T, service *accounts.Service, c accounts.Credential) {
	t.Helper()
	p, err := service.Authenticate(t.Context(), c.Token)
	if !fault.Is(err, fault.Unauthenticated) || p.Known() {
		t.Errorf("the token stands for %+v (%v), want nobody", p, err)
	}
}

func TestRegisteredUsersSeeThemselves(t *testing.T) {
	service, _ := open()
	user, err := service.Register(t.Context(), "", reader())
	if err != nil {
		t.Fatal(err)
	}
	p, _ := signIn(t, service, "reader@EXAMPLE.ORG")
	if p.UserID != user.ID || p.Role != accounts.Shopper {
		t.Errorf("signed in as %+v, want the shopper %s", p, user.ID)
	}
	me, err := service.Me(t.Context(), p)
	want := accounts.Profile{
		User: accounts.User{ID: user.ID, Name: "A reader", Country: "IE", Role: accounts.Shopper, CreatedAt: user.CreatedAt},
		Personal: accounts.Personal{UserID: user.ID, Email: "reader@example.org",
			Details: accounts.Details{Address: "1 Quay Street\nGalway", BirthDate: "1990-12-31"}},
	}
	if err != nil || me != want {
		t.Errorf("Me = %+v, %v; want %+v", me, err, want)
	}
	_, err = service.Me(t.Context(), accounts.Principal{})
	wantKind(t, err, fault.Unauthenticated)
}

func TestAnAddressIsRegisteredOnce(t *testing.T) {
	service, _ := open()
	register(t, service, "reader@example.org")
	again := reader()
	again.Email, again.Password, again.Address = "READER@example.org", "another password", "elsewhere"
	_, err := service.Register(t.Context(), "", again)
	if fault.CodeOf(err) != "email_taken" || !fault.Is(err, fault.Conflict) || len(fields(err)) != 1 || fields(err)[0] != "email" {
		t.Errorf("the second registration gave %v about %v, want email_taken about email", err, fields(err))
	}
	p, _ := signIn(t, service, "reader@example.org")
	if me, err := service.Me(t.Context(), p); err != nil || me.Personal.Address == again.Address {
		t.Errorf("the refused registration changed the profile to %+v (%v)", me, err)
	}
}

func TestOneOfManyConcurrentRegistrationsWins(t *testing.T) {
	service, s := open()
	const rivals = 16
	errs := make([]error, rivals)
	rival := func(i int) accounts.Registration {
		return accounts.Registration{
			Email: "reader@example.org", Password: fmt.Sprintf("password %d", i), Name: fmt.Sprintf("Rival %d", i),
			Country: "IE", Address: fmt.Sprintf("%d Quay Street", i),
		}
	}
	var wg sync.WaitGroup
	for i := range rivals {
		wg.Go(func() { _, errs[i] = service.Register(t.Context(), "", rival(i)) })
	}
	wg.Wait()
	var winners int
	for i, err := range errs {
		_, signInErr := service.SignIn(t.Context(), accounts.Origin(fmt.Sprint(i)), "reader@example.org", rival(i).Password)
		if err != nil {
			if fault.CodeOf(err) != "email_taken" || !fault.Is(signInErr, fault.Unauthenticated) {
				t.Errorf("rival %d lost with %v and then signed in with %v", i, err, signInErr)
			}
			continue
		}
		winners++
		id, err := s.personal.UserIDByEmail(t.Context(), "reader@example.org")
		if err != nil || signInErr != nil {
			t.Fatalf("the winner cannot sign in: %v, %v", err, signInErr)
		}
		me, err := service.Me(t.Context(), accounts.Principal{UserID: id, Role: accounts.Shopper})
		if err != nil || me.Name != rival(i).Name || me.Personal.Address != rival(i).Address {
			t.Errorf("rival %d won, but the profile is %+v (%v)", i, me, err)
		}
	}
	if winners != 1 {
		t.Errorf("%d of %d registrations of one address won, want 1", winners, rivals)
	}
}

var errKilled = fault.New(fault.Unavailable, "", "killed")

// killedUsers and killedPersonal fail one write as if the process were killed before it.
type (
	killedUsers struct {
		accounts.UserStore
		revived bool
	}
	killedPersonal struct {
		accounts.PersonalStore
		revived bool
	}
)

func (k *killedUsers) CreateMany(ctx context.Context, people []accounts.Account) error {
	if !k.revived {
		k.revived = true
		return errKilled
	}
	return k.UserStore.CreateMany(ctx, people)
}

func (k *killedPersonal) SetDetails(ctx context.Context, id string, details accounts.Details) error {
	if !k.revived {
		k.revived = true
		return errKilled
	}
	return k.PersonalStore.SetDetails(ctx, id, details)
}

func TestAClaimWithoutAUserIsTakenOver(t *testing.T) {
	s := memory()
	s.users = &killedUsers{UserStore: s.users}
	service := s.service()
	lost := reader()
	lost.Password, lost.Address = "the lost password", "a stranger's address"
	_, err := service.Register(t.Context(), "", lost)
	wantKind(t, err, fault.Unavailable)
	if _, err := s.personal.UserIDByEmail(t.Context(), "reader@example.org"); err != nil {
		t.Fatalf("there is no claim to take over: %v", err)
	}
	_, err = service.SignIn(t.Context(), "", lost.Email, lost.Password)
	if fault.CodeOf(err) != "invalid_credentials" {
		t.Errorf("signing in to a claim without a user gave %v, want invalid_credentials", err)
	}

	user, err := service.Register(t.Context(), "", reader())
	if err != nil {
		t.Fatalf("the claim is not taken over: %v", err)
	}
	p, _ := signIn(t, service, "reader@example.org")
	me, err := service.Me(t.Context(), p)
	if err != nil || me.User != user || me.Personal.Address != "1 Quay Street\nGalway" {
		t.Errorf("after the takeover Me = %+v, %v; want %+v with their own address", me, err, user)
	}
	_, err = service.Register(t.Context(), "", lost)
	if fault.CodeOf(err) != "email_taken" {
		t.Errorf("a third registration gave %v, want email_taken", err)
	}
}

func TestAUserWithoutDetailsCanSignIn(t *testing.T) {
	s := memory()
	s.personal = &killedPersonal{PersonalStore: s.personal}
	service := s.service()
	_, err := service.Register(t.Context(), "", reader())
	wantKind(t, err, fault.Unavailable)
	p, _ := signIn(t, service, "reader@example.org")
	me, err := service.Me(t.Context(), p)
	if err != nil || me.Personal.Details != (accounts.Details{}) {
		t.Errorf("Me = %+v, %v; want no details", me, err)
	}
}

func TestChangeRole(t *testing.T) {
	service, _ := open()
	admin := bootstrap(t, service)
	shopper, session := register(t, service, "reader@example.org")
	_, other := register(t, service, "other@example.org")
	token, err := service.IssueToken(t.Context(), admin, accounts.Grant{UserID: shopper.UserID})
	if err != nil {
		t.Fatal(err)
	}

	if err := service.ChangeRole(t.Context(), admin, shopper.UserID, accounts.Seller); err != nil {
		t.Fatal(err)
	}
	wantEnded(t, service, session)
	wantEnded(t, service, token)
	if p := authenticate(t, service, other); p.Role != accounts.Shopper {
		t.Errorf("somebody else became %s", p.Role)
	}
	if p, _ := signIn(t, service, "reader@example.org"); p.Role != accounts.Seller {
		t.Errorf("after the change the role is %s, want seller", p.Role)
	}
}

func TestChangeRoleIsForAdminsAndNotForThemselves(t *testing.T) {
	service, _ := open()
	admin := bootstrap(t, service)
	shopper, session := register(t, service, "reader@example.org")
	for _, tt := range []struct {
		name string
		by   accounts.Principal
		user string
		role accounts.Role
		want fault.Kind
	}{
		{"nobody", accounts.Principal{}, shopper.UserID, accounts.Seller, fault.Unauthenticated},
		{"a shopper", shopper, shopper.UserID, accounts.Admin, fault.Denied},
		{"a seller", accounts.Principal{UserID: shopper.UserID, Role: accounts.Seller}, shopper.UserID, accounts.Admin, fault.Denied},
		{"an admin of themself", admin, admin.UserID, accounts.Shopper, fault.Denied},
		{"to a role of tokens", admin, shopper.UserID, accounts.Metrics, fault.Invalid},
		{"to no role", admin, shopper.UserID, "owner", fault.Invalid},
		{"of nobody", admin, "usr_1", accounts.Seller, fault.NotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantKind(t, service.ChangeRole(t.Context(), tt.by, tt.user, tt.role), tt.want)
		})
	}
	if p := authenticate(t, service, session); p.Role != accounts.Shopper {
		t.Errorf("a refused change made the shopper %s", p.Role)
	}
}

func TestBootstrapAdminIsOneUser(t *testing.T) {
	s := memory()
	s.users = &killedUsers{UserStore: s.users}
	service := s.service()
	_, err := service.BootstrapAdmin(t.Context(), accounts.MaxTokenTTL)
	wantKind(t, err, fault.Unavailable)

	first, err := service.BootstrapAdmin(t.Context(), accounts.MaxTokenTTL)
	if err != nil {
		t.Fatal(err)
	}
	before := authenticate(t, service, first)
	if !before.Is(accounts.Admin) {
		t.Errorf("the first admin is %+v, want an admin", before)
	}
	if me, err := service.Me(t.Context(), before); err != nil || me.Role != accounts.Admin {
		t.Errorf("Me = %+v, %v; want an admin of whom nothing personal is known", me, err)
	}
	after := bootstrap(t, service)
	if after.UserID != before.UserID {
		t.Errorf("the second token is %s's, want %s's", after.UserID, before.UserID)
	}
	if p := authenticate(t, service, first); !p.Is(accounts.Admin) {
		t.Errorf("the first token stands for %+v after another server began, want the admin", p)
	}
	if _, err := service.RenewAdmin(t.Context(), accounts.MaxTokenTTL); err != nil {
		t.Fatal(err)
	}
	wantEnded(t, service, first)
}

func TestBootstrapAdminGivesBackALostRole(t *testing.T) {
	service, s := open()
	first := bootstrap(t, service)
	if err := s.users.SetRole(t.Context(), first.UserID, accounts.Shopper); err != nil {
		t.Fatal(err)
	}
	if again := bootstrap(t, service); !again.Is(accounts.Admin) {
		t.Errorf("the first admin is %+v, want an admin again", again)
	}
}
