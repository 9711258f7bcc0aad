package cassandratest

import (
	"errors"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"agora/scripts/scripttest"
)

// Node is a node that a test may kill.
type Node struct {
	address string
	port    int
	seed    string
	folder  string

	process *os.Process // nil while the node does not run
	script  *scripttest.Script
}

// Start starts a cluster of one node for each address, such as 127.0.0.1 and 127.0.0.2. They stop after the test.
func Start(t *testing.T, addresses ...string) []*Node {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	var nodes []*Node
	seed := ""
	for _, address := range addresses {
		n, err := start(address, port, seed)
		scripttest.Need(t, err)
		t.Cleanup(func() {
			if err := n.remove(); err != nil {
				t.Error("stop Cassandra: ", err)
			}
		})
		nodes, seed = append(nodes, n), addresses[0]
	}
	return nodes
}

func start(address string, port int, seed string) (*Node, error) {
	folder, err := os.MkdirTemp("", "agora-cassandra.")
	if err != nil {
		return nil, err
	}
	n := &Node{address: address, port: port, seed: seed, folder: folder}
	if err := n.run(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return n, nil
}

// URL returns the URL of the node, without a keyspace.
func (n *Node) URL() string { return "cassandra://" + n.address + ":" + strconv.Itoa(n.port) }

// run starts the node and returns when it takes clients.
func (n *Node) run() (err error) {
	n.script, err = scripttest.Start("cassandra", 2, []string{
		"CASSANDRA_FOLDER=" + n.folder, "CASSANDRA_ADDRESS=" + n.address,
		"CASSANDRA_PORT=" + strconv.Itoa(n.port), "CASSANDRA_SEED=" + n.seed,
	})
	if err != nil {
		return err
	}
	id, err := strconv.Atoi(n.script.Said[1])
	if err != nil {
		return err
	}
	n.process, err = os.FindProcess(id)
	return err
}

// Kill ends the node as a crash does, and returns when it has ended.
func (n *Node) Kill(t *testing.T) {
	t.Helper()
	if err := n.kill(); err != nil {
		t.Fatal(err)
	}
}

func (n *Node) kill() error {
	if n.process == nil {
		return nil
	}
	if err := n.process.Kill(); err != nil {
		return err
	}
	n.process = nil
	return n.script.Stop()
}

// Restart starts a killed node again, with its files.
func (n *Node) Restart(t *testing.T) {
	t.Helper()
	if err := n.run(); err != nil {
		t.Fatal(err)
	}
}

// Pause makes the node answer nothing, with all connections open, like a network that drops packets.
func (n *Node) Pause(t *testing.T) { n.signal(t, syscall.SIGSTOP) }

// Resume ends a Pause.
func (n *Node) Resume(t *testing.T) { n.signal(t, syscall.SIGCONT) }

func (n *Node) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := n.process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

func (n *Node) remove() error {
	return errors.Join(n.kill(), os.RemoveAll(n.folder))
}

// session opens a session for statements of the tests themselves. TRUNCATE takes its time.
func (n *Node) session() (*gocql.Session, error) {
	config := gocql.NewCluster(n.address)
	config.Port, config.ProtoVersion = n.port, 5
	config.Timeout = time.Minute
	config.ReconnectInterval = time.Second
	return config.CreateSession()
}
