package app

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"agora/accounts"
	"agora/feed"
	"agora/generate"
	"agora/pattern/eventlog"
)

// benchFeed is a feed whose users follow each other at random, and a few celebrities.
type benchFeed struct {
	*bench
	users  []feed.UserID
	tokens []string // of the first users
}

const (
	benchFollows     = 195 // of a user, at random
	benchCelebrities = 5   // whom everyone follows
	benchPosts       = 8   // of a user
	benchReaders     = 2000
)

// benchUsers is how many users a feed has in benchmarks: FEED_BENCH_USERS, or 10,000.
func benchUsers(b *testing.B) int {
	b.Helper()
	text, ok := os.LookupEnv("FEED_BENCH_USERS")
	if !ok {
		return 10_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// openBenchFeed fills a feed and waits until all posts are delivered. FEED_BENCH_DATA names a folder that keeps the feed for
// later benchmarks of as many users.
func openBenchFeed(b *testing.B) *benchFeed {
	b.Helper()
	folder := os.Getenv("FEED_BENCH_DATA")
	if folder == "" {
		folder = b.TempDir()
	}
	_, err := os.Stat(filepath.Join(folder, "timelines"))
	kept := err == nil
	f := &benchFeed{bench: serveBench(b, folder)}
	plan := generate.Plan{Users: benchUsers(b), Seed: 1}
	if !kept {
		if _, err := generate.Run(b.Context(), plan, f.market.targets(), nil); err != nil {
			b.Fatal(err)
		}
	}
	for i := range plan.Users {
		id, err := feed.ParseUserID(plan.UserID(i))
		if err != nil {
			b.Fatal(err)
		}
		f.users = append(f.users, id)
	}
	admin := accounts.FirstAdmin()
	for _, id := range f.users[:benchReaders] {
		credential, err := f.people.IssueToken(b.Context(), admin, accounts.Grant{UserID: id.String()})
		if err != nil {
			b.Fatal(err)
		}
		f.tokens = append(f.tokens, credential.Token)
	}
	if kept {
		f.settle(b)
		return f
	}
	began := time.Now()
	f.follow(b)
	b.Logf("%d follows took %v", len(f.users)*(benchFollows+benchCelebrities), time.Since(began))
	f.publish(b)
	return f
}

// follow appends the follows of all users, and gives each a timeline.
func (f *benchFeed) follow(b *testing.B) {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 1))
	var records []eventlog.Record
	now := time.Now()
	for i, from := range f.users {
		records = append(records, feed.ReturnRecord(from, now))
		for n := range benchFollows + benchCelebrities {
			to := n
			if n >= benchCelebrities {
				to = random.IntN(len(f.users))
			}
			if to != i {
				records = append(records, feed.EdgeRecord(feed.EdgeKey{Kind: feed.Follow, From: from, To: f.users[to]}, true, now))
			}
		}
		if len(records) > 4000 || i == len(f.users)-1 {
			f.append(b, feed.GraphTopic, records)
			records = records[:0]
		}
	}
	f.settle(b)
}

// publish appends posts of all users.
func (f *benchFeed) publish(b *testing.B) {
	b.Helper()
	began := time.Now()
	for round := range benchPosts {
		var records []eventlog.Record
		for i, author := range f.users {
			post := feed.Post{ID: feed.NewPostID(), Author: author, Text: fmt.Sprintf("The post %d of user %d, which has a usual length.", round, i)}
			post.CreatedAt = post.ID.Made()
			records = append(records, feed.PostRecord(&post))
		}
		f.append(b, feed.PostsTopic, records)
	}
	f.settle(b)
	deliveries := float64(len(f.users) * benchPosts * benchFollows)
	b.Logf("%.0f deliveries took %v: %.0f/s", deliveries, time.Since(began), deliveries/time.Since(began).Seconds())
}

func (f *benchFeed) append(b *testing.B, topic string, records []eventlog.Record) {
	b.Helper()
	if _, err := f.stores.events.Append(b.Context(), topic, records...); err != nil {
		b.Fatal(err)
	}
}

// settle waits until all records are in the timelines.
func (f *benchFeed) settle(b *testing.B) {
	b.Helper()
	posts, err := f.stores.events.Ends(b.Context(), feed.PostsTopic)
	if err != nil {
		b.Fatal(err)
	}
	graph, err := f.stores.events.Ends(b.Context(), feed.GraphTopic)
	if err != nil {
		b.Fatal(err)
	}
	for settled := false; !settled; time.Sleep(10 * time.Millisecond) {
		head, _, err := f.stores.timelines.Head(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		settled = true
		for p, row := range head.Rows {
			settled = settled && row.Graph.Offset() >= graph[p].Next
			for q, at := range row.Posts {
				settled = settled && at.Offset() >= posts[q].Next
			}
		}
	}
}

// BenchmarkFeed measures reads of home timelines over HTTP, by 32 clients for readers of Zipf's distribution.
func BenchmarkFeed(b *testing.B) {
	f := openBenchFeed(b)
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.01, 1, uint64(len(f.tokens)-1))
	requests := make([][]byte, 1<<14)
	for i := range requests {
		requests[i] = fmt.Appendf(nil, "GET /v1/feed HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", f.tokens[zipf.Uint64()])
	}
	clients := f.clients(b, 32)
	const batch = 4096
	var n int
	read := func() time.Duration {
		n++
		return each(b, clients, batch, func(c client, i int) error {
			status, err := c.do(requests[(n*batch+i)%len(requests)])
			return want(http.StatusOK, status, err)
		})
	}
	for range 4 {
		read()
	}
	var took, worked time.Duration
	for b.Loop() {
		before := processorTime(b)
		took += read()
		worked += processorTime(b) - before
	}
	b.ReportMetric(float64(b.N*batch)/took.Seconds(), "reads/s")
	b.ReportMetric(float64(worked.Microseconds())/float64(b.N*batch), "cpu-µs/read")
	b.ReportMetric(0, "ns/op") // an op is a batch
}
