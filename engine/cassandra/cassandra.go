// Package cassandra opens keyspaces of Apache Cassandra 5 or newer, which any number of servers of agora may share. It has
// what all stores in such a keyspace need: connections, tables and their versions, errors as faults, and reads and writes of
// many partitions. The stores are packages below it.
//
// Use it for data that outgrows one machine and whose writes come from a log: Cassandra has no transactions, and decides
// between two writes of a cell by their timestamps. Stores that use this package give every write a timestamp that follows from
// the position of its record, so that a repeated or late write changes nothing, and no clock is asked.
//
// Reads and writes wait for a majority of the replicas in the near datacenter (LOCAL_QUORUM). With three replicas, one node
// may be away. With two, none may: a majority of two is both. With one, the rows of a node that is away cannot be reached.
// Nodes should have commitlog_sync: group, or batch: by default they acknowledge a write before their disk has it.
// Replicas that missed writes need "nodetool repair" within gc_grace_seconds (ten days) of each deletion of rows.
package cassandra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"agora/fault"
)

const (
	connectTimeout = 2 * time.Second
	// callTimeout is above the timeouts of the nodes themselves, whose errors say more.
	callTimeout = 6 * time.Second
	// reconnectInterval is how soon a node that was away is used again.
	reconnectInterval = time.Second
	inProgress        = 1024 // requests of all calls together; more wait
	inProgressOfCall  = 64   // requests of one call
)

// PageRows is how many rows of one partition are read as of one moment. More are read in several pages.
const PageRows = 5000

// Options are what a Keyspace takes apart from its URL.
type Options struct {
	Log *slog.Logger // of what the driver says; may be nil
}

// Keyspace is an open keyspace. It is safe for concurrent use.
type Keyspace struct {
	session *gocql.Session
	name    string
	slots   chan struct{}
}

// Open connects to the cluster of a URL, and creates the keyspace if it is not there:
//
//	cassandra://user:password@host,host:port/keyspace?replication=3&datacenter=dc1&tls=true
//
// Some of the nodes are enough: the others are found. All listen on the same port, 9042 if none is given. replication is how
// many nodes of each datacenter have a row, 3 if it is not given; a keyspace that is there keeps its own. datacenter is the near one,
// which answers all calls; without it, all nodes do. tls=true connects with TLS and checks the certificates of nodes.
func Open(ctx context.Context, rawURL string, o Options) (*Keyspace, error) {
	a, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	log := cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if err := a.create(ctx, log); err != nil {
		return nil, fmt.Errorf("create keyspace %s: %w", a.keyspace, err)
	}
	session, err := a.connect(ctx, log, a.keyspace)
	if err != nil {
		return nil, err
	}
	return &Keyspace{session: session, name: a.keyspace, slots: make(chan struct{}, inProgress)}, nil
}

// connect opens a session. The driver's own call cannot be cancelled: one that ends after ctx is closed in the background.
func (a address) connect(ctx context.Context, log *slog.Logger, keyspace string) (*gocql.Session, error) {
	type opened struct {
		session *gocql.Session
		err     error
	}
	done := make(chan opened, 1)
	go func() {
		session, err := a.config(log, keyspace).CreateSession()
		done <- opened{session, err}
	}()
	select {
	case o := <-done:
		return o.session, connectError(o.err)
	case <-ctx.Done():
		go func() {
			if o := <-done; o.err == nil {
				o.session.Close()
			}
		}()
		return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "Cassandra does not answer")
	}
}

// connectError turns the error of a session that could not be opened into a fault. The driver makes texts of most causes.
func connectError(err error) error {
	var refused gocql.RequestError
	if errors.As(err, &refused) && !fault.Passing(classify(err)) {
		return err
	}
	return fault.Wrap(fault.Unavailable, err, "Cassandra is away")
}

func (a address) config(log *slog.Logger, keyspace string) *gocql.ClusterConfig {
	config := gocql.NewCluster(a.hosts...)
	config.Port = a.port
	config.Keyspace = keyspace
	config.ProtoVersion = 5
	config.Consistency = gocql.LocalQuorum
	config.SerialConsistency = gocql.LocalSerial
	config.ConnectTimeout, config.Timeout = connectTimeout, callTimeout
	config.ReconnectInterval = reconnectInterval
	config.PageSize = PageRows
	config.DefaultTimestamp = false // statements carry positions
	config.DefaultIdempotence = true
	config.RetryPolicy = &gocql.SimpleRetryPolicy{NumRetries: 1} // on the next node
	config.WriteCoalesceWaitTime = 0                             // to wait for more requests takes longer than a request
	config.Metadata.CacheMode = gocql.KeyspaceOnly
	config.Logger = driverLog{log}
	nodes := gocql.RoundRobinHostPolicy()
	if a.datacenter != "" {
		nodes = gocql.DCAwareRoundRobinPolicy(a.datacenter)
	}
	config.PoolConfig.HostSelectionPolicy = gocql.TokenAwareHostPolicy(nodes)
	if a.user != "" {
		config.Authenticator = gocql.PasswordAuthenticator{Username: a.user, Password: a.password}
	}
	if a.tls {
		config.SslOpts = &gocql.SslOptions{EnableHostVerification: true}
	}
	return config
}

// create creates the keyspace over a session of its own: a session cannot be opened in a keyspace that is not there.
func (a address) create(ctx context.Context, log *slog.Logger) error {
	session, err := a.connect(ctx, log, "")
	if err != nil {
		return err
	}
	defer session.Close()
	var name string
	err = session.Query("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?", a.keyspace).
		Consistency(gocql.LocalOne).ScanContext(ctx, &name)
	if !errors.Is(err, gocql.ErrNotFound) {
		return classify(err)
	}
	statement := fmt.Sprintf("CREATE KEYSPACE IF NOT EXISTS %s WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': %d}",
		a.keyspace, a.replication)
	if err := session.Query(statement).ExecContext(ctx); err != nil {
		return classify(err)
	}
	return classify(session.AwaitSchemaAgreement(ctx))
}

// Close ends all connections.
func (k *Keyspace) Close() error {
	k.session.Close()
	return nil
}

// driverLog writes what the driver says at debug level: callers get the errors.
type driverLog struct{ log *slog.Logger }

func (d driverLog) Error(msg string, fields ...gocql.LogField)   { d.write("error", msg, fields) }
func (d driverLog) Warning(msg string, fields ...gocql.LogField) { d.write("warning", msg, fields) }
func (d driverLog) Info(msg string, fields ...gocql.LogField)    { d.write("info", msg, fields) }
func (d driverLog) Debug(string, ...gocql.LogField)              {}

func (d driverLog) write(level, msg string, fields []gocql.LogField) {
	if !d.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	attrs := make([]any, 0, 2+2*len(fields))
	attrs = append(attrs, "level_of_driver", level)
	for _, f := range fields {
		attrs = append(attrs, f.Name, f.Value.String())
	}
	d.log.Debug("cassandra driver: "+msg, attrs...)
}
