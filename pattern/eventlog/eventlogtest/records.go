package eventlogtest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"agora/ident"
	"agora/pattern/eventlog"
)

// record returns a new valid record.
func record(key string, value []byte) eventlog.Record {
	return eventlog.Record{ID: ident.New(ident.Event), Kind: "order.placed", Key: key, Value: value, At: time.Now()}
}

// makeRecords returns n records of one size, each with a key of its own.
func makeRecords(n int, key string) []eventlog.Record {
	records := make([]eventlog.Record, n)
	for i := range records {
		records[i] = record(fmt.Sprintf("%s_%06d", key, i), []byte(`{"total":{"amount":1999,"currency":"USD"}}`))
	}
	return records
}

// everything is a retention that retains nothing.
func everything() eventlog.Retention { return eventlog.Retention{Since: time.Now().Add(time.Hour)} }

// readAll returns all messages of a partition of the suite's topic, read a few at a time.
func readAll(t *testing.T, log eventlog.Log, partition int) []eventlog.Message {
	t.Helper()
	ends := mustEnds(t, log)[partition]
	var all []eventlog.Message
	for offset := ends.Oldest; offset < ends.Next; {
		got, err := log.Read(t.Context(), topic, partition, offset, 7)
		if err != nil || len(got) == 0 {
			t.Fatalf("Read from %d = %d records, %v; the partition holds %v", offset, len(got), err, ends)
		}
		all = append(all, got...)
		offset = got[len(got)-1].Offset + 1
	}
	return all
}

func mustEnds(t *testing.T, log eventlog.Log) []eventlog.Bounds {
	t.Helper()
	ends, err := log.Ends(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return ends
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustAppend appends, and fails unless the log returns a position for each record.
func mustAppend(t *testing.T, log eventlog.Log, records ...eventlog.Record) []eventlog.Position {
	t.Helper()
	at, err := log.Append(t.Context(), topic, records...)
	if err != nil {
		t.Fatal(err)
	}
	if len(at) != len(records) {
		t.Fatalf("Append returned %d positions of %d records", len(at), len(records))
	}
	return at
}

func checkSame(t *testing.T, got, want []eventlog.Message) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("read %d records, want %d", len(got), len(want))
		return
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("record %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

func checkCommitted(t *testing.T, log eventlog.Log, group string, partition int, want int64) {
	t.Helper()
	got, ok, err := log.Committed(t.Context(), group, topic, partition)
	if err != nil || !ok || got != want {
		t.Errorf("Committed(%s, %d) = %d, %v, %v; want %d", group, partition, got, ok, err, want)
	}
}
