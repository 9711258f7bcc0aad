package kafka

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"agora/engine/kafka/kafkatest"
	"agora/fault"
	"agora/ident"
	"agora/pattern/eventlog"
)

const topicName = "orders"

// record returns a new record whose value is a number.
func record(key string, number int) eventlog.Record {
	return eventlog.Record{ID: ident.New(ident.Event), Kind: "order.placed", Key: key, Value: []byte(strconv.Itoa(number)), At: time.Now()}
}

// create makes the topic of the tests.
func create(tb testing.TB, log *Log, partitions int) {
	tb.Helper()
	if err := log.Create(tb.Context(), topicName, partitions); err != nil {
		tb.Fatal(err)
	}
}

// writer appends numbered records to a key of its own, and repeats calls that failed with the same records.
type writer struct {
	log      *Log
	key      string
	deadline time.Duration // of each call

	positions map[string]eventlog.Position // of what was acknowledged, by ID
	repeated  map[string]bool              // IDs of calls that failed at least once
}

const recordsPerCall = 3

// run makes so many calls, and calls acknowledged after each.
func (w *writer) run(t *testing.T, calls int, acknowledged func()) {
	w.positions, w.repeated = map[string]eventlog.Position{}, map[string]bool{}
	for call := range calls {
		records := make([]eventlog.Record, recordsPerCall)
		for i := range records {
			records[i] = record(w.key, call*recordsPerCall+i)
		}
		at, err := w.append(t, records)
		for err != nil {
			if !fault.Is(err, fault.Unavailable) {
				t.Errorf("append = %v, want Unavailable", err)
				return
			}
			for _, r := range records {
				w.repeated[r.ID] = true
			}
			at, err = w.append(t, records)
		}
		for i, r := range records {
			w.positions[r.ID] = at[i]
		}
		acknowledged()
	}
}

func (w *writer) append(t *testing.T, records []eventlog.Record) ([]eventlog.Position, error) {
	ctx, cancel := context.WithTimeout(t.Context(), w.deadline)
	defer cancel()
	return w.log.Append(ctx, topicName, records...)
}

// TestCrashOfKafkaKeepsWhatItAcknowledged kills Kafka while writers append, and starts it again. Half of the writers have
// deadlines that end during the outage, and repeat their calls.
func TestCrashOfKafkaKeepsWhatItAcknowledged(t *testing.T) {
	const partitions, writers = 3, 8
	calls, crashes := 400, 2
	if testing.Short() {
		calls, crashes = 100, 1
	}
	kafka := kafkatest.Start(t)
	url := kafka.URL(t)
	create(t, openLog(t, url), partitions)

	all := make([]*writer, writers)
	progress := make(chan struct{}, writers*calls)
	var writing sync.WaitGroup
	for i := range all {
		all[i] = &writer{log: openLog(t, url), key: fmt.Sprint("ord_", i), deadline: time.Minute}
		if i%2 == 0 {
			all[i].deadline = 300 * time.Millisecond
		}
		writing.Go(func() { all[i].run(t, calls, func() { progress <- struct{}{} }) })
	}
	for range crashes {
		for range writers * calls / (crashes + 1) { // so that all crashes come before the end
			<-progress
		}
		kafka.Kill(t)
		kafka.Restart(t)
	}
	writing.Wait()
	if !t.Failed() {
		checkWritten(t, openLog(t, url), all, calls*recordsPerCall)
	}
}

// checkWritten checks that the log has what the writers were told, without a gap: each number of a key first appears after
// the number before it, and only records of calls that failed may appear again.
func checkWritten(t *testing.T, log *Log, writers []*writer, numbers int) {
	t.Helper()
	byKey := map[string]*writer{}
	for _, w := range writers {
		byKey[w.key] = w
	}
	seen, next := map[string]int{}, map[string]int{}
	acknowledged := map[string]bool{} // IDs that were read at the position that Append returned
	ends, err := log.Ends(t.Context(), topicName)
	if err != nil {
		t.Fatal(err)
	}
	for p := range ends {
		for _, m := range readPartition(t, log, p) {
			w := byKey[m.Key]
			seen[m.ID]++
			if seen[m.ID] > 1 && !w.repeated[m.ID] {
				t.Errorf("record %s of %s is in the log %d times, and its call never failed", m.Value, m.Key, seen[m.ID])
			}
			if seen[m.ID] == 1 {
				if want := strconv.Itoa(next[m.Key]); string(m.Value) != want {
					t.Fatalf("key %s: read %s, want %s", m.Key, m.Value, want)
				}
				next[m.Key]++
			}
			if w.positions[m.ID] == (eventlog.Position{Partition: p, Offset: m.Offset}) {
				acknowledged[m.ID] = true
			}
		}
	}
	for _, w := range writers {
		if next[w.key] != numbers {
			t.Errorf("key %s has %d numbers, want %d", w.key, next[w.key], numbers)
		}
		for id, at := range w.positions {
			if !acknowledged[id] {
				t.Errorf("record %s of %s is not at %v, which Append returned", id, w.key, at)
			}
		}
	}
}

// readPartition returns all messages of a partition, and fails if there is a gap between them.
func readPartition(t *testing.T, log *Log, partition int) []eventlog.Message {
	t.Helper()
	var all []eventlog.Message
	for {
		read, err := log.Read(t.Context(), topicName, partition, int64(len(all)), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(read) == 0 {
			return all
		}
		for _, m := range read {
			if m.Offset != int64(len(all)) {
				t.Fatalf("read offset %d where %d belongs", m.Offset, len(all))
			}
			all = append(all, m)
		}
	}
}

// TestAnOutageLeavesOneCopy makes calls while Kafka is away. What the first one left with the driver is appended when Kafka
// is back. The later ones have added nothing.
func TestAnOutageLeavesOneCopy(t *testing.T) {
	kafka := kafkatest.Start(t)
	log := openLog(t, kafka.URL(t))
	create(t, log, 1)
	before, first, second, after := record("ord_1", 0), record("ord_1", 1), record("ord_1", 2), record("ord_1", 3)
	if _, err := log.Append(t.Context(), topicName, before); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() { waiting <- log.Wait(t.Context(), topicName, 0, 1) }()

	kafka.Kill(t)
	for _, r := range []eventlog.Record{first, second} {
		if _, err := log.Append(soon(t), topicName, r); !fault.Is(err, fault.Unavailable) {
			t.Errorf("append without Kafka = %v, want Unavailable", err)
		}
	}
	if _, err := log.Read(soon(t), topicName, 0, 0, 1); !fault.Is(err, fault.Unavailable) {
		t.Errorf("read without Kafka = %v, want Unavailable", err)
	}
	kafka.Restart(t)
	if err := log.appender.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), topicName, after); err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; err != nil {
		t.Errorf("wait over an outage = %v", err)
	}

	var got []string
	for _, m := range readPartition(t, log, 0) {
		got = append(got, m.ID)
	}
	if want := []string{before.ID, first.ID, after.ID}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the log has %v, want %v", got, want)
	}
}

// soon returns a context whose deadline ends before Kafka is back.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}
