package eventlog

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"agora/engine/postgres"
	"agora/engine/postgres/postgrestest"
	"agora/fault"
	"agora/ident"
	"agora/pattern/eventlog"
	"agora/pattern/eventlog/eventlogtest"
	"agora/pattern/lead/leadtest"
)

// openLog opens the log of a database. The test closes both at its end.
func openLog(tb testing.TB, url string) *Log {
	tb.Helper()
	log := postgrestest.Must[*Log](tb)(Open(tb.Context(), postgrestest.Open(tb, url, postgres.Open)))
	tb.Cleanup(func() {
		if err := log.Close(); err != nil {
			tb.Error(err)
		}
	})
	return log
}

func TestLog(t *testing.T) {
	t.Parallel()
	eventlogtest.Run(t, func(t *testing.T) eventlog.Log { return openLog(t, server.Database(t)) })
}

func TestLogIsDurable(t *testing.T) {
	var urls sync.Map
	eventlogtest.Durable(t, func(t *testing.T, name string) eventlog.Log {
		url, known := urls.Load(name)
		if !known {
			url = server.Database(t)
			urls.Store(name, url)
		}
		return openLog(t, url.(string))
	})
}

func BenchmarkLog(b *testing.B) {
	eventlogtest.Benchmark(b, func(b *testing.B) eventlog.Log { return openLog(b, server.Database(b)) })
}

func TestLogOfTwoServers(t *testing.T) {
	t.Parallel()
	eventlogtest.Run(t, func(t *testing.T) eventlog.Log {
		url := server.Database(t)
		return eventlogtest.Alternating(openLog(t, url), openLog(t, url))
	})
}

func TestOneServerFollowsForAGroup(t *testing.T) {
	t.Parallel()
	leadtest.RunDivider(t, func(t *testing.T) (first, second *Log, crash func()) {
		url := server.Database(t)
		return openLog(t, url), openLog(t, url), func() { postgrestest.EndLeads(t, url) }
	})
}

// TestWhatIsVisibleHasNoGap follows a partition while several servers append to it.
func TestWhatIsVisibleHasNoGap(t *testing.T) {
	const servers, calls, each = 3, 40, 5
	url := server.Database(t)
	reader := openLog(t, url)
	if err := reader.Create(t.Context(), "orders", 1); err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	for range servers {
		log := openLog(t, url)
		writing.Go(func() {
			for range calls {
				if _, err := log.Append(t.Context(), "orders", someRecords(each)...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for next := int64(0); next < servers*calls*each && !t.Failed(); {
		read, err := reader.Read(t.Context(), "orders", 0, next, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range read {
			if m.Offset != next {
				t.Fatalf("read offset %d where %d belongs", m.Offset, next)
			}
			next++
		}
		if err := reader.Wait(t.Context(), "orders", 0, next-1); err != nil {
			t.Fatal(err)
		}
	}
	writing.Wait()
}

func someRecords(n int) []eventlog.Record {
	records := make([]eventlog.Record, n)
	for i := range records {
		records[i] = eventlog.Record{ID: ident.New(ident.Event), Kind: "order.placed", Key: "ord_1", At: time.Now()}
	}
	return records
}

// TestWaitingOutlivesBrokenConnections breaks the connections of a server that waits.
func TestWaitingOutlivesBrokenConnections(t *testing.T) {
	url := server.Database(t)
	waiting, other := openLog(t, url), openLog(t, url)
	if err := waiting.Create(t.Context(), "orders", 1); err != nil {
		t.Fatal(err)
	}
	read := make(chan int)
	go func() {
		for {
			got, err := waiting.Read(t.Context(), "orders", 0, 0, 10)
			if err == nil && len(got) > 0 {
				read <- len(got)
				return
			}
			if err == nil {
				err = waiting.Wait(t.Context(), "orders", 0, 0)
			}
			if err != nil && !fault.Is(err, fault.Unavailable) {
				t.Error(err)
				read <- 0
				return
			}
		}
	}()
	for range 5 {
		if _, err := other.db.Pool().Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // so that some of them are in use again
	}
	if _, err := other.Append(t.Context(), "orders", someRecords(1)...); err != nil {
		t.Fatal(err)
	}
	if n := <-read; n != 1 {
		t.Errorf("read %d records, want 1", n)
	}
}

// TestTrimFinishesWhatWasInterrupted has bounds that were moved, and records before them that still have rows.
func TestTrimFinishesWhatWasInterrupted(t *testing.T) {
	log := openLog(t, server.Database(t))
	if err := log.Create(t.Context(), "orders", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), "orders", someRecords(10)...); err != nil {
		t.Fatal(err)
	}
	if _, err := log.db.Pool().Exec(t.Context(), "UPDATE partitions SET oldest = 6"); err != nil {
		t.Fatal(err)
	}
	if n, err := log.Trim(t.Context(), "orders", eventlog.Retention{}); n != 0 || err != nil {
		t.Errorf("trim = %d, %v; want nothing dropped", n, err)
	}
	var rows int
	if err := log.db.Pool().QueryRow(t.Context(), "SELECT count(*) FROM records").Scan(&rows); err != nil || rows != 4 {
		t.Errorf("%d records are kept, %v; want 4", rows, err)
	}
}

// BenchmarkLogBatch appends and reads as the relay and the projections do: 1,000 records at a time, one call after the other.
func BenchmarkLogBatch(b *testing.B) {
	const n = 1000
	log := openLog(b, server.Database(b))
	if err := log.Create(b.Context(), "orders", 8); err != nil {
		b.Fatal(err)
	}
	records := someRecords(n)
	for i := range records {
		records[i].Key, records[i].Value = fmt.Sprint("ord_", i), make([]byte, 300)
	}
	b.Run("append", func(b *testing.B) {
		for b.Loop() {
			if _, err := log.Append(b.Context(), "orders", records...); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if got, err := log.Read(b.Context(), "orders", 0, 0, n); err != nil || len(got) != n {
				b.Fatalf("read %d records, %v", len(got), err)
			}
		}
	})
}
