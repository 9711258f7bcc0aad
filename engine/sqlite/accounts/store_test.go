package accounts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agora/accounts"
	"agora/accounts/accountstest"
	"agora/fault"
	"agora/ident"
)

func openAccounts(tb testing.TB, dir string) *File {
	tb.Helper()
	file, err := OpenFile(tb.Context(), filepath.Join(dir, "accounts.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := file.Close(); err != nil {
			tb.Error(err)
		}
	})
	return file
}

func openPersonal(tb testing.TB, dir string) *Personal {
	tb.Helper()
	file, err := OpenPersonal(tb.Context(), filepath.Join(dir, "personal.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := file.Close(); err != nil {
			tb.Error(err)
		}
	})
	return file
}

func TestUsers(t *testing.T) {
	accountstest.Users(t, func(t *testing.T) accounts.UserStore { return openAccounts(t, t.TempDir()).Users() })
}

func TestPersonal(t *testing.T) {
	accountstest.Personal(t, func(t *testing.T) accounts.PersonalStore { return openPersonal(t, t.TempDir()) })
}

func TestSessions(t *testing.T) {
	accountstest.Sessions(t, func(t *testing.T) accounts.SessionStore { return openAccounts(t, t.TempDir()).Sessions() })
}

func BenchmarkUsers(b *testing.B) {
	accountstest.BenchmarkUsers(b, func(b *testing.B) accounts.UserStore { return openAccounts(b, b.TempDir()).Users() })
}

func BenchmarkSessions(b *testing.B) {
	accountstest.BenchmarkSessions(b, func(b *testing.B) accounts.SessionStore {
		return openAccounts(b, b.TempDir()).Sessions()
	})
}

// cheap keeps tests from spending their time on hashing.
var cheap = accounts.Options{Hashing: accounts.Hashing{MemoryKiB: 8, Passes: 1}}

func TestAccountsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	serve := func() (*accounts.Service, func()) {
		a, err := OpenFile(t.Context(), filepath.Join(dir, "accounts.db"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := OpenPersonal(t.Context(), filepath.Join(dir, "personal.db"))
		if err != nil {
			t.Fatal(err)
		}
		return accounts.NewService(a.Users(), p, a.Sessions(), cheap), func() {
			if a.Close() != nil || p.Close() != nil {
				t.Error("the files do not close")
			}
		}
	}
	registration := accounts.Registration{
		Email: "reader@example.org", Password: "correct horse", Name: "A reader", Country: "IE", BirthDate: "1990-12-31",
	}

	service, stop := serve()
	user, err := service.Register(t.Context(), "", registration)
	if err != nil {
		t.Fatal(err)
	}
	first, err := service.SignIn(t.Context(), "", registration.Email, registration.Password)
	if err != nil {
		t.Fatal(err)
	}
	stop()

	service, stop = serve()
	defer stop()
	p, err := service.Authenticate(t.Context(), first.Token)
	if err != nil {
		t.Fatal(err)
	}
	me, err := service.Me(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if me.User != user || me.Personal.BirthDate != registration.BirthDate {
		t.Errorf("after reopening the profile is %+v, want that of %+v", me, user)
	}
	if _, err := service.SignIn(t.Context(), "", registration.Email, registration.Password); err != nil {
		t.Errorf("after reopening nobody can sign in: %v", err)
	}
	if _, err := service.Register(t.Context(), "", registration); fault.CodeOf(err) != "email_taken" {
		t.Errorf("after reopening a second registration gave %v, want email_taken", err)
	}
}

// TestPersonalDataStaysInItsFile reads the raw files: nothing personal may be in the one that can leave the region.
func TestPersonalDataStaysInItsFile(t *testing.T) {
	dir := t.TempDir()
	a, p := openAccounts(t, dir), openPersonal(t, dir)
	service := accounts.NewService(a.Users(), p, a.Sessions(), cheap)
	r := accounts.Registration{
		Email: "reader@example.org", Password: "correct horse", Name: "A reader", Country: "IE",
		Address: "1 Quay Street", BirthDate: "1990-12-31",
	}
	if _, err := service.Register(t.Context(), "", r); err != nil {
		t.Fatal(err)
	}
	if _, err := service.SignIn(t.Context(), "", r.Email, r.Password); err != nil {
		t.Fatal(err)
	}
	public, private := raw(t, dir, "accounts.db"), raw(t, dir, "personal.db")
	if !strings.Contains(public, r.Name) {
		t.Fatal("the name is not in the file: the test looks in the wrong place")
	}
	for _, personal := range []string{r.Email, r.Address, r.BirthDate} {
		if !strings.Contains(private, personal) {
			t.Errorf("%q is not in personal.db", personal)
		}
		if strings.Contains(public, personal) {
			t.Errorf("%q is in accounts.db", personal)
		}
	}
}

// raw returns the bytes of a database file and its write-ahead log.
func raw(t *testing.T, dir, name string) string {
	t.Helper()
	var all strings.Builder
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(filepath.Join(dir, name+suffix))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

func TestAccountsRefuseWhatTheyCannotKeep(t *testing.T) {
	file := openAccounts(t, t.TempDir())
	good := accounts.User{ID: ident.New(ident.User), Name: "A reader", Role: accounts.Shopper, CreatedAt: time.Now()}
	badID, badRole := good, good
	badID.ID, badRole.Role = "usr_1", "owner"
	for _, user := range []accounts.User{badID, badRole} {
		err := file.Users().CreateMany(t.Context(), []accounts.Account{{User: good}, {User: user}})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("CreateMany(%+v) = %v, want an invalid error", user, err)
		}
	}
	if _, err := file.Users().User(t.Context(), good.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("of a refused batch the good user was read with %v, want not found", err)
	}
	session := accounts.Session{ID: ident.New(ident.Session), UserID: "usr_1", Role: accounts.Admin, Kind: accounts.Issued}
	if err := file.Sessions().Create(t.Context(), accounts.TokenHash{}, session); !fault.Is(err, fault.Invalid) {
		t.Errorf("Create of a session of usr_1 = %v, want an invalid error", err)
	}
}

// BenchmarkLoad loads people in batches, as generated data is, and reports what one takes on disk. Addresses
// that ascend fill the index from one end; those in no order touch a page of it each.
func BenchmarkLoad(b *testing.B) {
	for _, batch := range []int{1_000, 10_000} {
		b.Run(fmt.Sprintf("ascending/%d", batch), func(b *testing.B) {
			load(b, batch, func(i uint32) uint32 { return i })
		})
		b.Run(fmt.Sprintf("scattered/%d", batch), func(b *testing.B) {
			load(b, batch, func(i uint32) uint32 { return i * 2654435761 }) // distinct: the factor is odd
		})
	}
}

func load(b *testing.B, batch int, order func(uint32) uint32) {
	dir := b.TempDir()
	a, p := openAccounts(b, dir), openPersonal(b, dir)
	var total uint32
	for b.Loop() {
		users, people := make([]accounts.Account, batch), make([]accounts.Personal, batch)
		for i := range batch {
			id := ident.New(ident.User)
			users[i].User = accounts.User{ID: id, Name: "Somebody Generated", Country: "GB", Role: accounts.Shopper, CreatedAt: time.Now()}
			people[i] = accounts.Personal{UserID: id, Email: fmt.Sprintf("%08x@example.org", order(total))}
			total++
		}
		if err := a.Users().CreateMany(b.Context(), users); err != nil {
			b.Fatal(err)
		}
		if err := p.CreateMany(b.Context(), people); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "users/s")
	for _, name := range []string{"accounts.db", "personal.db"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size())/float64(total), name+"-B/user")
	}
}
