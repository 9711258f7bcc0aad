package analyticstest

import (
	"context"
	"slices"
	"testing"
	"time"

	"agora/analytics"
)

// ReadableFiles is an engine of files, and what its tests read them with.
type ReadableFiles interface {
	analytics.Files

	// Rows returns the events of a file in its order.
	Rows(name string) ([]analytics.FileRow, error)
}

// Files tests an engine of files. open returns an empty one and sees to its end.
func Files(t *testing.T, open func(t *testing.T) ReadableFiles) {
	run(t, open, map[string]func(*testing.T, ReadableFiles){
		"write and read": testWrite, "all that an event has": testColumns, "replace": testWriteTwice, "filter": testFilter,
		"list and remove": testRemove, "ended context": testFilesEnded,
	})
}

func rowsOf(t *testing.T, from analytics.Offset, records ...[]byte) *analytics.Rows {
	t.Helper()
	rows, err := analytics.RowsOf(1, from, records...)
	mustDo(t, err)
	return rows
}

func write(t *testing.T, f ReadableFiles, name string, rows *analytics.Rows) {
	t.Helper()
	size, err := f.Write(t.Context(), name, rows)
	mustDo(t, err)
	if size <= 0 {
		t.Errorf("file %s has %d bytes", name, size)
	}
}

func read(t *testing.T, f ReadableFiles, name string) []analytics.FileRow {
	t.Helper()
	rows, err := f.Rows(name)
	mustDo(t, err)
	return rows
}

func ids(rows []analytics.FileRow) (ids []string) {
	for _, r := range rows {
		ids = append(ids, r.Event.ID)
	}
	return ids
}

// wantRows compares a file with the rows that were written.
func wantRows(t *testing.T, got []analytics.FileRow, want *analytics.Rows) {
	t.Helper()
	if len(got) != want.Len() {
		t.Fatalf("%d rows, want %d", len(got), want.Len())
	}
	for i := range got {
		if w := want.Row(i); !equalRows(got[i], w) {
			t.Errorf("row %d is %+v, want %+v", i, got[i], w)
		}
	}
}

func equalRows(a, b analytics.FileRow) bool {
	values := slices.Equal(a.Event.Values, b.Event.Values)
	a.Event.Values, b.Event.Values = nil, nil
	return values && a.Partition == b.Partition && a.Offset == b.Offset && a.Row == b.Row && a.Source == b.Source && a.Arrival == b.Arrival &&
		a.Time == b.Time && a.Late == b.Late && string(a.User) == string(b.User) && string(a.Anonymous) == string(b.Anonymous) &&
		a.Event.ID == b.Event.ID && a.Event.Type == b.Event.Type && a.Event.Call == b.Event.Call && a.Event.Session == b.Event.Session &&
		a.Event.Time == b.Event.Time && a.Event.User == b.Event.User && a.Event.Anonymous == b.Event.Anonymous && a.Event.Properties == b.Event.Properties
}

func testWrite(t *testing.T, f ReadableFiles) {
	rows := rowsOf(t, 5, batch(t, "web", arrival, "c", "a"), batch(t, "app", arrival-1, "b"), batch(t, "web", arrival, "a"))
	write(t, f, "p1-5-8", rows)
	got := read(t, f, "p1-5-8")
	wantRows(t, got, rows)
	if want := []string{"b", "c", "a"}; !slices.Equal(ids(got), want) { // by time, and then in the order of the log
		t.Errorf("the order is %v, want %v", ids(got), want)
	}
}

