package analyticstest

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"agora/analytics"
)

// Catalogue tests an engine of the catalogue. open returns an empty one for Partitions partitions and sees to its end.
func Catalogue(t *testing.T, open func(t *testing.T) analytics.Catalogue) {
	run(t, open, map[string]func(*testing.T, analytics.Catalogue){
		"add": testAdd, "stale": testAddStale, "replace": testReplace, "ended context": testCatalogueEnded,
	})
}

func file(name string, partition int, from, to analytics.Offset) analytics.File {
	return analytics.File{
		Name: name, Partition: partition, From: from, To: to, Purged: to, Rows: 3, Bytes: 100,
		Lines: []analytics.Line{{LineKey: analytics.LineKey{Source: "web", Minute: arrival}, Stored: 4, Late: 2, Erased: 1}},
	}
}

func snapshot(t *testing.T, c analytics.Catalogue) analytics.Snapshot {
	t.Helper()
	s, err := c.Snapshot(t.Context())
	mustDo(t, err)
	return s
}

func testAdd(t *testing.T, c analytics.Catalogue) {
	if s := snapshot(t, c); len(s.Files) != 0 || !slices.Equal(s.Next, []analytics.Offset{0, 0}) {
		t.Errorf("an empty catalogue has %+v", s)
	}
	second := file("", 1, 0, 7) // a range without events
	second.Rows, second.Bytes, second.Lines = 0, 0, nil
	first, third := file("one", 0, 0, 5), file("three", 0, 5, 9)
	before := snapshot(t, c)
	mustDo(t, c.Add(t.Context(), second, first))
	mustDo(t, c.Add(t.Context(), third))
	s := snapshot(t, c)
	if want := []analytics.File{first, third, second}; !reflect.DeepEqual(s.Files, want) || !slices.Equal(s.Next, []analytics.Offset{9, 7}) {
		t.Errorf("the catalogue has %+v, want %+v", s, want)
	}
	if s.Number <= before.Number {
		t.Errorf("snapshot %d is followed by %d", before.Number, s.Number)
	}
}

func testAddStale(t *testing.T, c analytics.Catalogue) {
	mustDo(t, c.Add(t.Context(), file("one", 0, 0, 5)))
	before := snapshot(t, c)
	for _, files := range [][]analytics.File{
		{file("one", 0, 0, 5)},
		{file("gap", 0, 6, 9)},
		{file("whole", 1, 0, 4), file("overlap", 0, 4, 9)}, // neither of them
	} {
		wantCode(t, c.Add(t.Context(), files...), analytics.CodeStale)
	}
	if s := snapshot(t, c); !reflect.DeepEqual(s, before) {
		t.Errorf("a stale Add left %+v, want %+v", s, before)
	}
}

func testReplace(t *testing.T, c analytics.Catalogue) {
	first, other := file("one", 0, 0, 5), file("two", 1, 0, 5)
	mustDo(t, c.Add(t.Context(), first, other))
	old := snapshot(t, c)
	after := first
	after.Name, after.Purged, after.Rows = "one-e8", 9, 2
	after.Lines = []analytics.Line{{LineKey: analytics.LineKey{Source: "web", Minute: arrival}, Stored: 4, Late: 2, Erased: 2}}
	mustDo(t, c.Replace(t.Context(), first, after))
	s := snapshot(t, c)
	if want := []analytics.File{after, other}; !reflect.DeepEqual(s.Files, want) || s.Number <= old.Number || !slices.Equal(s.Next, old.Next) {
		t.Errorf("after a replacement %+v", s)
	}
	if !reflect.DeepEqual(old.Files, []analytics.File{first, other}) {
		t.Errorf("an earlier snapshot has become %+v", old.Files)
	}
	wantCode(t, c.Replace(t.Context(), first, after), analytics.CodeStale)
	behind := after
	behind.Purged = 5
	wantCode(t, c.Replace(t.Context(), behind, first), analytics.CodeStale)
	if again := snapshot(t, c); !reflect.DeepEqual(again, s) {
		t.Errorf("a stale replacement left %+v", again)
	}
}

func testCatalogueEnded(t *testing.T, c analytics.Catalogue) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	testEnded(t, map[string]func() error{
		"Snapshot": func() error { _, err := c.Snapshot(ctx); return err },
		"Add":      func() error { return c.Add(ctx, file("one", 0, 0, 5)) },
		"Replace":  func() error { return c.Replace(ctx, file("one", 0, 0, 5), file("two", 0, 0, 5)) },
	})
	if s := snapshot(t, c); len(s.Files) != 0 {
		t.Errorf("an Add under a context that has ended left %+v", s)
	}
}
