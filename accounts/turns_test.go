package accounts

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"agora/fault"
)

// queued lets callers join in the order of a text, a letter each, and returns the channel of those that got their turn or
// were refused, in order.
func queued(t *testing.T, turns *turns, callers string) (served, refused *strings.Builder) {
	t.Helper()
	served, refused = &strings.Builder{}, &strings.Builder{}
	for _, caller := range callers {
		go func() {
			switch err := turns.begin(t.Context(), Origin(caller)); {
			case err == nil:
				served.WriteRune(caller)
			case fault.CodeOf(err) == codeBusy:
				refused.WriteRune(caller)
			default:
				t.Error(err)
			}
		}()
		synctest.Wait()
	}
	return served, refused
}

func TestOriginsAreServedInTurn(t *testing.T) {
	for _, tt := range []struct {
		callers         string
		room            int
		served, refused string
	}{
		{"abc", 10, "abc", ""},
		{"aaaabbc", 10, "aabcaba", ""},
		{"aaaaabbbc", 5, "aabcab", "aab"},
		{"abcdef", 3, "abcd", "ef"},
		{"aaaaaabcd", 3, "aabc", "aaaad"},
	} {
		synctest.Test(t, func(t *testing.T) {
			turns := newTurns(1, tt.room)
			served, refused := queued(t, turns, tt.callers)
			for range tt.callers {
				turns.end()
				synctest.Wait()
			}
			if served.String() != tt.served || len(refused.String()) != len(tt.refused) {
				t.Errorf("%s with room for %d: served %s and refused %s, want %s and %s",
					tt.callers, tt.room, served, refused, tt.served, tt.refused)
			}
		})
	}
}

// TestAFloodOfOneOriginDelaysOthersLittle floods the turns from one origin while others come one by one.
func TestAFloodOfOneOriginDelaysOthersLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1, 32)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range 100 {
			go func() {
				for ctx.Err() == nil {
					if turns.begin(ctx, "flood") != nil {
						return
					}
				}
			}()
		}
		synctest.Wait()
		for i := range 14 {
			done := make(chan error, 1)
			go func() { done <- turns.begin(t.Context(), Origin(fmt.Sprint("other ", i))) }()
			synctest.Wait()
			ends := 0
			for ; len(done) == 0 && ends < 3; ends++ {
				turns.end()
				synctest.Wait()
			}
			if len(done) == 0 {
				t.Fatalf("caller %d still waits after %d turns", i, ends)
			}
			if err := <-done; err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
		}
	})
}

func TestACallerThatGivesUpLeavesItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1, 2)
		served, _ := queued(t, turns, "a")
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { gone <- turns.begin(ctx, "b") }()
		synctest.Wait()
		cancel()
		if err := <-gone; !fault.Is(err, fault.Timeout) {
			t.Errorf("got %v, want the end of the context", err)
		}
		more, refused := queued(t, turns, "bc")
		turns.end()
		synctest.Wait()
		turns.end()
		synctest.Wait()
		if served.String()+more.String() != "abc" || refused.Len() > 0 {
			t.Errorf("served %s%s and refused %s, want abc and none", served, more, refused)
		}
		turns.end()
		if turns.free != 1 || turns.waiting != 0 || len(turns.queues) != 0 || len(turns.order) != 0 {
			t.Errorf("after all it is %+v, want it empty", turns)
		}
	})
}
