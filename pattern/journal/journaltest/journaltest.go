// Package journaltest is the conformance suite of pattern/journal, which every journal passes. It is imported by tests
// only.
package journaltest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"agora/fault"
	"agora/pattern/journal"
)

// Journal is what the suite tests.
type Journal interface {
	journal.Appender
	journal.Reader
}

// Run runs the suite. open returns an empty journal.
func Run(t *testing.T, open func(t *testing.T) Journal) {
	t.Run("entries come back as they went in", func(t *testing.T) { testRoundTrip(t, open(t)) })
	t.Run("a version is taken once", func(t *testing.T) { testVersions(t, open(t)) })
	t.Run("concurrent writers of a stream do not overwrite", func(t *testing.T) { testConcurrent(t, open(t)) })
	t.Run("each entry is chained to the one before it", func(t *testing.T) { testChain(t, open(t)) })
	t.Run("a fold resumes from its snapshot", func(t *testing.T) { testFold(t, open(t)) })
}

func entry(stream string, version uint64, body string) journal.Entry {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC)
	return journal.Entry{Stream: stream, Version: version, Kind: "noted", At: at, Body: []byte(body)}
}

func mustAppend(t *testing.T, j Journal, entries ...journal.Entry) {
	t.Helper()
	if err := j.Append(t.Context(), entries...); err != nil {
		t.Fatal(err)
	}
}

func testRoundTrip(t *testing.T, j Journal) {
	mustAppend(t, j, entry("a", 1, "one"), entry("b", 1, "other"))
	mustAppend(t, j, entry("a", 2, "two"))
	got, err := j.Stream(t.Context(), "a", 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if text := bodies(got); text != "one two" {
		t.Errorf("stream a holds %q, want %q", text, "one two")
	}
	if want := entry("a", 1, "one"); len(got) > 0 && (!got[0].At.Equal(want.At) || got[0].Kind != want.Kind || got[0].Version != 1) {
		t.Errorf("entry = %+v, want %+v", got[0], want)
	}
	if got, _ := j.Stream(t.Context(), "a", 1, 10); bodies(got) != "two" {
		t.Errorf("after version 1 come %q, want %q", bodies(got), "two")
	}
	if got, _ := j.Stream(t.Context(), "a", 0, 1); bodies(got) != "one" {
		t.Errorf("with limit 1 come %q, want %q", bodies(got), "one")
	}
	if got, _ := j.Stream(t.Context(), "none", 0, 10); len(got) != 0 {
		t.Errorf("a stream that is not there holds %d entries", len(got))
	}
	all, err := j.All(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if text := bodies(all); text != "one other two" {
		t.Errorf("the journal holds %q, want %q", text, "one other two")
	}
	if len(all) == 3 {
		if rest, _ := j.All(t.Context(), all[0].Seq, 1); bodies(rest) != "other" {
			t.Errorf("after the first comes %q, want %q", bodies(rest), "other")
		}
	}
}

func testChain(t *testing.T, j Journal) {
	mustAppend(t, j, entry("a", 1, "one"), entry("b ä", 1, "other"))
	if err := j.Append(t.Context(), entry("a", 1, "refused")); err == nil {
		t.Fatal("a version was taken twice")
	}
	before := entry("a", 2, "")
	before.At = time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	mustAppend(t, j, before)
	mustAppend(t, j, entry("a", 3, "\x00\xff"))
	all, err := j.All(t.Context(), 0, 10)
	if err != nil || len(all) != 4 {
		t.Fatalf("the journal holds %d entries, %v; want 4", len(all), err)
	}
	CheckChain(t, all)
	stream, err := j.Stream(t.Context(), "a", 2, 1)
	if err != nil || len(stream) != 1 || !bytes.Equal(stream[0].Hash, all[3].Hash) {
		t.Errorf("the stream has %+v, %v; want the hash of the journal", stream, err)
	}
}

// CheckChain fails the test unless all entries of a journal have a hash that follows from those before.
func CheckChain(t *testing.T, all []journal.Entry) {
	t.Helper()
	var chain journal.Chain
	for _, e := range all {
		if err := chain.Check(e); err != nil || e.Hash == nil {
			t.Errorf("entry %d has the hash %x: %v", e.Seq, e.Hash, err)
		}
	}
}

func bodies(entries []journal.Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, string(e.Body))
	}
	return strings.Join(all, " ")
}

func testVersions(t *testing.T, j Journal) {
	mustAppend(t, j, entry("a", 1, "one"))
	for _, refused := range [][]journal.Entry{
		{entry("a", 1, "again")}, {entry("a", 3, "gap")}, {entry("b", 2, "gap at the start")},
		{entry("b", 1, "good"), entry("a", 1, "bad beside good")},
	} {
		if err := j.Append(t.Context(), refused...); !fault.Is(err, fault.Conflict) {
			t.Errorf("append of %q = %v, want fault.Conflict", bodies(refused), err)
		}
	}
	if all, _ := j.All(t.Context(), 0, 10); bodies(all) != "one" {
		t.Errorf("refused entries left %q, want %q", bodies(all), "one")
	}
}

func testConcurrent(t *testing.T, j Journal) {
	const writers, each = 8, 25
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if err := appendNext(t.Context(), j, fmt.Sprintf("%d-%d", w, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	entries, err := j.Stream(t.Context(), "shared", 0, writers*each+1)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, e := range entries {
		if e.Version != uint64(i)+1 {
			t.Fatalf("entry %d has version %d", i, e.Version)
		}
		seen[string(e.Body)] = true
	}
	if len(seen) != writers*each {
		t.Errorf("%d of %d entries are there", len(seen), writers*each)
	}
}

// appendNext appends to the shared stream. It repeats that until the version that it expects is free.
func appendNext(ctx context.Context, j Journal, body string) error {
	for {
		entries, err := j.Stream(ctx, "shared", 0, 1000)
		if err != nil {
			return err
		}
		err = j.Append(ctx, entry("shared", uint64(len(entries))+1, body))
		if !fault.Is(err, fault.Conflict) {
			return err
		}
	}
}

func testFold(t *testing.T, j Journal) {
	count := func(n int, _ journal.Entry) (int, error) { return n + 1, nil }
	for i := range 2500 {
		mustAppend(t, j, entry("a", uint64(i)+1, "x"))
	}
	snapshot, err := journal.Fold(t.Context(), j, journal.Snapshot[int]{}, count)
	if err != nil || snapshot.State != 2500 {
		t.Fatalf("fold = %+v, %v; want 2500 entries", snapshot, err)
	}
	mustAppend(t, j, entry("b", 1, "y"))
	if snapshot, err = journal.Fold(t.Context(), j, snapshot, count); err != nil || snapshot.State != 2501 {
		t.Errorf("resumed fold = %+v, %v; want 2501 entries", snapshot, err)
	}
}