func testColumns(t *testing.T, f ReadableFiles) {
	b := analytics.NewBuilder("web", time.Minute, arrival)
	for i, e := range []analytics.Event{
		{Time: arrival, Type: "full", Call: analytics.Page, ID: "1", User: "u", Anonymous: "a", Session: "s", Properties: `{"é":[1,null]}`, Values: []analytics.Value{
			{Column: 1, Kind: analytics.Integer, Int: -1 << 63}, {Column: 2, Kind: analytics.Decimal, Int: -199_900},
			{Column: 3, Kind: analytics.Boolean, Int: 1}, {Column: 4, Kind: analytics.Text, Text: "GB"},
		}},
		{Time: arrival, Type: "empty texts", ID: "2", Values: []analytics.Value{{Column: 4, Kind: analytics.Text}}},
		{Time: arrival, Type: "no values", ID: "3"},
		{Time: arrival - 15*365*24*3600*1_000_000, Type: "old", ID: "4"},
		{Time: arrival - 60*365*24*3600*1_000_000, Type: "before 1970", ID: "5"},
		{Time: arrival + 23*3600*1_000_000, Type: "tomorrow", ID: "商品"},
	} {
		if reason, full := b.Add(&e); reason != analytics.Accepted || full {
			t.Fatalf("Add of event %d = %v, %t", i, reason, full)
		}
	}
	rows := rowsOf(t, 0, b.Append(nil))
	write(t, f, "p1-0-1", rows)
	wantRows(t, read(t, f, "p1-0-1"), rows)
}

func testWriteTwice(t *testing.T, f ReadableFiles) {
	write(t, f, "p1-0-1", rowsOf(t, 0, batch(t, "web", arrival, "1", "2")))
	again := rowsOf(t, 0, batch(t, "web", arrival, "3"))
	write(t, f, "p1-0-1", again)
	wantRows(t, read(t, f, "p1-0-1"), again)
}

func testFilter(t *testing.T, f ReadableFiles) {
	rows := rowsOf(t, 7, batch(t, "web", arrival, "1", "2", "3"), batch(t, "web", arrival, "4"))
	write(t, f, "p1-7-9", rows)
	var asked []string
	_, err := f.Filter(t.Context(), "p1-7-9", "p1-7-9-e9", func(s analytics.Stored) bool {
		asked = append(asked, string(s.User))
		if s.Partition != 1 || s.Source != "web" || s.Arrival != arrival || s.Offset < 7 {
			t.Errorf("asked about %+v", s)
		}
		return string(s.User) == "user-2" || s.Offset == 8
	})
	mustDo(t, err)
	if got := ids(read(t, f, "p1-7-9-e9")); !slices.Equal(got, []string{"1", "3"}) || len(asked) != 4 {
		t.Errorf("%v are left, after %d questions", got, len(asked))
	}
	wantRows(t, read(t, f, "p1-7-9"), rows)
	_, err = f.Filter(t.Context(), "p1-7-9-e9", "p1-7-9-e10", func(analytics.Stored) bool { return true })
	mustDo(t, err)
	if got := read(t, f, "p1-7-9-e10"); len(got) != 0 {
		t.Errorf("%v are left of all", ids(got))
	}
	if _, err := f.Filter(t.Context(), "p1-1-2", "p1-1-2-e3", func(analytics.Stored) bool { return false }); err == nil {
		t.Error("Filter of no file returns no error")
	}
}

func testRemove(t *testing.T, f ReadableFiles) {
	for _, name := range []string{"p1-1-2", "p0-0-1", "p1-0-1-e5"} {
		write(t, f, name, rowsOf(t, 0, batch(t, "web", arrival, name)))
	}
	mustDo(t, f.Remove(t.Context(), "p1-1-2", "p9-0-1"))
	mustDo(t, f.Remove(t.Context()))
	names, err := f.List(t.Context())
	mustDo(t, err)
	if !slices.Equal(names, []string{"p0-0-1", "p1-0-1-e5"}) {
		t.Errorf("the files are %v", names)
	}
}

func testFilesEnded(t *testing.T, f ReadableFiles) {
	write(t, f, "p1-0-1", rowsOf(t, 0, batch(t, "web", arrival, "1")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	testEnded(t, map[string]func() error{
		"Write": func() error {
			_, err := f.Write(ctx, "p1-1-2", rowsOf(t, 1, batch(t, "web", arrival, "2")))
			return err
		},
		"Filter": func() error {
			_, err := f.Filter(ctx, "p1-0-1", "p1-0-1-e2", func(analytics.Stored) bool { return false })
			return err
		},
		"List":   func() error { _, err := f.List(ctx); return err },
		"Remove": func() error { return f.Remove(ctx, "p1-0-1") },
	})
	if names, err := f.List(t.Context()); err != nil || !slices.Equal(names, []string{"p1-0-1"}) {
		t.Errorf("the files are %v, %v", names, err)
	}
}
