package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mattn/go-sqlite3"

	"agora/fault"
)

// blockSyncs makes each sync send on begun and then end with an error from release.
func blockSyncs(w *writer) (begun chan struct{}, release chan error) {
	begun, release = make(chan struct{}), make(chan error)
	w.durable.syncLog = func() error {
		begun <- struct{}{}
		return <-release
	}
	return begun, release
}

func TestWritesAreAnsweredWhenTheyAreSynced(t *testing.T) {
	w, read := openBare(t)
	begun, release := blockSyncs(w)
	first := make(chan error, 1)
	go func() { first <- w.do(t.Context(), insert("a")) }()
	<-begun

	// The commit is visible by now, but neither its caller nor a reader may get an answer.
	if got := names(t, read); len(got) != 1 {
		t.Fatalf("the commit under way shows %v, want it to be there", got)
	}
	counted := make(chan int, 1)
	go func() {
		var n int
		if err := (reader{read, w.durable}).queryRow(t.Context(), "SELECT count(*) FROM names", nil, &n); err != nil {
			t.Error(err)
		}
		counted <- n
	}()
	refused := make(chan error, 1)
	go func() { refused <- w.do(t.Context(), insert("a")) }()
	select {
	case err := <-first:
		t.Fatalf("answered before it was synced: %v", err)
	case n := <-counted:
		t.Fatalf("a reader counted %d rows before they were synced", n)
	case err := <-refused:
		t.Fatalf("a refusal that follows from it came before it was synced: %v", err)
	default:
	}
	release <- nil
	if err := <-first; err != nil {
		t.Error(err)
	}
	<-begun
	release <- nil
	if n := <-counted; n != 1 {
		t.Errorf("the reader counted %d rows, want 1", n)
	}
	if err := <-refused; !IsUnique(err) {
		t.Errorf("error = %v, want a unique violation", err)
	}
	w.durable.syncLog = w.durable.log.Sync
}

// TestReadersWaitForTheSyncOfWhatTheySaw is the same with a reader that only the sync can wake.
func TestReadersWaitForTheSyncOfWhatTheySaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &durability{syncLog: func() error { return nil }}
		d.changed.L = &d.mu
		if err := d.waitForVisible(); err != nil {
			t.Fatalf("with nothing under way: %v", err)
		}
		number := d.begin()
		visible := make(chan error, 1)
		go func() { visible <- d.waitForVisible() }()
		synctest.Wait()
		select {
		case err := <-visible:
			t.Fatalf("read before the sync: %v", err)
		default:
		}
		later := d.begin() // not visible when the reader began
		if err := d.sync(number); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case err := <-visible:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("still waits although all that was visible is synced")
			_ = d.sync(later)
		}
	})
}

func TestAFailedSyncEndsTheStoreUntilItIsOpenedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.db")
	d, err := Open(t.Context(), path, bare, "names")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Write(t.Context(), insert("1")); err != nil {
		t.Fatal(err)
	}
	w := d.writer
	w.checkpoints.interrupt() // the test makes the steps
	w.checkpoints.step()
	copied := w.checkpoints.copied
	lost := errors.New("no medium")
	w.durable.syncLog = func() error { return lost }
	if err := d.Write(t.Context(), insert("2")); !fault.Is(err, fault.Unavailable) || !errors.Is(err, lost) {
		t.Errorf("error = %v, want Unavailable for what the disk said", err)
	}
	w.durable.syncLog = func() error { t.Error("synced again after a failure"); return nil }
	if w.checkpoints.step(); w.checkpoints.copied != copied {
		t.Error("pages that may be lost were copied into the database")
	}
	if err := d.Write(t.Context(), insert("3")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("error of the next write = %v, want Unavailable", err)
	}
	var n int
	if err := d.QueryRow(t.Context(), "SELECT count(*) FROM names", nil, &n); !fault.Is(err, fault.Unavailable) {
		t.Errorf("error of a read = %v, want Unavailable: what is durable is unknown", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = Open(t.Context(), path, bare, "names"); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Write(t.Context(), insert("3")); err != nil {
		t.Errorf("after it was opened again: %v", err)
	}
}

// TestAWriteThatReadALostWriteFails has a write that only reads what another one wrote, whose sync then fails.
func TestAWriteThatReadALostWriteFails(t *testing.T) {
	w, _ := openBare(t)
	begun, release := blockSyncs(w)
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- w.do(t.Context(), insert("a")) }()
	<-begun
	found := make(chan struct{})
	go func() {
		second <- w.do(t.Context(), func(t *Tx) error {
			defer close(found)
			var name string
			return t.QueryRow("SELECT name FROM names", nil, &name)
		})
	}()
	<-found
	release <- errors.New("no medium")
	for _, err := range []error{<-first, <-second} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("error = %v, want fault.Unavailable", err)
		}
	}
}

