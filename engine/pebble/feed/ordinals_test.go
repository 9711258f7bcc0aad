package feed

import (
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/feed"
)

// TestOrdinalsAreGivenOnce has several callers ask for the ordinals of the same users, across two pages, and compares
// what each was told with what is there after a restart.
func TestOrdinalsAreGivenOnce(t *testing.T) {
	fs := vfs.NewMem()
	db, err := Open("rows", openOptions(fs))
	mustDo(t, err)
	const callers, users = 4, pageUsers + 200
	user := func(n int) feed.UserID { return feed.UserID{0: 1, 14: byte(n >> 8), 15: byte(n)} }
	told := make([]map[feed.UserID]uint32, callers)
	var wait sync.WaitGroup
	for c := range told {
		told[c] = map[feed.UserID]uint32{}
		wait.Go(func() {
			for n := 0; n < users; n += 64 {
				some := map[feed.UserID]uint32{}
				for i := n; i < min(n+64, users); i++ {
					some[user(i)] = 0
				}
				if err := db.ordinals.of(t.Context(), some); err != nil {
					t.Error(err)
				}
				for u, ordinal := range some {
					told[c][u] = ordinal
					if back, err := db.ordinals.user(t.Context(), ordinal); err != nil || back != u {
						t.Errorf("%d was given to %v and is of %v, %v", ordinal, u, back, err)
					}
				}
			}
		})
	}
	wait.Wait()
	mustDo(t, db.Close())

	again := openRows(t, fs)
	if next := again.ordinals.next.Load(); next != users {
		t.Errorf("%d ordinals are given, want %d", next, users)
	}
	for c := range told {
		for u, ordinal := range told[c] {
			if n, ok, err := again.ordinals.find(t.Context(), u); err != nil || !ok || n != ordinal {
				t.Fatalf("the ordinal of %v is %d, %v, %v; it was given %d", u, n, ok, err, ordinal)
			}
			if back, err := again.ordinals.user(t.Context(), ordinal); err != nil || back != u {
				t.Fatalf("%d was given to %v and is of %v, %v", ordinal, u, back, err)
			}
		}
	}
	if _, err := again.ordinals.user(t.Context(), users); err == nil {
		t.Error("an ordinal that was never given has a user")
	}
}
