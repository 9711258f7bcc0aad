package pebble

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"agora/fault"
	"agora/pattern/eventlog"
)

// TestLogAgreesWithMemory makes random calls to the log and the reference and compares all results. Only the times of
// appends may differ.
func TestLogAgreesWithMemory(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := model{fs: vfs.NewMem(), want: eventlog.NewMemory()}
		m.open(r)
		defer func() { m.close(r) }()
		r.Repeat(map[string]func(*rapid.T){
			"create":    m.create,
			"append":    m.append,
			"read":      m.read,
			"commit":    m.commit,
			"committed": m.committed,
			"trim":      m.trim,
			"reopen":    func(r *rapid.T) { m.close(r); m.open(r) },
			"":          m.ends,
		})
	})
}

type model struct {
	fs   vfs.FS
	want *eventlog.Memory
	got  *Log
}

func (m *model) open(r *rapid.T) {
	db, err := Open("log", Options{MemTableBytes: 64 << 10, FS: m.fs})
	if err != nil {
		r.Fatal(err)
	}
	if m.got, err = NewLog(db); err != nil {
		r.Fatal(err)
	}
}

func (m *model) close(r *rapid.T) {
	if err := m.got.Close(); err != nil {
		r.Fatal(err)
	}
	if err := m.got.db.Close(); err != nil {
		r.Fatal(err)
	}
}

// same checks that both logs returned the same result, or errors with the same code.
func same(r *rapid.T, call string, got, want any, gotErr, wantErr error) {
	r.Helper()
	if (gotErr == nil) != (wantErr == nil) || (gotErr != nil && fault.CodeOf(gotErr) != fault.CodeOf(wantErr)) {
		r.Fatalf("%s = %v, the reference says %v", call, gotErr, wantErr)
	}
	if !reflect.DeepEqual(got, want) {
		r.Fatalf("%s = %+v, the reference says %+v", call, got, want)
	}
}

func drawTopic(r *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "a.b", "b"}).Draw(r, "topic")
}

func (m *model) create(r *rapid.T) {
	topic, n := drawTopic(r), rapid.IntRange(1, 2).Draw(r, "partitions")
	same(r, "Create", nil, nil, m.got.Create(r.Context(), topic, n), m.want.Create(r.Context(), topic, n))
}

func (m *model) append(r *rapid.T) {
	topic := drawTopic(r)
	records := make([]eventlog.Record, rapid.IntRange(0, 20).Draw(r, "records"))
	for i := range records {
		records[i] = newRecord(fmt.Sprint("ord_", rapid.IntRange(0, 9).Draw(r, "key")))
		records[i].Value = make([]byte, rapid.IntRange(0, 100).Draw(r, "size"))
	}
	got, gotErr := m.got.Append(r.Context(), topic, records...)
	want, wantErr := m.want.Append(r.Context(), topic, records...)
	same(r, "Append", got, want, gotErr, wantErr)
}

func (m *model) read(r *rapid.T) {
	topic, p := drawTopic(r), rapid.IntRange(0, 2).Draw(r, "partition")
	offset, limit := rapid.Int64Range(-1, 100).Draw(r, "offset"), rapid.IntRange(0, 20).Draw(r, "limit")
	got, gotErr := m.got.Read(r.Context(), topic, p, offset, limit)
	want, wantErr := m.want.Read(r.Context(), topic, p, offset, limit)
	for _, messages := range [][]eventlog.Message{got, want} {
		for i := range messages {
			messages[i].Appended = time.Time{}
		}
	}
	same(r, "Read", got, want, gotErr, wantErr)
}

func (m *model) commit(r *rapid.T) {
	topic, p := drawTopic(r), rapid.IntRange(0, 1).Draw(r, "partition")
	group, offset := rapid.SampledFrom([]string{"views", "cache"}).Draw(r, "group"), rapid.Int64Range(-1, 100).Draw(r, "offset")
	same(r, "Commit", nil, nil,
		m.got.Commit(r.Context(), group, topic, p, offset), m.want.Commit(r.Context(), group, topic, p, offset))
}

func (m *model) committed(r *rapid.T) {
	topic, p := drawTopic(r), rapid.IntRange(0, 1).Draw(r, "partition")
	group := rapid.SampledFrom([]string{"views", "cache"}).Draw(r, "group")
	got, gotOK, gotErr := m.got.Committed(r.Context(), group, topic, p)
	want, wantOK, wantErr := m.want.Committed(r.Context(), group, topic, p)
	same(r, "Committed", []any{got, gotOK}, []any{want, wantOK}, gotErr, wantErr)
}

func (m *model) trim(r *rapid.T) {
	topic := drawTopic(r)
	keep := eventlog.Retention{Bytes: rapid.Int64Range(0, 3000).Draw(r, "bytes")}
	if rapid.IntRange(0, 9).Draw(r, "everything") == 0 {
		keep.Since = time.Now().Add(time.Hour)
	}
	got, gotErr := m.got.Trim(r.Context(), topic, keep)
	want, wantErr := m.want.Trim(r.Context(), topic, keep)
	same(r, "Trim", got, want, gotErr, wantErr)
}

// ends runs after every other call.
func (m *model) ends(r *rapid.T) {
	for _, topic := range []string{"a", "a.b", "b"} {
		got, gotErr := m.got.Ends(r.Context(), topic)
		want, wantErr := m.want.Ends(r.Context(), topic)
		same(r, "Ends", got, want, gotErr, wantErr)
	}
}
