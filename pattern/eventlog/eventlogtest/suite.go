// Package eventlogtest is the conformance suite of eventlog.Log. Every engine and the in-memory reference pass Run; those
// whose records survive Close pass Durable, too. Each engine tests crashes by itself.
package eventlogtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"agora/fault"
	"agora/ident"
	"agora/pattern/eventlog"
)

const topic = "orders"

// Run tests a log. Each call of open returns a new one without topics, and closes it at the end of the test.
func Run(t *testing.T, open func(t *testing.T) eventlog.Log) {
	for _, tt := range []struct {
		name string
		test func(t *testing.T, log eventlog.Log)
	}{
		{"records come back as appended", testRoundTrip},
		{"an empty topic", testEmptyTopic},
		{"a topic keeps its partitions", testPartitionsAreFixed},
		{"unknown topic or partition", testUnknown},
		{"order of a key under concurrent appends", testOrder},
		{"a call is kept whole or refused whole", testRefusesWhole},
		{"large records", testLarge},
		{"groups are independent", testGroups},
		{"waiting", testWait},
		{"out of range", testOutOfRange},
		{"retention by time", testTrimByTime},
		{"retention by size", testTrimBySize},
		{"cancelled contexts", testCancelled},
		{"closed", testClosed},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

// Durable tests that appends, commits and trims survive when the log is closed and opened under the same name. Names
// differ between tests and are valid names of folders.
func Durable(t *testing.T, open func(t *testing.T, name string) eventlog.Log) {
	const partitions = 2
	ctx := t.Context()
	reopened := func(log eventlog.Log) eventlog.Log {
		t.Helper()
		before := mustEnds(t, log)
		mustDo(t, log.Close())
		log = open(t, "reopen")
		for p, got := range mustEnds(t, log) {
			if got != before[p] {
				t.Fatalf("partition %d holds %v after reopening, want %v", p, got, before[p])
			}
		}
		return log
	}

	log := open(t, "reopen")
	mustDo(t, log.Create(ctx, topic, partitions))
	log = reopened(log)
	records := makeRecords(20, "ord")
	mustAppend(t, log, records...)
	mustDo(t, log.Commit(ctx, "views", topic, 1, 3))
	before := readAll(t, log, 0)

	log = reopened(log)
	checkSame(t, readAll(t, log, 0), before)
	checkCommitted(t, log, "views", 1, 3)
	if err := log.Create(ctx, topic, partitions+1); fault.CodeOf(err) != eventlog.CodePartitions {
		t.Errorf("Create with another number after reopening = %v, want code %s", err, eventlog.CodePartitions)
	}
	mustDo(t, log.Create(ctx, topic, partitions))

	mustAppend(t, log, makeRecords(5, "ord")...)
	if _, err := log.Trim(ctx, topic, eventlog.Retention{Bytes: int64(3 * records[0].Size())}); err != nil {
		t.Fatal(err)
	}
	log = reopened(log)
	if _, err := log.Trim(ctx, topic, everything()); err != nil {
		t.Fatal(err)
	}
	log = reopened(log) // empty, and still not at offset 0
	mustAppend(t, log, makeRecords(20, "ord")...)
	for p, ends := range mustEnds(t, log) {
		got := readAll(t, log, p)
		if len(got) == 0 || got[0].Offset != ends.Oldest {
			t.Errorf("partition %d holds %v and reads %d records", p, ends, len(got))
		}
	}
}

func testRoundTrip(t *testing.T, log eventlog.Log) {
	mustDo(t, log.Create(t.Context(), topic, 1))
	at := time.Date(2010, 12, 1, 8, 26, 0, 123456789, time.FixedZone("", 3600))
	value := []byte{0, 255, '{'}
	before := time.Now().UTC().Truncate(time.Millisecond)
	want := []eventlog.Record{
		{ID: ident.New(ident.Event), Kind: "order.placed", Key: "ord_1", Value: value, At: at},
		{ID: ident.New(ident.Event), Kind: "order.paid", Key: "ключ\x00", At: time.Date(1901, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	mustAppend(t, log, want...)
	value[0] = 'x' // the log keeps a copy
	got := readAll(t, log, 0)
	if len(got) != 2 {
		t.Fatalf("read %d records, want 2", len(got))
	}
	for i, msg := range got {
		if msg.ID != want[i].ID || msg.Kind != want[i].Kind || msg.Key != want[i].Key {
			t.Errorf("record %d is %s %s %q, want %s %s %q", i, msg.ID, msg.Kind, msg.Key, want[i].ID, want[i].Kind, want[i].Key)
		}
		if wantAt := want[i].At.UTC().Truncate(time.Microsecond); msg.At != wantAt {
			t.Errorf("record %d: At = %v, want %v", i, msg.At, wantAt)
		}
		if msg.Topic != topic || msg.Partition != 0 || msg.Offset != int64(i) {
			t.Errorf("record %d is at %s/%d/%d", i, msg.Topic, msg.Partition, msg.Offset)
		}
		if msg.Appended.Before(before) || msg.Appended.After(time.Now()) || msg.Appended.Location() != time.UTC {
			t.Errorf("record %d: Appended = %v, want from %v to now, in UTC", i, msg.Appended, before)
		}
	}
	if want := []byte{0, 255, '{'}; !bytes.Equal(got[0].Value, want) || len(got[1].Value) != 0 {
		t.Errorf("values are %v and %v, want %v and none", got[0].Value, got[1].Value, want)
	}
}

func testEmptyTopic(t *testing.T, log eventlog.Log) {
	ctx := t.Context()
	mustDo(t, log.Create(ctx, topic, 3))
	for p, ends := range mustEnds(t, log) {
		if ends != (eventlog.Bounds{}) {
			t.Errorf("partition %d holds %v, want nothing", p, ends)
		}
		if got, err := log.Read(ctx, topic, p, 0, 10); err != nil || len(got) != 0 {
			t.Errorf("Read = %d records, %v; want none", len(got), err)
		}
		if _, ok, err := log.Committed(ctx, "views", topic, p); ok || err != nil {
			t.Errorf("Committed = %v, %v; want none", ok, err)
		}
	}
	if n, err := log.Trim(ctx, topic, everything()); n != 0 || err != nil {
		t.Errorf("Trim = %d, %v; want 0", n, err)
	}
	mustAppend(t, log) // no records
}

func testPartitionsAreFixed(t *testing.T, log eventlog.Log) {
	ctx := t.Context()
	mustDo(t, log.Create(ctx, topic, 4))
	mustDo(t, log.Create(ctx, topic, 4))
	err := log.Create(ctx, topic, 8)
	if !fault.Is(err, fault.Conflict) || fault.CodeOf(err) != eventlog.CodePartitions {
		t.Errorf("Create with 8 = %v, want Conflict with code %s", err, eventlog.CodePartitions)
	}
	if n := len(mustEnds(t, log)); n != 4 {
		t.Errorf("the topic has %d partitions, want 4", n)
	}
	for _, bad := range []struct {
		topic      string
		partitions int
	}{{"", 1}, {"Orders", 1}, {"a/b", 1}, {"new", 0}, {"new", -1}, {"new", eventlog.MaxPartitions + 1}} {
		if err := log.Create(ctx, bad.topic, bad.partitions); !fault.Is(err, fault.Invalid) {
			t.Errorf("Create(%q, %d) = %v, want Invalid", bad.topic, bad.partitions, err)
		}
	}
}

func testUnknown(t *testing.T, log eventlog.Log) {
	ctx := t.Context()
	mustDo(t, log.Create(ctx, topic, 2))
	for _, at := range []struct {
		topic     string
		partition int
	}{{"none", 0}, {topic, 2}, {topic, -1}} {
		_, readErr := log.Read(ctx, at.topic, at.partition, 0, 1)
		_, _, committedErr := log.Committed(ctx, "views", at.topic, at.partition)
		for name, err := range map[string]error{
			"Read": readErr, "Committed": committedErr,
			"Wait":   log.Wait(ctx, at.topic, at.partition, 0),
			"Commit": log.Commit(ctx, "views", at.topic, at.partition, 0),
		} {
			if !fault.Is(err, fault.NotFound) || fault.CodeOf(err) == eventlog.CodeOutOfRange {
				t.Errorf("%s of %s/%d = %v, want NotFound", name, at.topic, at.partition, err)
			}
		}
	}
	_, endsErr := log.Ends(ctx, "none")
	_, trimErr := log.Trim(ctx, "none", everything())
	_, appendErr := log.Append(ctx, "none", makeRecords(1, "k")...)
	for name, err := range map[string]error{"Ends": endsErr, "Trim": trimErr, "Append": appendErr} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s of no topic = %v, want NotFound", name, err)
		}
	}
}

// testOrder has every writer append to a key of its own and to one that all share.
func testOrder(t *testing.T, log eventlog.Log) {
	const partitions, writers, calls = 3, 8, 30
	ctx := t.Context()
	mustDo(t, log.Create(ctx, topic, partitions))
	var (
		all      sync.WaitGroup
		appended sync.Map // position that Append returned, by the ID of the record
	)
	for w := range writers {
		all.Go(func() {
			for i := range calls {
				own := record(fmt.Sprint("ord_", w), fmt.Appendf(nil, "%d", 2*i))
				again := record(own.Key, fmt.Appendf(nil, "%d", 2*i+1))
				records := []eventlog.Record{own, record("shared", nil), again}
				at, err := log.Append(ctx, topic, records...)
				if err != nil || len(at) != len(records) {
					t.Errorf("append = %v, %v; want %d positions", at, err, len(records))
					return
				}
				for n, p := range at {
					appended.Store(records[n].ID, p)
				}
			}
		})
	}
	all.Wait()

	total, seen := 0, map[string]int{}
	for p := range partitions {
		for i, msg := range readAll(t, log, p) {
			total++
			if msg.Offset != int64(i) {
				t.Fatalf("partition %d: record %d has the offset %d: there is a gap or a duplicate", p, i, msg.Offset)
			}
			if at, _ := appended.Load(msg.ID); at != (eventlog.Position{Partition: p, Offset: msg.Offset}) {
				t.Fatalf("Append said that record %s is at %v, and it is at %d/%d", msg.ID, at, p, msg.Offset)
			}
			if want := ident.Partition(msg.Key, partitions); p != want {
				t.Errorf("key %s is in partition %d, want %d", msg.Key, p, want)
			}
			if msg.Key == "shared" {
				continue
			}
			if want := fmt.Sprint(seen[msg.Key]); string(msg.Value) != want {
				t.Fatalf("key %s: read %s, want %s", msg.Key, msg.Value, want)
			}
			seen[msg.Key]++
		}
	}
	if want := writers * calls * 3; total != want {
		t.Errorf("read %d records, want %d", total, want)
	}
}

func testRefusesWhole(t *testing.T, log eventlog.Log) {
	mustDo(t, log.Create(t.Context(), topic, 1))
	good := record("ord_1", nil)
	for _, bad := range []eventlog.Record{
		{Kind: good.Kind, Key: good.Key, At: good.At},
		{ID: good.ID, Key: good.Key, At: good.At},
		{ID: good.ID, Kind: good.Kind, At: good.At},
		{ID: good.ID, Kind: good.Kind, Key: good.Key},
	} {
		if _, err := log.Append(t.Context(), topic, good, bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("Append of %+v = %v, want Invalid", bad, err)
		}
	}
	if n := len(readAll(t, log, 0)); n != 0 {
		t.Errorf("%d records of refused calls are kept", n)
	}
}

func testLarge(t *testing.T, log eventlog.Log) {
	const n = 6 // more than one Read returns
	ctx := t.Context()
	mustDo(t, log.Create(ctx, topic, 1))
	largest := record("ord_1", nil)
	largest.Value = make([]byte, eventlog.MaxRecord-largest.Size())
	tooLarge := largest
	tooLarge.Value = make([]byte, len(largest.Value)+1)
	if _, err := log.Append(ctx, topic, record("ord_1", nil), tooLarge); !fault.Is(err, fault.TooLarge) {
		t.Errorf("Append of %d bytes = %v, want TooLarge", tooLarge.Size(), err)
	}
	for range n {
		mustAppend(t, log, largest)
	}
	first, err := log.Read(ctx, topic, 0, 0, n)
	if err != nil || len(first) == 0 || len(first) > eventlog.MaxRead/eventlog.MaxRecord {
		t.Errorf("Read = %d records of 1 MiB, %v; want 1 to %d", len(first), err, eventlog.MaxRead/eventlog.MaxRecord)
	}
	got := readAll(t, log, 0)
	if len(got) != n {
		t.Fatalf("read %d records, want %d", len(got), n)
	}
	if len(got[n-1].Value) != len(largest.Value) {
		t.Errorf("read a value of %d bytes, want %d", len(got[n-1].Value), len(largest.Value))
	}
}

func testGroups(t *testing.T, log eventlog.Log) {
	ctx := t.Context()
	mustDo(t, log.Create(ctx, topic, 2))
	mustDo(t, log.Create(ctx, "other", 1))
	mustAppend(t, log, makeRecords(20, "ord")...)
	mustDo(t, log.Commit(ctx, "views", topic, 0, 2))
	mustDo(t, log.Commit(ctx, "cache", topic, 0, 1))
	mustDo(t, log.Commit(ctx, "views", topic, 1, 0))
	checkCommitted(t, log, "views", 0, 2)
	checkCommitted(t, log, "cache", 0, 1)
	checkCommitted(t, log, "views", 1, 0)
	mustDo(t, log.Commit(ctx, "views", topic, 0, 1))
	checkCommitted(t, log, "views", 0, 1)
	if _, ok, err := log.Committed(ctx, "cache", topic, 1); ok || err != nil {
		t.Errorf("a group that has not committed: %v, %v", ok, err)
	}
	if _, ok, err := log.Committed(ctx, "views", "other", 0); ok || err != nil {
		t.Errorf("a topic that the group has not committed: %v, %v", ok, err)
	}
	for _, bad := range []struct {
		group  string
		offset int64
	}{{"", 0}, {"A B", 0}, {"views", -1}} {
		if err := log.Commit(ctx, bad.group, topic, 0, bad.offset); !fault.Is(err, fault.Invalid) {
			t.Errorf("Commit(%q, %d) = %v, want Invalid", bad.group, bad.offset, err)
		}
	}
}

func testWait(t *testing.T, log eventlog.Log) {
	ctx := t.Context()
	mustDo(t, log.Create(ctx, topic, 1))
	woken := make(chan error)
	go func() {
		for {
			if err := log.Wait(ctx, topic, 0, 1); err != nil {
				woken <- err
				return
			}
			if got, err := log.Read(ctx, topic, 0, 0, 2); err != nil || len(got) == 2 {
				woken <- err
				return
			}
		}
	}()
	mustAppend(t, log, record("ord_1", nil))
	mustAppend(t, log, record("ord_1", nil))
	if err := <-woken; err != nil {
		t.Errorf("Wait: %v", err)
	}
	mustDo(t, log.Wait(ctx, topic, 0, 0)) // the record exists

	short, cancel := context.WithCancel(ctx)
	go func() { woken <- log.Wait(short, topic, 0, 2) }()
	cancel()
	if err := <-woken; !errors.Is(err, context.Canceled) {
		t.Errorf("Wait = %v, want context.Canceled", err)
	}
	go func() { woken <- log.Wait(ctx, topic, 0, 2) }()
	mustDo(t, log.Close())
	if err := <-woken; fault.CodeOf(err) != eventlog.CodeClosed {
		t.Errorf("Wait over a Close = %v, want code %s", err, eventlog.CodeClosed)
	}
}

func testOutOfRange(t *testing.T, log eventlog.Log) {
	ctx := t.Context()
	mustDo(t, log.Create(ctx, topic, 1))
	mustAppend(t, log, makeRecords(5, "ord")...)
	size := int64(makeRecords(1, "ord")[0].Size())
	if n, err := log.Trim(ctx, topic, eventlog.Retention{Bytes: 2 * size}); n != 3 || err != nil {
		t.Fatalf("Trim = %d, %v; want 3", n, err)
	}
	for _, tt := range []struct {
		offset int64
		read   int
		code   string
	}{
		{-1, 0, eventlog.CodeOutOfRange},
		{0, 0, eventlog.CodeOutOfRange},
		{2, 0, eventlog.CodeOutOfRange},
		{3, 2, ""},
		{4, 1, ""},
		{5, 0, ""},
		{6, 0, eventlog.CodeOutOfRange},
	} {
		got, err := log.Read(ctx, topic, 0, tt.offset, 10)
		if tt.code != "" && (fault.CodeOf(err) != tt.code || !fault.Is(err, fault.NotFound)) {
			t.Errorf("Read from %d = %v, want NotFound with code %s", tt.offset, err, tt.code)
		}
		if tt.code == "" && (err != nil || len(got) != tt.read) {
			t.Errorf("Read from %d = %d records, %v; want %d", tt.offset, len(got), err, tt.read)
		}
	}
	if got, err := log.Read(ctx, topic, 0, 3, 1); err != nil || len(got) != 1 {
		t.Errorf("Read of 1 = %d records, %v", len(got), err)
	}
	if got, err := log.Read(ctx, topic, 0, 3, 0); err != nil || len(got) != 0 {
		t.Errorf("Read of 0 = %d records, %v", len(got), err)
	}
}

func testTrimByTime(t *testing.T, log eventlog.Log) {
	ctx := t.Context()
	mustDo(t, log.Create(ctx, topic, 1))
	old := record("ord_1", nil)
	old.At = time.Now().Add(24 * time.Hour) // only the time of the append counts
	mustAppend(t, log, old)
	first := readAll(t, log, 0)[0].Appended
	last := first
	for !last.After(first) {
		mustAppend(t, log, record("ord_1", nil))
		all := readAll(t, log, 0)
		last = all[len(all)-1].Appended
	}
	kept := mustEnds(t, log)[0].Next - 1
	if n, err := log.Trim(ctx, topic, eventlog.Retention{Since: last}); n != kept || err != nil {
		t.Errorf("Trim = %d, %v; want %d", n, err, kept)
	}
	if got, want := mustEnds(t, log)[0], (eventlog.Bounds{Oldest: kept, Next: kept + 1}); got != want {
		t.Errorf("the partition holds %v, want %v", got, want)
	}
	if n, err := log.Trim(ctx, topic, eventlog.Retention{}); n != 0 || err != nil {
		t.Errorf("Trim without a limit = %d, %v; want 0", n, err)
	}
	if n, err := log.Trim(ctx, topic, everything()); n != 1 || err != nil {
		t.Errorf("Trim of everything = %d, %v; want 1", n, err)
	}
	mustAppend(t, log, record("ord_1", nil))
	if got := readAll(t, log, 0); len(got) != 1 || got[0].Offset != kept+1 {
		t.Errorf("after a Trim of everything: read %d records, want one at %d", len(got), kept+1)
	}
}

func testTrimBySize(t *testing.T, log eventlog.Log) {
	const partitions, records = 2, 40
	ctx := t.Context()
	mustDo(t, log.Create(ctx, topic, partitions))
	mustAppend(t, log, makeRecords(records, "ord")...)
	before := [][]eventlog.Message{readAll(t, log, 0), readAll(t, log, 1)}
	limit := int64(100 * before[0][0].Size())
	for _, limit := range []int64{limit, int64(5*before[0][0].Size()) + 1, 1} {
		var want int64
		ends := mustEnds(t, log)
		for p := range partitions {
			first := firstWithin(before[p], limit)
			want += first - ends[p].Oldest
			ends[p].Oldest = first
		}
		if n, err := log.Trim(ctx, topic, eventlog.Retention{Bytes: limit}); n != want || err != nil {
			t.Errorf("Trim to %d bytes = %d, %v; want %d", limit, n, err, want)
		}
		for p, got := range mustEnds(t, log) {
			if got != ends[p] {
				t.Errorf("trimmed to %d bytes, partition %d holds %v, want %v", limit, p, got, ends[p])
			}
			checkSame(t, readAll(t, log, p), before[p][got.Oldest:])
		}
	}
}

// firstWithin returns the lowest offset from which the messages have at most limit bytes.
func firstWithin(messages []eventlog.Message, limit int64) int64 {
	first := len(messages)
	for bytes := int64(0); first > 0; first-- {
		if bytes += int64(messages[first-1].Size()); bytes > limit {
			break
		}
	}
	return int64(first)
}

func testCancelled(t *testing.T, log eventlog.Log) {
	mustDo(t, log.Create(t.Context(), topic, 1))
	mustAppend(t, log, record("ord_1", nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range everyCall(ctx, log) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want context.Canceled", name, err)
		}
	}
	if got := mustEnds(t, log)[0]; got != (eventlog.Bounds{Next: 1}) {
		t.Errorf("the log holds %v after cancelled calls, want 0 to 1", got)
	}
	if _, ok, err := log.Committed(t.Context(), "views", topic, 0); ok || err != nil {
		t.Errorf("a cancelled Commit is stored: %v, %v", ok, err)
	}
}

func testClosed(t *testing.T, log eventlog.Log) {
	mustDo(t, log.Create(t.Context(), topic, 1))
	mustDo(t, log.Close())
	mustDo(t, log.Close())
	for name, err := range everyCall(t.Context(), log) {
		if fault.CodeOf(err) != eventlog.CodeClosed {
			t.Errorf("%s = %v, want code %s", name, err, eventlog.CodeClosed)
		}
	}
}

// everyCall makes each call once and returns their errors.
func everyCall(ctx context.Context, log eventlog.Log) map[string]error {
	errs := map[string]error{
		"Create": log.Create(ctx, "new", 1),
		"Wait":   log.Wait(ctx, topic, 0, 0),
		"Commit": log.Commit(ctx, "views", topic, 0, 1),
	}
	_, errs["Append"] = log.Append(ctx, topic, record("ord_1", nil))
	_, errs["Read"] = log.Read(ctx, topic, 0, 0, 1)
	_, errs["Ends"] = log.Ends(ctx, topic)
	_, _, errs["Committed"] = log.Committed(ctx, "views", topic, 0)
	_, errs["Trim"] = log.Trim(ctx, topic, everything())
	return errs
}
