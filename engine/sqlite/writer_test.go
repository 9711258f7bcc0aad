package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/mattn/go-sqlite3"

	"agora/fault"
)

// bare is a schema with one table of unique names.
var bare = fstest.MapFS{"migrations/names/00001_names.sql": {Data: []byte(
	"-- +goose Up\nCREATE TABLE names (name TEXT PRIMARY KEY, payload BLOB) WITHOUT ROWID;")}}

// openBare opens a writer over a database with one table of unique names.
func openBare(t *testing.T) (*writer, *sql.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bare.db")
	db, err := connect(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE names (name TEXT PRIMARY KEY, payload BLOB) WITHOUT ROWID"); err != nil {
		t.Fatal(err)
	}
	w, err := newWriter(t.Context(), db, path)
	if err != nil {
		t.Fatal(err)
	}
	read, err := connect(path, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(w.close(), read.Close()); err != nil {
			t.Error(err)
		}
	})
	return w, read
}

func insert(name string) func(*Tx) error {
	return func(t *Tx) error {
		_, err := t.Exec("INSERT INTO names (name) VALUES (?)", name)
		return err
	}
}

func names(t *testing.T, db *sql.DB) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM names ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		all = append(all, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWriterUndoesOnlyTheWriteThatFails(t *testing.T) {
	w, read := openBare(t)
	refused := errors.New("refused")
	var group []*write
	add := func(fn func(*Tx) error) *write {
		request := &write{ctx: t.Context(), fn: fn, answer: make(chan struct{})}
		group = append(group, request)
		return request
	}
	first := add(insert("a"))
	refuses := add(func(t *Tx) error {
		return errors.Join(insert("b")(t), insert("c")(t), refused)
	})
	duplicate := add(insert("a"))
	last := add(insert("d"))
	w.commit(group)

	if first.err != nil || last.err != nil {
		t.Errorf("the writes beside the failed ones fail: %v, %v", first.err, last.err)
	}
	if !errors.Is(refuses.err, refused) {
		t.Errorf("error = %v, want the write's own", refuses.err)
	}
	if !IsUnique(duplicate.err) {
		t.Errorf("error = %v, want a unique violation", duplicate.err)
	}
	if got, want := fmt.Sprint(names(t, read)), "[a d]"; got != want {
		t.Errorf("kept %s, want %s", got, want)
	}
}

func TestWriterServesManyCallers(t *testing.T) {
	w, read := openBare(t)
	const callers, each = 64, 20
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for i := range each {
				if err := w.do(t.Context(), insert(fmt.Sprintf("%d-%d", c, i))); err != nil {
					t.Errorf("write %d of caller %d: %v", i, c, err)
				}
			}
		})
	}
	all.Wait()
	if got := len(names(t, read)); got != callers*each {
		t.Errorf("kept %d writes, acknowledged %d", got, callers*each)
	}
}

