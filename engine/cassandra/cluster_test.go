package cassandra_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"agora/engine/cassandra"
	"agora/engine/cassandra/cassandratest"
	"agora/fault"
	"agora/telemetry"
)

func open(t *testing.T, url string) *cassandra.Keyspace {
	t.Helper()
	keyspace, err := cassandra.Open(t.Context(), url, cassandra.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := keyspace.Close(); err != nil {
			t.Error(err)
		}
	})
	return keyspace
}

// TestTwoNodes checks what a keyspace does on a cluster of two nodes, and what it does when one of them has died.
func TestTwoNodes(t *testing.T) {
	nodes := cassandratest.Start(t, "127.0.0.1", "127.0.0.2")
	once, twice := open(t, nodes[0].URL()+"/once?replication=1"), open(t, nodes[1].URL()+"/twice?replication=2")
	t.Run("migrations", func(t *testing.T) { testMigrations(t, once, open(t, nodes[1].URL()+"/once")) })
	t.Run("lag", func(t *testing.T) { testLag(t, twice) })
	t.Run("lag of no node", func(t *testing.T) { testLagIsForgotten(t, nodes[0].URL()+"/twice") })
	if !testing.Short() { // to start a node takes its time
		t.Run("a dead node", func(t *testing.T) { testDeadNode(t, once, twice, nodes[1]) })
	}
}

func migrations(files ...string) fstest.MapFS {
	folder := fstest.MapFS{}
	for i, text := range files {
		folder["migrations/rows/000"+string(rune('1'+i))+"_rows.cql"] = &fstest.MapFile{Data: []byte(text)}
	}
	return folder
}

const (
	first  = "-- a comment; with a semicolon\nCREATE TABLE IF NOT EXISTS rows (k int PRIMARY KEY, v int);\n\nCREATE TABLE IF NOT EXISTS others (k int PRIMARY KEY);"
	second = "ALTER TABLE rows ADD IF NOT EXISTS w int"
)

// testMigrations migrates from two servers at once, each connected to another node.
func testMigrations(t *testing.T, one, other *cassandra.Keyspace) {
	migrate := func(files ...string) {
		t.Helper()
		var servers sync.WaitGroup
		for _, keyspace := range []*cassandra.Keyspace{one, other, one, other} {
			servers.Go(func() {
				if err := keyspace.Migrate(t.Context(), migrations(files...), "rows"); err != nil {
					t.Error(err)
				}
			})
		}
		servers.Wait()
	}
	migrate(first)
	write := cassandra.Of("INSERT INTO rows (k, v) VALUES (1, 2) USING TIMESTAMP 1")
	if err := one.Write(t.Context(), write); err != nil {
		t.Error(err)
	}
	migrate(first, second)
	v, w := 0, 7
	ok, err := other.Get(t.Context(), cassandra.Of("SELECT v, w FROM rows WHERE k = 1"), &v, &w)
	if err != nil || !ok || v != 2 || w != 0 {
		t.Errorf("after the second migration the row is %d, %d, %v, %v; want 2, 0", v, w, ok, err)
	}
	if err := one.Migrate(t.Context(), migrations(first), "rows"); fault.CodeOf(err) != fault.CodeNewerSchema {
		t.Errorf("Migrate of an older program = %v, want code %s", err, fault.CodeNewerSchema)
	}
	err = one.Migrate(t.Context(), migrations(first, second, "CREATE NONSENSE"), "rows")
	if err == nil || !strings.Contains(err.Error(), "version 3") {
		t.Errorf("Migrate with a wrong statement = %v, want an error of version 3", err)
	}
}

func testLag(t *testing.T, keyspace *cassandra.Keyspace) {
	metrics := telemetry.NewMetrics()
	lag, err := cassandra.OpenLag(t.Context(), keyspace, metrics, "posts", "follows")
	if err != nil {
		t.Fatal(err)
	}
	for range 4 { // each node writes
		took, err := lag.Measure(t.Context())
		if err != nil || took <= 0 || took >= 10*time.Second {
			t.Errorf("Measure = %v, %v; want a short time", took, err)
		}
	}
}

// testLagIsForgotten loses the connections to the nodes after a measurement.
func testLagIsForgotten(t *testing.T, url string) {
	keyspace, err := cassandra.Open(t.Context(), url, cassandra.Options{})
	if err != nil {
		t.Fatal(err)
	}
	metrics := telemetry.NewMetrics()
	lag, err := cassandra.OpenLag(t.Context(), keyspace, metrics, "posts")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var measuring sync.WaitGroup
	measuring.Go(func() { lag.Run(ctx, time.Millisecond) })
	defer measuring.Wait()
	defer stop()
	await := func(want bool) {
		t.Helper()
		for {
			if _, is := metrics.Value("agora_replication_lag_seconds"); is == want {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	await(true)
	if err := keyspace.Close(); err != nil {
		t.Error(err)
	}
	await(false)
}

// testDeadNode kills a node. A majority of two replicas is both; of one, some rows are gone until the node is back.
func testDeadNode(t *testing.T, once, twice *cassandra.Keyspace, node *cassandratest.Node) {
	if err := twice.Migrate(t.Context(), migrations(first), "rows"); err != nil {
		t.Fatal(err)
	}
	write := func(keyspace *cassandra.Keyspace, k int) error {
		return keyspace.Write(t.Context(), cassandra.Of("INSERT INTO rows (k, v) VALUES (?, ?) USING TIMESTAMP ?", k, k, int64(1)))
	}
	if err := errors.Join(write(twice, 1), write(once, 1)); err != nil {
		t.Fatal(err)
	}
	node.Kill(t)
	var (
		writers sync.WaitGroup
		written atomic.Int32
	)
	for k := range 64 { // at once: until the other node notices, each write waits
		writers.Go(func() {
			if err := write(twice, k); !fault.Is(err, fault.Unavailable) && !fault.Is(err, fault.Timeout) {
				t.Errorf("a write to both nodes = %v, want Unavailable", err)
			}
			switch err := write(once, k); {
			case err == nil:
				written.Add(1)
			case !fault.Passing(err):
				t.Errorf("a write to one node = %v, want Unavailable", err)
			}
		})
	}
	writers.Wait()
	if n := written.Load(); n == 0 || n == 64 {
		t.Errorf("%d of 64 rows with one replica are written, want those of the node that lives", n)
	}
	node.Restart(t)
	for err := write(twice, 1); err != nil; err = write(twice, 1) {
		if !fault.Passing(err) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
