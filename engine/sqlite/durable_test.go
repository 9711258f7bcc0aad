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

// held makes the writer's syncs wait: each sends on begun, and ends with what comes from release.
func held(w *writer) (begun chan struct{}, release chan error) {
	begun, release = make(chan struct{}), make(chan error)
	w.durable.sync = func() error {
		begun <- struct{}{}
		return <-release
	}
	return begun, release
}

func TestWritesAreAnsweredWhenTheyAreSynced(t *testing.T) {
	w, read := openBare(t)
	begun, release := held(w)
	first := make(chan error, 1)
	go func() { first <- w.do(t.Context(), insert("a")) }()
	<-begun

	// The commit can be seen by now, but neither its caller nor a reader may be told.
	if got := names(t, read); len(got) != 1 {
		t.Fatalf("the commit under way shows %v, want it to be there", got)
	}
	told := make(chan int, 1)
	go func() {
		var n int
		if err := (reader{read, w.durable}).queryRow(t.Context(), "SELECT count(*) FROM names", nil, &n); err != nil {
			t.Error(err)
		}
		told <- n
	}()
	refused := make(chan error, 1)
	go func() { refused <- w.do(t.Context(), insert("a")) }()
	select {
	case err := <-first:
		t.Fatalf("answered before it was synced: %v", err)
	case n := <-told:
		t.Fatalf("a reader was told of %d rows before they were synced", n)
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
	if n := <-told; n != 1 {
		t.Errorf("the reader was told of %d rows, want 1", n)
	}
	if err := <-refused; !IsUnique(err) {
		t.Errorf("error = %v, want a unique violation", err)
	}
	w.durable.sync = w.durable.log.Sync
}

// TestReadersWaitForTheSyncOfWhatTheySaw is the same where nothing but the sync can wake the reader.
func TestReadersWaitForTheSyncOfWhatTheySaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &durability{sync: func() error { return nil }}
		d.moved.L = &d.mu
		if err := d.settle(); err != nil {
			t.Fatalf("with nothing under way: %v", err)
		}
		number := d.begin()
		settled := make(chan error, 1)
		go func() { settled <- d.settle() }()
		synctest.Wait()
		select {
		case err := <-settled:
			t.Fatalf("settled before the sync: %v", err)
		default:
		}
		later := d.begin() // which the reader has not seen
		if err := d.keep(number); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case err := <-settled:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("still waits though all that it saw is synced")
			_ = d.keep(later)
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
	w.checkpoints.interrupt() // the steps are ours
	w.checkpoints.step()
	moved := w.checkpoints.moved
	lost := errors.New("no medium")
	w.durable.sync = func() error { return lost }
	if err := d.Write(t.Context(), insert("2")); !fault.Is(err, fault.Unavailable) || !errors.Is(err, lost) {
		t.Errorf("error = %v, want Unavailable for what the disk said", err)
	}
	w.durable.sync = func() error { t.Error("synced again after a failure"); return nil }
	if w.checkpoints.step(); w.checkpoints.moved != moved {
		t.Error("what may be lost was moved into the database")
	}
	if err := d.Write(t.Context(), insert("3")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("error of the next write = %v, want Unavailable", err)
	}
	var n int
	if err := d.QueryRow(t.Context(), "SELECT count(*) FROM names", nil, &n); !fault.Is(err, fault.Unavailable) {
		t.Errorf("error of a read = %v, want Unavailable: nobody knows what is durable", err)
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

// TestWhatWasReadOfALostWriteIsNotTold has a write that changes nothing, because it finds what another one wrote, and
// then the sync of that one fails.
func TestWhatWasReadOfALostWriteIsNotTold(t *testing.T) {
	w, _ := openBare(t)
	begun, release := held(w)
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

// TestAGroupGathersWhileAnotherIsSynced shows what the second goroutine is for.
func TestAGroupGathersWhileAnotherIsSynced(t *testing.T) {
	w, read := openBare(t)
	begun, release := held(w)
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
	w.durable.sync = w.durable.log.Sync
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
		t.Errorf("after what is no news: %v", err)
	}
	w.checkpoints.note(sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrFsync})
	if err := w.do(t.Context(), insert("b")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("error = %v, want Unavailable: pages may be lost that the log has no more", err)
	}
}

// TestTheLogStaysShort shows that a log begins again once its pages are moved, while there is always somebody who
// writes it and somebody who reads it.
func TestTheLogStaysShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.db")
	d, err := Open(t.Context(), path, bare, "names")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	w := d.writer
	w.checkpoints.interrupt() // the steps are ours
	ctx, stop := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	reading.Go(func() { readWithoutPause(ctx, d.reader.pool) })
	reading.Go(func() {
		for ctx.Err() == nil {
			time.Sleep(20 * time.Millisecond) // so that there is something to move
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