// TestWritesCollectWhileAGroupIsSynced counts the syncs of many writes.
func TestWritesCollectWhileAGroupIsSynced(t *testing.T) {
	w, read := openBare(t)
	begun, release := blockSyncs(w)
	const writes = 50
	var all sync.WaitGroup
	var ran atomic.Int64
	write := func(name string) {
		all.Go(func() {
			err := w.do(t.Context(), func(t *Tx) error {
				ran.Add(1)
				return insert(name)(t)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	write("first")
	<-begun
	for i := range writes {
		write(fmt.Sprint(i))
	}
	for int(ran.Load())+len(w.queue) < writes+1 {
		runtime.Gosched() // until all of them have run or wait
	}
	release <- nil
	syncs := 1
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for open := true; open; {
		select {
		case <-begun:
			syncs++
			release <- nil
		case <-done:
			open = false
		}
	}
	w.durable.syncLog = w.durable.log.Sync
	if got := len(names(t, read)); got != writes+1 {
		t.Errorf("kept %d writes, want %d", got, writes+1)
	}
	if syncs > writes/2 {
		t.Errorf("%d writes took %d syncs: they do not share them", writes+1, syncs)
	}
}

func TestAFailedSyncOfTheFileEndsTheStoreToo(t *testing.T) {
	w, _ := openBare(t)
	w.checkpoints.note(sqlite3.Error{Code: sqlite3.ErrFull})
	w.checkpoints.note(nil)
	if err := w.do(t.Context(), insert("a")); err != nil {
		t.Errorf("after an error that is ignored: %v", err)
	}
	w.checkpoints.note(sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrFsync})
	if err := w.do(t.Context(), insert("b")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("error = %v, want Unavailable: pages may be lost that the log has no more", err)
	}
}

// TestTheLogStaysShort has a writer and a reader that never pause: the log has to be restarted all the same.
func TestTheLogStaysShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.db")
	d, err := Open(t.Context(), path, bare, "names")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	w := d.writer
	w.checkpoints.interrupt() // the test makes the steps
	ctx, stop := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	reading.Go(func() { readWithoutPause(ctx, d.reader.pool) })
	reading.Go(func() {
		for ctx.Err() == nil {
			time.Sleep(20 * time.Millisecond) // so that there are pages to copy
			w.checkpoints.step()
		}
	})
	defer reading.Wait()
	defer stop()
	filler := make([]byte, 1<<16)
	for i := range 2000 {
		for n := 0; n < len(filler); n += 512 {
			binary.BigEndian.PutUint32(filler[n:], uint32(i)) // SQLite leaves a page alone that stays as it is
		}
		if err := w.do(t.Context(), func(t *Tx) error {
			_, err := t.Exec("INSERT OR REPLACE INTO names (name, payload) VALUES ('a', ?)", filler)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if bound := int64(2 * longLog * 4096); info.Size() > bound {
		t.Errorf("after 125 MiB the log has %d bytes, want at most %d", info.Size(), bound)
	}
	var size int
	if err := d.QueryRow(t.Context(), "SELECT length(payload) FROM names WHERE name = 'a'", nil, &size); err != nil || size != len(filler) {
		t.Errorf("read %d bytes, %v; want %d", size, err, len(filler))
	}
}

// readWithoutPause holds one read transaction until it has the next one, so that there always is one.
func readWithoutPause(ctx context.Context, pool *sql.DB) {
	var last *sql.Tx
	for ctx.Err() == nil {
		next, err := pool.BeginTx(ctx, nil)
		if err == nil {
			var n int
			err = next.QueryRowContext(ctx, "SELECT count(*) FROM names").Scan(&n)
		}
		if last != nil {
			_ = last.Rollback() // it has only read
		}
		if last = next; err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	_ = last.Rollback()
}
