package analyticstest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"agora/analytics"
)

// Log tests an engine of the event log. open returns an empty log with Partitions partitions, and sees to its end.
func Log(t *testing.T, open func(t *testing.T) analytics.EventLog) {
	run(t, open, map[string]func(*testing.T, analytics.EventLog){
		"append and read": testAppend, "accepted": testAccepted, "trim": testTrim, "large records": testLarge,
		"concurrent appends": testConcurrent, "ended context": testLogEnded,
	})
}

func appendTo(t *testing.T, log analytics.EventLog, partition int, records ...[]byte) analytics.Offset {
	t.Helper()
	at, err := log.Append(t.Context(), partition, records...)
	mustDo(t, err)
	return at
}

// readAll reads a partition from an offset to its end, in small reads.
func readAll(t *testing.T, log analytics.EventLog, partition int, from analytics.Offset) (records [][]byte) {
	t.Helper()
	for {
		found, err := log.Read(t.Context(), partition, from+analytics.Offset(len(records)), 1)
		mustDo(t, err)
		if len(found) == 0 {
			return records
		}
		records = append(records, found...)
	}
}

func bounds(t *testing.T, log analytics.EventLog) analytics.Bounds {
	t.Helper()
	b, err := log.Bounds(t.Context())
	mustDo(t, err)
	return b
}

func testAppend(t *testing.T, log analytics.EventLog) {
	if b := bounds(t, log); !slices.Equal(b.Begin, make([]analytics.Offset, Partitions)) || !slices.Equal(b.End, b.Begin) || len(b.Accepted) != 0 {
		t.Errorf("Bounds of an empty log = %+v", b)
	}
	records := [][]byte{batch(t, "web", arrival, "1"), analytics.Tick{Epoch: 1}.Append(nil), batch(t, "app", arrival, "2")}
	if at := appendTo(t, log, 1, records[0], records[1]); at != 0 {
		t.Errorf("the first record is at %d", at)
	}
	if at := appendTo(t, log, 1, records[2]); at != 2 {
		t.Errorf("the third record is at %d", at)
	}
	for from := range analytics.Offset(4) {
		if got := readAll(t, log, 1, from); !slices.EqualFunc(got, records[from:], bytes.Equal) {
			t.Errorf("from offset %d there are %d records, or others than were appended", from, len(got))
		}
	}
	if got := readAll(t, log, 0, 0); len(got) != 0 {
		t.Errorf("the other partition has %d records", len(got))
	}
	all, err := log.Read(t.Context(), 1, 0, 1<<20)
	mustDo(t, err)
	if len(all) != 3 {
		t.Errorf("one large read returns %d records", len(all))
	}
	if b := bounds(t, log); !slices.Equal(b.End, []analytics.Offset{0, 3}) {
		t.Errorf("the ends are %v", b.End)
	}
}

func testAccepted(t *testing.T, log analytics.EventLog) {
	const later = arrival + 61_000_000
	appendTo(t, log, 0, batch(t, "web", arrival, "1", "2"), batch(t, "web", arrival+59_000_000, "3"), analytics.Tick{Epoch: 1}.Append(nil))
	appendTo(t, log, 1, batch(t, "web", arrival, "4"), batch(t, "app", later))
	appendTo(t, log, 1, analytics.Erasure{Before: later}.Append(nil))
	want := map[analytics.LineKey]int64{{Source: "web", Minute: arrival}: 7, {Source: "app", Minute: arrival + 60_000_000}: 1}
	if got := bounds(t, log).Accepted; !maps.Equal(got, want) {
		t.Errorf("accepted %v, want %v", got, want)
	}
}

func testTrim(t *testing.T, log analytics.EventLog) {
	for n := range 10 {
		appendTo(t, log, 0, batch(t, "web", arrival, fmt.Sprint(n)))
	}
	before := bounds(t, log)
	mustDo(t, log.Trim(t.Context(), 0, 4))
	mustDo(t, log.Trim(t.Context(), 0, 2)) // does nothing
	b := bounds(t, log)
	if b.Begin[0] != 4 || b.End[0] != 10 || b.Begin[1] != 0 || !maps.Equal(b.Accepted, before.Accepted) {
		t.Errorf("after a trim %+v, before %+v", b, before)
	}
	if got := readAll(t, log, 0, 4); len(got) != 6 {
		t.Errorf("%d records are left", len(got))
	}
	_, err := log.Read(t.Context(), 0, 3, 1<<20)
	wantCode(t, err, analytics.CodeTrimmed)
	mustDo(t, log.Trim(t.Context(), 0, 10))
	if at := appendTo(t, log, 0, batch(t, "web", arrival, "x")); at != 10 {
		t.Errorf("after a trim to the end the next record is at %d", at)
	}
}

func testLarge(t *testing.T, log analytics.EventLog) {
	record := make([]byte, analytics.MaxRecord)
	for i := range record {
		record[i] = byte(i * i >> 8)
	}
	appendTo(t, log, 0, record, record)
	got := readAll(t, log, 0, 0)
	if len(got) != 2 || !bytes.Equal(got[0], record) || !bytes.Equal(got[1], record) {
		t.Errorf("%d records come back, or others", len(got))
	}
}

func testConcurrent(t *testing.T, log analytics.EventLog) {
	const writers, each = 8, 20
	var wait sync.WaitGroup
	at := make([][]analytics.Offset, writers)
	for w := range writers {
		wait.Go(func() {
			for n := range each {
				offset, err := log.Append(t.Context(), 0, batch(t, "web", arrival, fmt.Sprintf("%d-%d", w, n)))
				if err != nil {
					t.Error(err)
					return
				}
				at[w] = append(at[w], offset)
			}
		})
	}
	wait.Wait()
	all := slices.Concat(at...)
	slices.Sort(all)
	for i, offset := range all {
		if int(offset) != i {
			t.Fatalf("the offsets have a gap or a repeat: %v", all)
		}
	}
	for w := range at {
		if !slices.IsSorted(at[w]) {
			t.Errorf("the records of a writer changed their order: %v", at[w])
		}
	}
	b := bounds(t, log)
	if b.End[0] != writers*each || b.Accepted[analytics.LineKey{Source: "web", Minute: arrival}] != 2*writers*each {
		t.Errorf("after concurrent appends %+v", b)
	}
}

func testLogEnded(t *testing.T, log analytics.EventLog) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	testEnded(t, map[string]func() error{
		"Append": func() error { _, err := log.Append(ctx, 0, batch(t, "web", arrival, "1")); return err },
		"Read":   func() error { _, err := log.Read(ctx, 0, 0, 1); return err },
		"Bounds": func() error { _, err := log.Bounds(ctx); return err },
		"Trim":   func() error { return log.Trim(ctx, 0, 1) },
	})
	if b := bounds(t, log); b.End[0] != 0 || len(b.Accepted) != 0 {
		t.Errorf("an append under a context that has ended left %+v", b)
	}
}
