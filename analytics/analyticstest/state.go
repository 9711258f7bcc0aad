package analyticstest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"agora/analytics"
)

// State tests an engine of the fold's state. open returns an empty one and sees to its end.
func State(t *testing.T, open func(t *testing.T) analytics.StateStore) {
	run(t, open, map[string]func(*testing.T, analytics.StateStore){
		"commit and read": testCommit, "scan": testScan, "stale": testStale, "large commit": testLargeCommit,
		"ended context": testStateEnded,
	})
}

func change(key, value string) analytics.Change {
	if value == "" {
		return analytics.Change{Key: []byte(key)}
	}
	return analytics.Change{Key: []byte(key), Value: []byte(value)}
}

func scan(t *testing.T, s analytics.StateStore, prefix string) (found []string) {
	t.Helper()
	mustDo(t, s.Scan(t.Context(), []byte(prefix), func(key, value []byte) error {
		found = append(found, string(key)+"="+string(value))
		return nil
	}))
	return found
}

func testCommit(t *testing.T, s analytics.StateStore) {
	mustDo(t, s.Commit(t.Context(), 0, 7, []analytics.Change{change("a", "1"), change("b\x00\xff", "2"), change("gone", "")}))
	mustDo(t, s.Commit(t.Context(), 7, 9, []analytics.Change{change("a", ""), change("c", "\x00")}))
	got, err := s.Read(t.Context(), []byte("b\x00\xff"), []byte("a"), []byte("none"), []byte("c"), []byte("b\x00\xff"))
	mustDo(t, err)
	want := [][]byte{[]byte("2"), nil, nil, {0}, []byte("2")}
	for i := range want {
		if string(got[i]) != string(want[i]) || (got[i] == nil) != (want[i] == nil) {
			t.Errorf("value %d is %q, want %q", i, got[i], want[i])
		}
	}
}

func testScan(t *testing.T, s analytics.StateStore) {
	mustDo(t, s.Commit(t.Context(), 0, 1, []analytics.Change{
		change("b2", "x"), change("b", "y"), change("a", "z"), change("b\xff\xff", "u"), change("c", "v"), change("\xff\xff1", "w"),
	}))
	for prefix, want := range map[string][]string{
		"b":        {"b=y", "b2=x", "b\xff\xff=u"},
		"b\xff":    {"b\xff\xff=u"},
		"\xff\xff": {"\xff\xff1=w"},
		"d":        nil,
	} {
		if got := scan(t, s, prefix); !slices.Equal(got, want) {
			t.Errorf("Scan of %q = %q, want %q", prefix, got, want)
		}
	}
	calls := 0
	err := s.Scan(t.Context(), []byte("b"), func(_, _ []byte) error {
		calls++
		return errStop
	})
	if err == nil || calls != 1 {
		t.Errorf("a scan that is stopped goes on for %d calls and returns %v", calls, err)
	}
}

func testStale(t *testing.T, s analytics.StateStore) {
	wantCode(t, s.Commit(t.Context(), 1, 2, []analytics.Change{change("a", "1")}), analytics.CodeStale)
	mustDo(t, s.Commit(t.Context(), 0, 5, []analytics.Change{change("a", "1")}))
	for _, from := range []int64{0, 4, 6} {
		wantCode(t, s.Commit(t.Context(), from, 7, []analytics.Change{change("a", "2"), change("b", "2")}), analytics.CodeStale)
	}
	if got := scan(t, s, ""); !slices.Equal(got, []string{"a=1"}) {
		t.Errorf("a stale commit left %q", got)
	}
}

func testLargeCommit(t *testing.T, s analytics.StateStore) {
	var changes []analytics.Change
	var want []string
	for i := range 5000 {
		c := change(fmt.Sprintf("k%05d", i), fmt.Sprintf("%0100d", i))
		changes, want = append(changes, c), append(want, string(c.Key)+"="+string(c.Value))
	}
	mustDo(t, s.Commit(t.Context(), 0, 1, changes))
	if got := scan(t, s, "k"); !slices.Equal(got, want) {
		t.Errorf("%d of %d keys come back, or others", len(got), len(want))
	}
}

func testStateEnded(t *testing.T, s analytics.StateStore) {
	mustDo(t, s.Commit(t.Context(), 0, 1, []analytics.Change{change("a", "1")}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	testEnded(t, map[string]func() error{
		"Scan":   func() error { return s.Scan(ctx, []byte("a"), func(_, _ []byte) error { return nil }) },
		"Read":   func() error { _, err := s.Read(ctx, []byte("a")); return err },
		"Commit": func() error { return s.Commit(ctx, 1, 2, []analytics.Change{change("a", "2")}) },
	})
	if got := scan(t, s, ""); !slices.Equal(got, []string{"a=1"}) {
		t.Errorf("a commit under a context that has ended left %q", got)
	}
}
