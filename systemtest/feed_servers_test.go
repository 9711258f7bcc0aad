package systemtest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"agora/engine/cassandra/cassandratest"
	"agora/engine/kafka/kafkatest"
	"agora/engine/redis/redistest"
)

// TestAFeedOnServersThatShareIt kills one of two servers after the other, and flushes Redis, while users write and read. Posts and
// follows are in Cassandra, timelines in Redis, the log in PostgreSQL or in Kafka.
func TestAFeedOnServersThatShareIt(t *testing.T) {
	for name, log := range map[string]func(t *testing.T, database string) string{
		"PostgreSQL": func(_ *testing.T, database string) string { return database },
		"Kafka":      func(t *testing.T, _ string) string { return kafkatest.Start(t).URL(t) },
	} {
		t.Run(name, func(t *testing.T) { testSharedFeed(t, log) })
	}
}

func testSharedFeed(t *testing.T, log func(t *testing.T, database string) string) {
	kills := 2
	if os.Getenv("STRESS") != "" {
		kills = 15
	}
	timelines := redistest.Start(t)
	database, keyspace := script(t, 1, "postgres")[0], cassandratest.Start(t, "127.0.0.1")[0].URL()+"/agora?replication=1"
	config := filepath.Join(t.TempDir(), "agora.yaml")
	text := fmt.Sprintf(`
accounts: {users: %[1]q, sessions: %[1]q, personal: %[1]q}
events: %[4]q
shop: {orders: %[1]q, views: %[1]q, catalog: %[1]q}
feed: {posts: %[2]q, graph: %[2]q, timelines: %[3]q, posts_per_minute: 0}
http: {rate_per_token: 0, rate_per_address: 0}
`, database, keyspace, timelines.URL(t), log(t, database))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var servers []*server
	for range 2 {
		s := newServer(t, filepath.Join(t.TempDir(), "data"), "--config", config)
		s.start(t)
		servers = append(servers, s)
	}
	f := openFeed(t, servers...)
	f.run(t, func() {
		for range kills {
			for _, s := range servers {
				time.Sleep(time.Second)
				s.kill(t)
				time.Sleep(time.Second)
				s.start(t)
			}
			timelines.Flush(t)
		}
		time.Sleep(time.Second)
	})
	f.check(t, "after the crashes")
	f.delivered(t)
	f.check(t, "after the deliveries")
	timelines.Flush(t)
	f.check(t, "after Redis was flushed")
	for _, s := range servers {
		s.stop(t)
	}
	verifyFeed(t, "--config", config, "--data", servers[0].data)
}
