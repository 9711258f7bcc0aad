// Package cassandratest starts private nodes of Cassandra for tests: one for all tests of a package, or some that a test kills.
// It is imported by tests only.
package cassandratest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"golang.org/x/sync/errgroup"

	"agora/scripts/scripttest"
)

// Server is a node that starts with the first call of URL and stops after the tests of a package:
//
//	var server cassandratest.Server
//
//	func TestMain(m *testing.M) { server.Main(m) }
//
// The zero Server is ready for use.
type Server struct {
	once    sync.Once
	node    *Node
	err     error
	session *gocql.Session
	made    int // keyspaces
}

// Main runs the tests of the package, stops the server, and exits.
func (s *Server) Main(m *testing.M) {
	code := m.Run()
	if s.session != nil {
		s.session.Close()
	}
	if s.node != nil {
		if err := s.node.remove(); err != nil {
			fmt.Fprintln(os.Stderr, "stop Cassandra:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// keyspace is the one whose URL the tests of a package get.
const keyspace = "agora"

// URL returns the URL of a keyspace, the same one each time, whose tables are empty. Where Cassandra is not installed the
// test is skipped, or fails if the variable CI is set.
func (s *Server) URL(tb testing.TB) string {
	tb.Helper()
	s.start(tb)
	if err := s.truncate(tb.Context()); err != nil {
		tb.Fatal("truncate the tables: ", err)
	}
	return s.node.URL() + "/" + keyspace + "?replication=1"
}

// NewURL returns the URL of a keyspace that is not there yet.
func (s *Server) NewURL(tb testing.TB) string {
	tb.Helper()
	s.start(tb)
	s.made++
	return fmt.Sprintf("%s/%s_%d?replication=1", s.node.URL(), keyspace, s.made)
}

func (s *Server) start(tb testing.TB) {
	tb.Helper()
	s.once.Do(func() {
		var port int
		if port, s.err = freePort(); s.err != nil {
			return
		}
		if s.node, s.err = start("127.0.0.1", port, ""); s.err == nil {
			s.session, s.err = s.node.session()
		}
	})
	scripttest.Need(tb, s.err)
}

// Node starts the server if it is not started, and returns its node. A test that kills it restarts it.
func (s *Server) Node(tb testing.TB) *Node {
	tb.Helper()
	s.start(tb)
	return s.node
}

// truncate empties the tables that have rows, apart from the versions of the tables.
func (s *Server) truncate(ctx context.Context) error {
	var (
		name   string
		tables []string
	)
	iter := s.session.Query("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", keyspace).IterContext(ctx)
	for iter.Scan(&name) {
		if name != "schema_versions" {
			tables = append(tables, name)
		}
	}
	if err := iter.Close(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, table := range tables {
		group.Go(func() error {
			rows := s.session.Query(fmt.Sprintf("SELECT * FROM %s.%s LIMIT 1", keyspace, table)).IterContext(ctx)
			filled := rows.NumRows() > 0
			if err := rows.Close(); err != nil || !filled {
				return err
			}
			return s.session.Query(fmt.Sprintf("TRUNCATE %s.%s", keyspace, table)).ExecContext(ctx)
		})
	}
	return group.Wait()
}

// freePort returns the first of three ports that nobody listens on.
func freePort() (int, error) {
	for range 100 {
		port := 20_000 + rand.IntN(12_000)
		if free(port) && free(port+1) && free(port+2) {
			return port, nil
		}
	}
	return 0, errors.New("no three ports are free")
}

func free(port int) bool {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
