package pebble

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"agora/fault"
	"agora/ident"
	"agora/pattern/eventlog"
)

const topic, partitions = "orders", 3

func newRecord(key string) eventlog.Record {
	return eventlog.Record{ID: ident.New(ident.Event), Kind: "order.placed", Key: key, Value: []byte(key), At: time.Now()}
}

// acknowledged collects the identifiers of appended records.
type acknowledged struct {
	mu  sync.Mutex
	ids []string
}

func (a *acknowledged) add(records []eventlog.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range records {
		a.ids = append(a.ids, r.ID)
	}
}

func (a *acknowledged) so() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.ids)
}

// appendUntil appends calls of 1 to 4 records from several writers until ctx ends or one fails.
func appendUntil(ctx context.Context, log eventlog.Log, done func([]eventlog.Record)) {
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				records := make([]eventlog.Record, 1+i%4)
				for j := range records {
					records[j] = newRecord(fmt.Sprintf("ord_%d_%d", w, i+j))
				}
				if _, err := log.Append(ctx, topic, records...); err != nil {
					return
				}
				done(records)
			}
		})
	}
	writers.Wait()
}

// checkWhole checks that the log has each of the records once, at offsets without a gap, and accepts more.
func checkWhole(t *testing.T, log eventlog.Log, ids []string) {
	t.Helper()
	if _, err := log.Append(t.Context(), topic, newRecord("after the crash")); err != nil {
		t.Fatalf("append after the crash: %v", err)
	}
	ends, err := log.Ends(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for p, end := range ends {
		for offset := end.Oldest; offset < end.Next; {
			read, err := log.Read(t.Context(), topic, p, offset, 100)
			if err != nil || len(read) == 0 {
				t.Fatalf("read %s/%d from %d: %d records, %v; it holds %v", topic, p, offset, len(read), err, end)
			}
			for _, msg := range read {
				if msg.Offset != offset {
					t.Fatalf("partition %d has %d where %d belongs", p, msg.Offset, offset)
				}
				found[msg.ID]++
				offset++
			}
		}
	}
	for _, id := range ids {
		if found[id] != 1 {
			t.Fatalf("%s was acknowledged and is there %d times, of %d acknowledged and %d found", id, found[id], len(ids), len(found))
		}
	}
}

// TestAcknowledgedSurvivesACrash repeatedly loses a part of what was not synced, while writers append.
func TestAcknowledgedSurvivesACrash(t *testing.T) {
	const crashes = 25
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	fs := vfs.NewCrashableMem()
	log := openSmall(t, fs)
	ctx, stop := context.WithCancel(t.Context())
	var (
		acked  acknowledged
		writer sync.WaitGroup
		calls  = make(chan struct{}, 64) // blocks the writers during a check after a crash
	)
	writer.Go(func() {
		appendUntil(ctx, log, func(records []eventlog.Record) {
			acked.add(records)
			select {
			case calls <- struct{}{}:
			case <-ctx.Done():
			}
		})
	})
	for i := range crashes {
		for range random.IntN(100) {
			<-calls
		}
		if err := log.Commit(ctx, "views", topic, 0, int64(i)); err != nil {
			t.Fatal(err)
		}
		before := acked.so()
		after := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(101), RNG: random})
		recovered := openLog(t, "log", after)
		checkWhole(t, recovered, before)
		if at, ok, err := recovered.Committed(ctx, "views", topic, 0); err != nil || !ok || at != int64(i) {
			t.Errorf("after crash %d: Committed = %d, %v, %v", i, at, ok, err)
		}
	}
	stop()
	writer.Wait()
	closeLog(t, log)
	checkWhole(t, openLog(t, "log", fs), acked.so())
}

// openSmall opens a log with small memory tables, so that it begins new files all the time. The caller closes it.
func openSmall(t *testing.T, fs vfs.FS) *Log {
	t.Helper()
	db, err := Open("log", Options{MemTableBytes: 64 << 10, FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	log, err := NewLog(db)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Create(t.Context(), topic, partitions); err != nil {
		t.Fatal(err)
	}
	return log
}

// TestFailedWriteIsFinal makes a write fail: the log refuses further writes, returns only durable records, and opens again
// without a gap.
func TestFailedWriteIsFinal(t *testing.T) {
	for _, tt := range []struct {
		name string
		fail []errorfs.OpKind
	}{
		{"write", []errorfs.OpKind{errorfs.OpFileWrite}},
		{"sync", []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			broken := &errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
				if filepath.Ext(op.Path) == ".log" && slices.Contains(tt.fail, op.Kind) {
					return errorfs.ErrInjected
				}
				return nil
			})}
			log := openSmall(t, errorfs.Wrap(fs, broken))
			var acked acknowledged
			for i := range 50 {
				records := []eventlog.Record{newRecord(fmt.Sprint("ord_", i)), newRecord("shared")}
				if _, err := log.Append(t.Context(), topic, records...); err != nil {
					t.Fatal(err)
				}
				acked.add(records)
			}
			broken.On()
			appendUntil(t.Context(), log, acked.add) // ends with the failure
			broken.Off()

			ends, err := log.Ends(t.Context(), topic)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := log.Append(t.Context(), topic, newRecord("ord_1")); !fault.Is(err, fault.Unavailable) {
				t.Errorf("Append after the failure = %v, want Unavailable", err)
			}
			if log.db.Err() == nil {
				t.Error("the database does not know that it failed")
			}
			if shown := sum(ends); shown != len(acked.so()) {
				t.Errorf("%d records can be read, %d were acknowledged", shown, len(acked.so()))
			}
			if err := log.db.Close(); err == nil {
				t.Error("Close hides the failure")
			}
			checkWhole(t, openLog(t, "log", fs.CrashClone(vfs.CrashCloneCfg{})), acked.so())
		})
	}
}

func sum(ends []eventlog.Bounds) (records int) {
	for _, end := range ends {
		records += int(end.Next - end.Oldest)
	}
	return records
}

// killed is the variable with the folder in which this test binary appends until it is killed: see TestKill.
const killed = "AGORA_TEST_APPEND_UNTIL_KILLED"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killed); dir != "" {
		appendForEver(dir)
	}
	os.Exit(m.Run())
}

// appendForEver appends to the log in a folder and prints the identifier of each acknowledged record.
func appendForEver(dir string) {
	db, err := Open(dir, Options{MemTableBytes: 64 << 10})
	if err != nil {
		panic(err)
	}
	log, err := NewLog(db)
	if err != nil {
		panic(err)
	}
	if err := log.Create(context.Background(), topic, partitions); err != nil {
		panic(err)
	}
	appendUntil(context.Background(), log, func(records []eventlog.Record) {
		for _, r := range records {
			if _, err := fmt.Println(r.ID); err != nil {
				panic(err)
			}
		}
	})
	panic("append failed")
}

// TestKill kills a process with SIGKILL while it appends, and opens its folder.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	var ids []string
	for range 3 {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), killed+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 300 && lines.Scan(); n++ {
			ids = append(ids, lines.Text())
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // the acknowledged records
			ids = append(ids, lines.Text())
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the child ended before it was killed")
		}
		if last := len(ids) - 1; last >= 0 && ident.Check(ident.Event, ids[last]) != nil {
			ids = ids[:last] // an incomplete line
		}
		log := openLog(t, dir, vfs.Default)
		checkWhole(t, log, ids)
		closeLog(t, log)
	}
	if len(ids) < 900 {
		t.Errorf("the children acknowledged %d records, want at least 900", len(ids))
	}
}
