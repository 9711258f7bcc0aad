package accounts_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/telemetry"
)

func TestSignInDoesNotTellAnUnknownAddressFromAWrongPassword(t *testing.T) {
	service, s := open()
	register(t, service, "reader@example.org")
	if err := s.users.CreateMany(t.Context(), []accounts.Account{{User: accounts.User{ID: "usr_imported"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.personal.Claim(t.Context(), "imported@example.org", "usr_imported"); err != nil {
		t.Fatal(err)
	}
	_, want := service.SignIn(t.Context(), "", "reader@example.org", "a wrong password")
	if fault.CodeOf(want) != "invalid_credentials" || !fault.Is(want, fault.Unauthenticated) {
		t.Fatalf("a wrong password gave %v, want invalid_credentials", want)
	}
	for _, tt := range []struct{ name, email, password string }{
		{"unknown address", "nobody@example.org", "correct horse"},
		{"no address", "nobody", "correct horse"},
		{"a user without a password", "imported@example.org", "correct horse"},
		{"a password that is cut", "reader@example.org", "correct hors"},
		{"a password in other case", "reader@example.org", "Correct horse"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := service.SignIn(t.Context(), "", tt.email, tt.password)
			if err == nil || err.Error() != want.Error() || fault.CodeOf(err) != fault.CodeOf(want) {
				t.Errorf("got %+v, %v; want %v", c, err, want)
			}
		})
	}
}

func TestSignInNamesTheFieldsThatAreMissingOrTooLong(t *testing.T) {
	service, _ := open()
	for _, tt := range []struct {
		email, password string
		want            string
	}{
		{"", "", "email password"},
		{"reader@example.org", "", "password"},
		{strings.Repeat("x", 255), strings.Repeat("x", 257), "email password"},
		{"\xff@example.org", "correct horse", "email"},
		{"reader\x00@example.org", "correct horse", "email"},
	} {
		_, err := service.SignIn(t.Context(), "", tt.email, tt.password)
		if got := strings.Join(fields(err), " "); got != tt.want || !fault.Is(err, fault.Invalid) {
			t.Errorf("SignIn(%.10q…, %.10q…) = %v naming %q, want %q", tt.email, tt.password, err, got, tt.want)
		}
	}
}

func TestSignInIsCounted(t *testing.T) {
	s, metrics := memory(), telemetry.NewMetrics()
	service := accounts.NewService(s.users, s.personal, s.sessions,
		accounts.Options{Hashing: accounts.Hashing{MemoryKiB: 8, Passes: 1}, Metrics: metrics})
	register(t, service, "reader@example.org")
	_, err := service.SignIn(t.Context(), "", "reader@example.org", "a wrong password")
	wantKind(t, err, fault.Unauthenticated)
	if got, _ := metrics.Value("agora_sign_ins_total"); got != 2 {
		t.Errorf("%v sign-ins are counted, want 2", got)
	}
}

func TestSignInStrengthensAWeakHash(t *testing.T) {
	s := memory()
	p, _ := register(t, s.service(), "reader@example.org")
	weak, err := s.users.PasswordHash(t.Context(), p.UserID)
	if err != nil {
		t.Fatal(err)
	}
	dearer := accounts.NewService(s.users, s.personal, s.sessions,
		accounts.Options{Hashing: accounts.Hashing{MemoryKiB: 16, Passes: 2}})

	_, err = dearer.SignIn(t.Context(), "", "reader@example.org", "a wrong password")
	wantKind(t, err, fault.Unauthenticated)
	if hash, _ := s.users.PasswordHash(t.Context(), p.UserID); hash != weak {
		t.Errorf("a wrong password replaced the hash by %s", hash)
	}
	signIn(t, dearer, "reader@example.org")
	strong, err := s.users.PasswordHash(t.Context(), p.UserID)
	if err != nil || !strings.Contains(strong, "$m=16,t=2,p=1$") {
		t.Errorf("after signing in the hash is %s (%v), want one of the dearer cost", strong, err)
	}
	signIn(t, s.service(), "reader@example.org")
	if hash, _ := s.users.PasswordHash(t.Context(), p.UserID); hash != strong {
		t.Errorf("a cheaper service replaced the hash by %s", hash)
	}
}

// stubbornUsers keeps every password hash as it is.
type stubbornUsers struct{ accounts.UserStore }

func (stubbornUsers) ReplacePasswordHash(context.Context, string, string, string) error {
	return accounts.ErrPasswordChanged()
}

func TestSignInSucceedsWhereTheWeakHashStays(t *testing.T) {
	s := memory()
	register(t, s.service(), "reader@example.org")
	var log strings.Builder
	dearer := accounts.NewService(stubbornUsers{s.users}, s.personal, s.sessions, accounts.Options{
		Hashing: accounts.Hashing{MemoryKiB: 16, Passes: 2}, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	signIn(t, dearer, "reader@example.org")
	if !strings.Contains(log.String(), "a weak password hash could not be replaced") || strings.Contains(log.String(), "argon2id") {
		t.Errorf("the log says %q, want that the hash could not be replaced, without the hash", log.String())
	}
}

func TestSessionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, s := open()
		p, credential := register(t, service, "reader@example.org")
		if got := credential.Session.ExpiresAt; !got.Equal(time.Now().Add(30 * 24 * time.Hour)) {
			t.Errorf("the session expires at %v, want 30 days from now", got)
		}
		time.Sleep(accounts.SessionTTL - time.Nanosecond)
		authenticate(t, service, credential)
		if n, err := service.DropExpired(t.Context()); n != 0 || err != nil {
			t.Errorf("DropExpired removed %d sessions (%v) before their time", n, err)
		}
		time.Sleep(time.Nanosecond)
		wantEnded(t, service, credential)

		_, live := register(t, service, "other@example.org")
		if n, err := service.DropExpired(t.Context()); n != 1 || err != nil {
			t.Errorf("DropExpired removed %d sessions (%v), want 1", n, err)
		}
		authenticate(t, service, live)
		if left, err := s.sessions.OfUser(t.Context(), p.UserID); len(left) != 0 || err != nil {
			t.Errorf("%d expired sessions are left (%v), want none", len(left), err)
		}
	})
}

func TestDropExpiredGoesOnUntilNothingIsLeft(t *testing.T) {
	service, s := open()
	const many = 2500
	for i := range many {
		hash := accounts.TokenHash{byte(i), byte(i >> 8)}
		if err := s.sessions.Create(t.Context(), hash, accounts.Session{ExpiresAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := service.DropExpired(t.Context()); n != many || err != nil {
		t.Errorf("DropExpired removed %d sessions (%v), want %d", n, err, many)
	}
}

func TestSignOutEndsOneSession(t *testing.T) {
	service, _ := open()
	_, here := register(t, service, "reader@example.org")
	_, there := signIn(t, service, "reader@example.org")
	for range 2 {
		if err := service.SignOut(t.Context(), here.Token); err != nil {
			t.Fatal(err)
		}
		wantEnded(t, service, here)
	}
	authenticate(t, service, there)
	if err := service.SignOut(t.Context(), "no token"); err != nil {
		t.Errorf("signing out nobody gave %v", err)
	}
}

func TestEndSessionsIsForTheUserAndAdmins(t *testing.T) {
	service, _ := open()
	admin := bootstrap(t, service)
	p, first := register(t, service, "reader@example.org")
	other, stays := register(t, service, "other@example.org")
	wantKind(t, service.EndSessions(t.Context(), accounts.Principal{}, p.UserID), fault.Unauthenticated)
	wantKind(t, service.EndSessions(t.Context(), other, p.UserID), fault.Denied)
	authenticate(t, service, first)
	for _, by := range []accounts.Principal{p, admin} {
		_, second := signIn(t, service, "reader@example.org")
		if err := service.EndSessions(t.Context(), by, p.UserID); err != nil {
			t.Fatal(err)
		}
		wantEnded(t, service, first)
		wantEnded(t, service, second)
	}
	authenticate(t, service, stays)
}

// countingSessions counts the reads, and fails them with an error if there is one.
type countingSessions struct {
	accounts.SessionStore
	reads int
	err   error
}

func (c *countingSessions) Session(ctx context.Context, hash accounts.TokenHash) (accounts.Session, error) {
	c.reads++
	if c.err != nil {
		return accounts.Session{}, c.err
	}
	return c.SessionStore.Session(ctx, hash)
}

func TestAuthenticate(t *testing.T) {
	s := memory()
	counting := &countingSessions{SessionStore: s.sessions}
	s.sessions = counting
	service := s.service()
	_, credential := register(t, service, "reader@example.org")
	token := credential.Token
	if !strings.HasPrefix(token, "agora_") || len(token) != 58 {
		t.Errorf("the token is %q, want agora_ and 52 characters", token)
	}

	counting.reads = 0
	p := authenticate(t, service, credential)
	if p.SessionID != credential.Session.ID || counting.reads != 1 {
		t.Errorf("authenticated as %+v with %d reads, want the session %s with one", p, counting.reads, credential.Session.ID)
	}
	altered := token[:len(token)-2] + "aa"
	if altered == token {
		altered = token[:len(token)-2] + "ba"
	}
	for _, bad := range []string{"", "agora_", altered, token + "a", token[1:], strings.ToUpper(token), "Bearer " + token} {
		if p, err := service.Authenticate(t.Context(), bad); !fault.Is(err, fault.Unauthenticated) || p.Known() {
			t.Errorf("Authenticate(%q) = %+v, %v; want unauthenticated", bad, p, err)
		}
	}
	if counting.reads != 2 {
		t.Errorf("%d reads of the store, want one for the token and one for the altered one", counting.reads)
	}

	// A store that is away must not sign everybody out.
	counting.err = fault.New(fault.Unavailable, "", "the store is away")
	_, err := service.Authenticate(t.Context(), token)
	wantKind(t, err, fault.Unavailable)
}

func TestIssueToken(t *testing.T) {
	service, _ := open()
	admin := bootstrap(t, service)
	shopper, _ := register(t, service, "reader@example.org")
	year := 365 * 24 * time.Hour
	for _, tt := range []struct {
		name  string
		by    accounts.Principal
		grant accounts.Grant
		want  accounts.Principal // with the user and role of the token
		kind  fault.Kind         // of the error if want is nobody
	}{
		{"the admin's own", admin, accounts.Grant{}, accounts.Principal{UserID: admin.UserID, Role: accounts.Admin}, 0},
		{"the admin as seller", admin, accounts.Grant{Role: accounts.Seller, TTL: year, Note: "imports"},
			accounts.Principal{UserID: admin.UserID, Role: accounts.Seller}, 0},
		{"a shopper's", admin, accounts.Grant{UserID: shopper.UserID, TTL: time.Second},
			accounts.Principal{UserID: shopper.UserID, Role: accounts.Shopper}, 0},
		{"more than the user's", admin, accounts.Grant{UserID: shopper.UserID, Role: accounts.Seller}, accounts.Principal{}, fault.Invalid},
		{"for figures", admin, accounts.Grant{Role: accounts.Metrics}, accounts.Principal{UserID: admin.UserID, Role: accounts.Metrics}, 0},
		{"a shopper's for figures", admin, accounts.Grant{UserID: shopper.UserID, Role: accounts.Metrics}, accounts.Principal{}, fault.Invalid},
		{"of no role", admin, accounts.Grant{Role: "owner"}, accounts.Principal{}, fault.Invalid},
		{"of nobody", admin, accounts.Grant{UserID: "usr_1"}, accounts.Principal{}, fault.NotFound},
		{"too short", admin, accounts.Grant{TTL: time.Millisecond}, accounts.Principal{}, fault.Invalid},
		{"in the past", admin, accounts.Grant{TTL: -time.Hour}, accounts.Principal{}, fault.Invalid},
		{"too long", admin, accounts.Grant{TTL: 11 * year}, accounts.Principal{}, fault.Invalid},
		{"with a long note", admin, accounts.Grant{Note: strings.Repeat("x", 201)}, accounts.Principal{}, fault.Invalid},
		{"with a note on two lines", admin, accounts.Grant{Note: "a\nb"}, accounts.Principal{}, fault.Invalid},
		{"by a shopper", shopper, accounts.Grant{}, accounts.Principal{}, fault.Denied},
		{"by nobody", accounts.Principal{}, accounts.Grant{}, accounts.Principal{}, fault.Unauthenticated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			credential, err := service.IssueToken(t.Context(), tt.by, tt.grant)
			if !tt.want.Known() {
				wantKind(t, err, tt.kind)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			p := authenticate(t, service, credential)
			if p.UserID != tt.want.UserID || p.Role != tt.want.Role {
				t.Errorf("the token stands for %+v, want %+v", p, tt.want)
			}
			session := credential.Session
			ttl := session.ExpiresAt.Sub(session.CreatedAt)
			if want := max(tt.grant.TTL, 0); session.Kind != accounts.Issued || session.Note != tt.grant.Note || (want != 0 && ttl != want) {
				t.Errorf("the session is %+v for %v, want an issued one for %v", session, ttl, want)
			}
		})
	}
}

// meddling changes the role of a user at the worst moment: after their session was decided on and stored
// nowhere yet.
type meddling struct {
	accounts.SessionStore
	meddle func()
}

func (m *meddling) Create(ctx context.Context, hash accounts.TokenHash, session accounts.Session) error {
	if m.meddle != nil {
		m.meddle()
	}
	return m.SessionStore.Create(ctx, hash, session)
}

func TestNoSessionSurvivesAChangeOfRole(t *testing.T) {
	s := memory()
	sessions := &meddling{SessionStore: s.sessions}
	s.sessions = sessions
	service := s.service()
	admin := bootstrap(t, service)
	p, _ := register(t, service, "reader@example.org")

	sessions.meddle = func() {
		if err := service.ChangeRole(t.Context(), admin, p.UserID, accounts.Seller); err != nil {
			t.Error(err)
		}
	}
	_, err := service.SignIn(t.Context(), "", "reader@example.org", reader().Password)
	if fault.CodeOf(err) != "role_changed" {
		t.Errorf("signing in while the role changes gave %v, want role_changed", err)
	}
	if left, err := s.sessions.OfUser(t.Context(), p.UserID); len(left) != 0 || err != nil {
		t.Errorf("%d sessions of the former role are left (%v), want none", len(left), err)
	}
	sessions.meddle = nil
	if p, _ := signIn(t, service, "reader@example.org"); p.Role != accounts.Seller {
		t.Errorf("after the change the role is %s, want seller", p.Role)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	service, _ := open()
	credential, err := service.BootstrapAdmin(b.Context(), accounts.MaxTokenTTL)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := service.Authenticate(b.Context(), credential.Token); err != nil {
			b.Fatal(err)
		}
	}
}
