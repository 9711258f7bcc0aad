package accounts

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"agora/fault"
)

// cheap keeps tests from spending their time on hashing.
var cheap = Hashing{MemoryKiB: 8, Passes: 1}

// reference is from the tests of the reference implementation
// (https://github.com/P-H-C/phc-winner-argon2/blob/master/src/test.c).
const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

func TestCheckReadsHashesOfOtherPrograms(t *testing.T) {
	h := newHasher(Hashing{})
	for password, want := range map[string]bool{"password": true, "Password": false, "": false} {
		match, weak, err := h.check(t.Context(), "", password, reference)
		if err != nil || match != want || weak {
			t.Errorf("check(%q) = %v, weak %v, %v; want %v, not weak", password, match, weak, err, want)
		}
	}
}

func TestHashHasTheRecommendedCost(t *testing.T) {
	hash, err := newHasher(Hashing{}).hash(t.Context(), "", "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if want := "$argon2id$v=19$m=19456,t=2,p=1$"; !strings.HasPrefix(hash, want) {
		t.Errorf("the hash is %s, want it to begin with %s", hash, want)
	}
}

func TestHashAndCheck(t *testing.T) {
	h := newHasher(cheap)
	long := strings.Repeat("x", MaxPassword)
	for _, password := range []string{"correct horse", "пароль 山田", "nul \x00 inside", long} {
		hash, err := h.hash(t.Context(), "", password)
		if err != nil {
			t.Fatal(err)
		}
		again, err := h.hash(t.Context(), "", password)
		if err != nil || again == hash {
			t.Errorf("two hashes of one password are %s and %s (%v), want different salts", hash, again, err)
		}
		for candidate, want := range map[string]bool{
			password: true, password + "x": false, password[:len(password)-1]: false, "": false,
		} {
			match, weak, err := h.check(t.Context(), "", candidate, hash)
			if err != nil || match != want || weak {
				t.Errorf("check(%q) of %q = %v, weak %v, %v; want %v, not weak", candidate, password, match, weak, err, want)
			}
		}
	}
	if match, _, err := h.check(t.Context(), "", "", ""); match || err != nil {
		t.Errorf("a user without a password: check = %v, %v; want no match", match, err)
	}
}

func TestWeakIsWhatFillsLessMemory(t *testing.T) {
	h := newHasher(Hashing{})
	for _, tt := range []struct {
		memoryKiB, passes uint32
		want              bool
	}{
		{19456, 2, false}, {19456, 3, false}, {47104, 1, false}, {12288, 3, true}, {19456, 1, true}, {8, 1, true},
	} {
		if got := h.weak(phc{memoryKiB: tt.memoryKiB, passes: tt.passes}); got != tt.want {
			t.Errorf("weak(m=%d, t=%d) = %v, want %v", tt.memoryKiB, tt.passes, got, tt.want)
		}
	}
}

func TestParsePHCRefusesWhatIsNotOne(t *testing.T) {
	if _, err := parsePHC(reference); err != nil {
		t.Fatal(err)
	}
	replaced := func(part, other string) string { return strings.Replace(reference, part, other, 1) }
	for _, bad := range []string{
		"", "$", "plain", reference + "$", reference + "=", reference + "\n", reference[1:],
		replaced("argon2id", "argon2i"), replaced("v=19", "v=16"), replaced("m=65536", "m=-1"),
		replaced("m=65536", "m=65537"), replaced("m=65536", "m=7"), replaced("m=65536", "m=99999999999"),
		replaced("t=2", "t=0"), replaced("t=2", "t=17"), replaced("p=1", "p=0"), replaced("p=1", "p=17"),
		replaced("p=1", "p=1x"), replaced("m=65536", "m=065536"), replaced("c29tZXNhbHQ", "c29t"),
		replaced("c29tZXNhbHQ", "!"), replaced("c29tZXNhbHQ", ""), replaced("CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "CTFh"),
	} {
		if p, err := parsePHC(bad); err == nil {
			t.Errorf("parsePHC(%q) = %+v, want an error", bad, p)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add(reference)
	f.Add("$argon2id$v=19$m=8,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := parsePHC(s); err == nil && (p.String() != s || !p.bearable()) {
			t.Errorf("parsePHC(%q) = %+v", s, p)
		}
	})
}

// TestHashingIsBounded holds the one turn there is, lets one caller wait for it, and sees the next refused.
func TestHashingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(Hashing{MemoryKiB: 8, Passes: 1, AtOnce: 1, Waiting: 1})
		if err := h.turns.begin(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		waiter := make(chan error, 1)
		go func() {
			_, err := h.hash(t.Context(), "", "correct horse")
			waiter <- err
		}()
		synctest.Wait()

		_, err := h.hash(t.Context(), "", "correct horse")
		if fault.CodeOf(err) != "sign_in_busy" || !fault.Is(err, fault.Unavailable) {
			t.Errorf("one too many got %v, want sign_in_busy", err)
		}
		if len(waiter) != 0 {
			t.Error("two hash at once, want one")
		}
		h.turns.end()
		if err := <-waiter; err != nil {
			t.Errorf("who waited got %v, want a hash", err)
		}
		if _, err := h.hash(t.Context(), "", "correct horse"); err != nil {
			t.Errorf("after the rush: %v", err)
		}
	})
}

func TestWaitingForAHashEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(Hashing{MemoryKiB: 8, Passes: 1, AtOnce: 1, Waiting: 1})
		if err := h.turns.begin(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		for range 3 { // a leaked place in the queue would refuse the second
			ctx, cancel := context.WithCancel(t.Context())
			waiter := make(chan error, 1)
			go func() {
				_, _, err := h.check(ctx, "", "correct horse", "")
				waiter <- err
			}()
			synctest.Wait()
			cancel()
			if err := <-waiter; !fault.Is(err, fault.Timeout) {
				t.Errorf("got %v, want the context's end", err)
			}
		}
	})
}

// TestSignInHashesForAnUnknownAddressToo holds the one turn there is: who does not hash would not notice.
func TestSignInHashesForAnUnknownAddressToo(t *testing.T) {
	s := NewService(NewMemoryUsers(), NewMemoryPersonal(), NewMemorySessions(),
		Options{Hashing: Hashing{MemoryKiB: 8, Passes: 1, AtOnce: 1}})
	registration := Registration{Email: "reader@example.org", Password: "correct horse", Name: "A reader", Country: "IE"}
	if _, err := s.Register(t.Context(), "", registration); err != nil {
		t.Fatal(err)
	}
	if err := s.hasher.turns.begin(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, email := range []string{"reader@example.org", "nobody@example.org", "no address"} {
		if _, err := s.SignIn(ctx, "", email, "a wrong password"); !fault.Is(err, fault.Timeout) {
			t.Errorf("SignIn(%q) = %v, want it to wait for a hash", email, err)
		}
	}
}
