package cassandra

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"agora/backoff"
	"agora/telemetry"
)

//go:embed migrations
var migrations embed.FS

const (
	writeBeat = `INSERT INTO heartbeats (beat, writer) VALUES (?, ?)`
	readBeat  = `SELECT writer FROM heartbeats WHERE beat = ?`

	beatPoll = 2 * time.Millisecond
	// longestLag is what is reported of a node that does not get a beat at all.
	longestLag = 10 * time.Second
)

// Lag measures how soon the nodes have what another one wrote. It writes a row on one node, which waits for no other, and reads it
// from each of the others.
type Lag struct {
	keyspace *Keyspace
	gauge    telemetry.Gauge
	stores   []string // that are in the keyspace
	next     int      // the node that writes
}

// OpenLag returns what measures the lag of a keyspace, as agora_replication_lag_seconds of each store that is in it. metrics may
// be nil.
func OpenLag(ctx context.Context, keyspace *Keyspace, metrics *telemetry.Metrics, stores ...string) (*Lag, error) {
	if err := keyspace.Migrate(ctx, migrations, "heartbeats"); err != nil {
		return nil, err
	}
	l := &Lag{keyspace: keyspace, stores: stores}
	if metrics != nil {
		l.gauge = metrics.Gauge("agora_replication_lag_seconds", "How long the slowest node took to have what another one wrote.", "store")
	}
	return l, nil
}

// Run measures at intervals until ctx ends. After a measurement that failed there is no lag: an earlier one would look like that of now.
func (l *Lag) Run(ctx context.Context, every time.Duration) {
	for ctx.Err() == nil {
		lag, err := l.Measure(ctx)
		for _, store := range l.stores {
			if err == nil {
				l.gauge.Set(lag.Seconds(), store)
			} else {
				l.gauge.Unset(store)
			}
		}
		backoff.Sleep(ctx, every)
	}
}

// Measure returns how long the slowest node took. Nodes that are down are left out; one that is up and does not get the row counts
// as ten seconds. Each call writes on another node.
func (l *Lag) Measure(ctx context.Context) (time.Duration, error) {
	var up []*gocql.HostInfo
	for _, host := range l.keyspace.session.GetHosts() {
		if host.IsUp() {
			up = append(up, host)
		}
	}
	if len(up) == 0 {
		return 0, classify(gocql.ErrNoConnections)
	}
	l.next++
	writer, beat := up[l.next%len(up)], rand.Text()
	began := time.Now()
	err := l.keyspace.session.Query(writeBeat, beat, writer.HostID()).SetHostID(writer.HostID()).
		Consistency(gocql.LocalOne).DefaultTimestamp(true).ExecContext(ctx)
	if err != nil {
		return 0, fmt.Errorf("write a heartbeat on %s: %w", writer.ConnectAddress(), classify(err))
	}
	lags := make([]time.Duration, len(up))
	err = Each(ctx, len(up), func(ctx context.Context, i int) (err error) {
		if up[i] != writer {
			lags[i], err = l.await(ctx, up[i], beat, began)
		}
		return err
	})
	var slowest time.Duration
	for _, lag := range lags {
		slowest = max(slowest, lag)
	}
	return slowest, err
}

// await returns how long after the write a node has the row.
func (l *Lag) await(ctx context.Context, host *gocql.HostInfo, beat string, began time.Time) (time.Duration, error) {
	for ctx.Err() == nil && host.IsUp() && time.Since(began) < longestLag {
		var writer string
		err := l.keyspace.session.Query(readBeat, beat).SetHostID(host.HostID()).Consistency(gocql.LocalOne).ScanContext(ctx, &writer)
		if err == nil {
			return time.Since(began), nil
		}
		backoff.Sleep(ctx, beatPoll)
	}
	if !host.IsUp() {
		return 0, nil
	}
	return min(time.Since(began), longestLag), ctx.Err()
}
