// Package outboxtest is the conformance suite of outbox.Source.
package outboxtest

import (
	"slices"
	"sync"
	"testing"

	"agora/pattern/outbox"
)

// Fixture is an empty source, and a function that adds messages as the transactions of an engine do.
type Fixture struct {
	Source outbox.Source
	// Add commits one message and returns it as Pending has to, except for Seq and Body. Goroutines may call it concurrently.
	Add func(t *testing.T) outbox.Message
}

// Run tests a source. Each call of open returns another one.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, Fixture)
	}{
		{"messages are pending until they are marked, in order", testPending},
		{"a limit gives the oldest messages", testLimit},
		{"a mark never goes back", testMarkStays},
		{"no message is skipped while others commit", testConcurrent},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

func (f Fixture) pending(t *testing.T, limit int) []outbox.Message {
	t.Helper()
	messages, err := f.Source.Pending(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(messages); i++ {
		if messages[i].Seq <= messages[i-1].Seq {
			t.Fatalf("Seq does not rise: %d after %d", messages[i].Seq, messages[i-1].Seq)
		}
	}
	return messages
}

func (f Fixture) wantPending(t *testing.T, limit int, want ...outbox.Message) []outbox.Message {
	t.Helper()
	got := f.pending(t, limit)
	if !slices.EqualFunc(got, want, equal) {
		t.Fatalf("pending = %+v, want %+v", got, want)
	}
	return got
}

func equal(a, b outbox.Message) bool {
	return a.ID == b.ID && a.Key == b.Key && a.Kind == b.Kind && a.At.Equal(b.At)
}

func (f Fixture) mark(t *testing.T, seq uint64) {
	t.Helper()
	if err := f.Source.Relayed(t.Context(), seq); err != nil {
		t.Fatal(err)
	}
}

func (f Fixture) add(t *testing.T, n int) []outbox.Message {
	t.Helper()
	var added []outbox.Message
	for range n {
		added = append(added, f.Add(t))
	}
	return added
}

func testPending(t *testing.T, f Fixture) {
	f.wantPending(t, 10)
	added := f.add(t, 3)
	f.wantPending(t, 10, added...)
	got := f.wantPending(t, 10, added...) // reading does not remove
	if got[0].Body == nil {
		t.Error("a message has no body")
	}
	f.mark(t, got[1].Seq)
	f.wantPending(t, 10, added[2])
	f.mark(t, got[2].Seq)
	f.wantPending(t, 10)
	f.wantPending(t, 10, f.add(t, 1)...)
}

func testLimit(t *testing.T, f Fixture) {
	added := f.add(t, 3)
	for limit := 1; limit <= 4; limit++ {
		f.wantPending(t, limit, added[:min(limit, 3)]...)
	}
}

func testMarkStays(t *testing.T, f Fixture) {
	added := f.add(t, 3)
	got := f.pending(t, 10)
	f.mark(t, got[1].Seq)
	for _, older := range []uint64{got[0].Seq, 0, got[1].Seq} {
		f.mark(t, older)
		f.wantPending(t, 10, added[2])
	}
}

// testConcurrent reads and marks while several transactions commit.
func testConcurrent(t *testing.T, f Fixture) {
	const writers, each = 4, 20
	var writing sync.WaitGroup
	var mu sync.Mutex
	added := map[string]bool{}
	for range writers {
		writing.Go(func() {
			for range each {
				m := f.Add(t)
				mu.Lock()
				added[m.ID] = true
				mu.Unlock()
			}
		})
	}
	seen := map[string]int{}
	for len(seen) < writers*each && !t.Failed() {
		messages := f.pending(t, 7)
		for _, m := range messages {
			seen[m.ID]++
		}
		if len(messages) > 0 {
			f.mark(t, messages[len(messages)-1].Seq)
		}
	}
	writing.Wait()
	for id := range added {
		if seen[id] != 1 {
			t.Errorf("message %s was pending %d times, want once before its mark", id, seen[id])
		}
	}
	f.wantPending(t, 10)
}