func TestWriterSkipsACallerThatLeft(t *testing.T) {
	w, read := openBare(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.do(ctx, insert("late")); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
	if err := w.do(t.Context(), insert("next")); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(names(t, read)), "[next]"; got != want {
		t.Errorf("kept %s, want %s", got, want)
	}
}

func TestWriterSurvivesAFullDisk(t *testing.T) {
	w, read := openBare(t)
	var pages int
	if err := w.tx.QueryRow("PRAGMA page_count", nil, &pages); err != nil {
		t.Fatal(err)
	}
	if err := w.tx.QueryRow(fmt.Sprintf("PRAGMA max_page_count = %d", pages+20), nil, &pages); err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	var full error
	for i := range 200 {
		name := fmt.Sprintf("%04d", i)
		err := w.do(t.Context(), func(t *Tx) error {
			_, err := t.Exec("INSERT INTO names VALUES (?, zeroblob(2000))", name)
			return err
		})
		if err == nil {
			kept[name] = true
		} else {
			full = err
		}
	}
	if !fault.Is(full, fault.Unavailable) {
		t.Fatalf("error on a full disk = %v, want fault.Unavailable", full)
	}
	got := names(t, read)
	if len(got) != len(kept) {
		t.Errorf("%d rows are there, %d were acknowledged", len(got), len(kept))
	}
	if err := w.tx.QueryRow("PRAGMA max_page_count = 100000", nil, &pages); err != nil {
		t.Fatal(err)
	}
	if err := w.do(t.Context(), insert("after")); err != nil {
		t.Errorf("with space again, a write fails: %v", err)
	}
}

// TestWriterFailsABrokenTransaction has SQLite end the transaction of a group: no write is acknowledged or stored.
func TestWriterFailsABrokenTransaction(t *testing.T) {
	w, read := openBare(t)
	group := []*write{
		{ctx: t.Context(), fn: insert("before"), answer: make(chan struct{})},
		{ctx: t.Context(), fn: func(t *Tx) error {
			if err := insert("in it")(t); err != nil {
				return err
			}
			_, err := t.Exec("ROLLBACK")
			return errors.Join(err, errors.New("the disk is gone"))
		}, answer: make(chan struct{})},
		{ctx: t.Context(), fn: insert("after"), answer: make(chan struct{})},
	}
	w.commit(group)
	for i, request := range group {
		if request.err == nil {
			t.Errorf("write %d is acknowledged", i)
		}
	}
	if got := names(t, read); len(got) != 0 {
		t.Errorf("kept %v, want nothing", got)
	}
	if err := w.do(t.Context(), insert("next")); err != nil {
		t.Errorf("the next write fails: %v", err)
	}
}

// TestWriterFailsATransactionThatAReadEnded is the same for a write that had only read when SQLite ended the transaction.
// A savepoint after that would begin another transaction, and its release would commit it.
func TestWriterFailsATransactionThatAReadEnded(t *testing.T) {
	w, read := openBare(t)
	failed, ctx := sqlite3.Error{Code: sqlite3.ErrIoErr}, t.Context()
	group := []*write{
		{ctx: t.Context(), fn: func(t *Tx) error {
			stmt, err := t.prepare("ROLLBACK")
			if err == nil {
				_, err = stmt.ExecContext(ctx)
			}
			return errors.Join(err, failed)
		}, answer: make(chan struct{})},
		{ctx: t.Context(), fn: insert("after"), answer: make(chan struct{})},
	}
	w.commit(group)
	for i, request := range group {
		if request.err == nil {
			t.Errorf("write %d is acknowledged", i)
		}
	}
	if got := names(t, read); len(got) != 0 {
		t.Errorf("kept %v, want nothing", got)
	}
}

func TestDatabasesAreWhereTheirNameSays(t *testing.T) {
	for _, name := range []string{"plain.db", "shop#1.db", "what?.db", "100%.db", "a b.db", "ä%20.db"} {
		folder := t.TempDir()
		d, err := Open(t.Context(), filepath.Join(folder, name), bare, "names")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(folder)
		if err != nil || len(files) != 1 || files[0].Name() != name {
			t.Errorf("opening %s made %v, %v", name, files, err)
		}
	}
}

// TestTheLogIsWhereSQLiteHasIt opens a database through a symbolic link. SQLite has the log in the folder of the file itself.
func TestTheLogIsWhereSQLiteHasIt(t *testing.T) {
	there, link := filepath.Join(t.TempDir(), "there.db"), filepath.Join(t.TempDir(), "here.db")
	if err := os.Symlink(there, link); err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), link, bare, "names")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	followed, err := d.writer.durable.log.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := os.Stat(there + "-wal"); err != nil || !os.SameFile(kept, followed) {
		t.Errorf("SQLite keeps %v, %v; what is synced is another file", kept, err)
	}
}

func TestWriterRefusesAfterClose(t *testing.T) {
	w, _ := openBare(t)
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	if err := w.do(t.Context(), insert("late")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("error = %v, want fault.Unavailable", err)
	}
}

func BenchmarkWriter(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "bench.db")
			db, err := connect(path, false)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := db.ExecContext(b.Context(), "CREATE TABLE names (name TEXT PRIMARY KEY, payload BLOB) WITHOUT ROWID"); err != nil {
				b.Fatal(err)
			}
			w, err := newWriter(b.Context(), db, path)
			if err != nil {
				b.Fatal(err)
			}
			defer w.close()
			b.SetParallelism(callers / 2)
			var next sync.Mutex
			n := 0
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					next.Lock()
					n++
					name := fmt.Sprintf("%012d", n)
					next.Unlock()
					if err := w.do(b.Context(), insert(name)); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}

// TestWhatAStoreRemembersIsRolledBack has a write succeed, one fail alone, and one that succeeded fail with its group.
func TestWhatAStoreRemembersIsRolledBack(t *testing.T) {
	w, _ := openBare(t)
	remembered := "nothing"
	remember := func(name string, end func(*Tx) error) *write {
		return &write{ctx: t.Context(), answer: make(chan struct{}), fn: func(tx *Tx) error {
			if err := insert(name)(tx); err != nil {
				return err
			}
			before := remembered
			remembered = name
			tx.OnRollback(func() { remembered = before })
			return end(tx)
		}}
	}
	fine := func(*Tx) error { return nil }
	refused := func(*Tx) error { return errors.New("refused") }
	breaking := func(tx *Tx) error {
		_, err := tx.Exec("ROLLBACK") // as SQLite does when the disk is full
		return errors.Join(err, errors.New("the disk is full"))
	}
	w.commit([]*write{remember("first", fine), remember("second", refused)})
	if remembered != "first" {
		t.Errorf("after a write that was refused, %s is remembered, want first", remembered)
	}
	w.commit([]*write{remember("third", fine), remember("fourth", breaking)})
	if remembered != "first" {
		t.Errorf("after a group that failed, %s is remembered, want first", remembered)
	}
	w.commit([]*write{remember("fifth", fine)})
	if remembered != "fifth" {
		t.Errorf("after the next write, %s is remembered, want fifth", remembered)
	}
}
