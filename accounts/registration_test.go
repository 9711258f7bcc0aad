package accounts_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agora/accounts"
	"agora/fault"
)

func TestRegisterNamesEveryFieldThatIsWrong(t *testing.T) {
	service, _ := open()
	for _, tt := range []struct {
		name   string
		change func(*accounts.Registration)
		want   []string
	}{
		{"nothing given", func(r *accounts.Registration) { *r = accounts.Registration{} }, []string{"country", "email", "name", "password"}},
		{"everything wrong", func(r *accounts.Registration) {
			*r = accounts.Registration{
				Email: "nobody", Password: "short", Name: "\x07", Country: "ZZ", Role: "admin",
				Address: "\xff", BirthDate: "yesterday",
			}
		}, []string{"address", "birth_date", "country", "email", "name", "password", "role"}},
		{"a password of 7 bytes", func(r *accounts.Registration) { r.Password = "1234567" }, []string{"password"}},
		{"a password of 257 bytes", func(r *accounts.Registration) { r.Password = strings.Repeat("x", 257) }, []string{"password"}},
		{"a name of blanks", func(r *accounts.Registration) { r.Name = " \t " }, []string{"name"}},
		{"a long name", func(r *accounts.Registration) { r.Name = strings.Repeat("x", 201) }, []string{"name"}},
		{"a name on two lines", func(r *accounts.Registration) { r.Name = "a\nb" }, []string{"name"}},
		{"a long address", func(r *accounts.Registration) { r.Address = strings.Repeat("x", 501) }, []string{"address"}},
		{"born before 1900", func(r *accounts.Registration) { r.BirthDate = "1899-12-31" }, []string{"birth_date"}},
		{"born in no month", func(r *accounts.Registration) { r.BirthDate = "1990-13-01" }, []string{"birth_date"}},
		{"an unknown role", func(r *accounts.Registration) { r.Role = "owner" }, []string{"role"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := reader()
			tt.change(&r)
			_, err := service.Register(t.Context(), "", r)
			if got := fields(err); !fault.Is(err, fault.Invalid) || !slices.Equal(got, tt.want) {
				t.Errorf("got %v naming %v, want the fields %v", err, got, tt.want)
			}
		})
	}
}

// fields returns the names of the fields that an error is about, each once and in order.
func fields(err error) []string {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return nil
	}
	var names []string
	for _, f := range e.Fields {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestRegisterTakesWhatIsAtTheLimit(t *testing.T) {
	service, _ := open()
	r := accounts.Registration{
		Email:    strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("b", 62)+".", 2) + strings.Repeat("c", 51) + ".example.org",
		Password: strings.Repeat("x", 256), Name: strings.Repeat("山", 66) + "ab", Country: "XK", Role: accounts.Seller,
		Address: strings.Repeat("x\n", 249) + "xx", BirthDate: "1900-01-01",
	}
	user, err := service.Register(t.Context(), "", r)
	if err != nil {
		t.Fatal(err)
	}
	if user.Name != r.Name || user.Role != accounts.Seller {
		t.Errorf("registered %+v, want the name and role of %+v", user, r)
	}
}

func TestNobodyIsBornTomorrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble's clock begins at 2000-01-01 00:00 UTC
		service, _ := open()
		r := reader()
		r.BirthDate = "2000-01-02"
		if _, err := service.Register(t.Context(), "", r); !slices.Equal(fields(err), []string{"birth_date"}) {
			t.Errorf("born on the day after: %v, want birth_date refused", err)
		}
		time.Sleep(10*time.Hour + time.Second) // in the first time zone, UTC+14, the day has begun
		if _, err := service.Register(t.Context(), "", r); err != nil {
			t.Errorf("born on a day that has begun somewhere: %v", err)
		}
	})
}

func TestNormalizeEmail(t *testing.T) {
	for given, want := range map[string]string{
		"reader@example.org":                             "reader@example.org",
		"Reader+List@EXAMPLE.org":                        "reader+list@example.org",
		"o'brien@sub.example.co.uk":                      "o'brien@sub.example.co.uk",
		"JÜRGEN@exämple.org":                             "jürgen@exämple.org",
		"":                                               "",
		"reader":                                         "",
		"@example.org":                                   "",
		"reader@":                                        "",
		"a@b@example.org":                                "",
		" reader@example.org":                            "",
		"reader@example.org ":                            "",
		"A reader <reader@example.org>":                  "",
		"<reader@example.org>":                           "",
		"reader@example.org (me)":                        "",
		`"a reader"@example.org`:                         "",
		`"a@reader"@example.org`:                         "",
		"reader@[127.0.0.1]":                             "",
		"reader@example.org\n":                           "",
		"a@example.org, b@example.org":                   "",
		"rea\x00der@example.org":                         "",
		"rea\u0085der@example.org":                       "",
		"rea\u202eder@example.org":                       "",
		"reader@exa\u200bmple.org":                       "",
		strings.Repeat("a", 65) + "@example.org":         "",
		"a@" + strings.Repeat("b", 241) + ".example.org": "",
	} {
		got, err := accounts.NormalizeEmail(given)
		if got != want || (err == nil) != (want != "") || (err != nil && !fault.Is(err, fault.Invalid)) {
			t.Errorf("NormalizeEmail(%q) = %q, %v; want %q", given, got, err, want)
		}
	}
}

func FuzzNormalizeEmail(f *testing.F) {
	f.Add("Reader@Example.org")
	f.Add(`"a@b"@[::1]`)
	f.Fuzz(func(t *testing.T, s string) {
		once, err := accounts.NormalizeEmail(s)
		if err != nil {
			return
		}
		twice, err := accounts.NormalizeEmail(once)
		if err != nil || twice != once || len(once) > accounts.MaxEmail {
			t.Errorf("NormalizeEmail(%q) = %q, and of that %q, %v", s, once, twice, err)
		}
	})
}
