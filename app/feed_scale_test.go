package app

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"agora/feed"
	"agora/pattern/eventlog"
	"agora/telemetry"
)

// The graph of these benchmarks: each user follows benchFollows others at random, the user with the number 0, and
// benchCelebrities-1 of the pool of celebrities, who have the next numbers. A tenth of all follow each of the pool.
const benchPool = 40

// scaleGraph is a graph of so many users.
type scaleGraph int

func (n scaleGraph) user(number int) (id feed.UserID) {
	random := rand.NewPCG(uint64(number), 7)
	binary.BigEndian.PutUint64(id[:], random.Uint64())
	binary.BigEndian.PutUint64(id[8:], random.Uint64())
	return id
}

// threshold is the number of followers of a celebrity: 10,000 in a feed of 1M users.
func (n scaleGraph) threshold() int { return min(max(int(n)/20, 300), 10_000) }

// followed returns the numbers of those whom a user follows.
func (n scaleGraph) followed(number int) []int {
	random := rand.New(rand.NewPCG(uint64(number), 11))
	list := []int{0}
	for _, celebrity := range random.Perm(benchPool)[:benchCelebrities-1] {
		list = append(list, 1+celebrity)
	}
	for range benchFollows {
		list = append(list, 1+benchPool+random.IntN(int(n)-1-benchPool))
	}
	return slices.DeleteFunc(list, func(other int) bool { return other == number })
}

// reach returns about how many followers an author has.
func (n scaleGraph) reach(number int) float64 {
	switch {
	case number == 0:
		return float64(n)
	case number <= benchPool:
		return float64(n) * (benchCelebrities - 1) / benchPool
	}
	return float64(n) * benchFollows / float64(int(n)-1-benchPool)
}

// scaleFeed is the feed of a data folder, without HTTP and the other systems.
type scaleFeed struct {
	graph    scaleGraph
	settings map[string]string
	users    []feed.UserID
	stores   *stores
	node     *feed.Node
	stop     func()
	random   *rand.Rand
	began    time.Time
}

// openScale opens a feed of users who follow each other and have empty timelines. Its folder is a copy of one with the graph,
// which is made once for each number of users in FEED_BENCH_DATA, if that is set.
func openScale(b *testing.B, users int, settings map[string]string) *scaleFeed {
	b.Helper()
	f := &scaleFeed{graph: scaleGraph(users), random: rand.New(rand.NewPCG(5, 6))}
	for number := range users {
		f.users = append(f.users, f.graph.user(number))
	}
	folder := b.TempDir()
	f.settings = map[string]string{"data": folder, "systems": "feed", "feed.threshold": strconv.Itoa(f.graph.threshold())}
	maps.Copy(f.settings, settings)
	if kept, ok := os.LookupEnv("FEED_BENCH_DATA"); ok && f.settings["feed.graph"] == "" {
		graph := filepath.Join(kept, strconv.Itoa(users))
		if _, err := os.Stat(graph); os.IsNotExist(err) {
			f.settings["data"] = graph + ".part"
			must(b, os.MkdirAll(f.settings["data"], 0o750))
			f.follow(b)
			must(b, os.Rename(f.settings["data"], graph))
			f.settings["data"] = folder
		}
		must(b, os.RemoveAll(folder))
		must(b, os.CopyFS(folder, os.DirFS(graph)))
	} else {
		f.follow(b)
	}
	f.openStores(b)
	f.begin(b)
	must(b, f.stores.close())
	f.serve(b)
	b.Cleanup(func() { f.stop() })
	return f
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (f *scaleFeed) openStores(b *testing.B) {
	b.Helper()
	cfg := load(b, f.settings)
	must(b, makeDataFolder(cfg.Data))
	f.stores = newStores(cfg, slog.New(slog.DiscardHandler), telemetry.NewMetrics())
	must(b, f.stores.open(b.Context(), func(p port) bool { return p.Key == "events" || strings.HasPrefix(p.Key, "feed.") }))
}

// follow imports the follows of all users.
func (f *scaleFeed) follow(b *testing.B) {
	b.Helper()
	f.openStores(b)
	im := &feed.Importer{
		Shape: feedShape, Log: f.stores.events, Posts: f.stores.posts, Graph: f.stores.graph, Timelines: f.stores.timelines,
		Strategy: feed.Hybrid, Threshold: feedThreshold(f.stores.cfg),
	}
	began, used := time.Now(), processorTime(b)
	byPartition := make([][]int, feedShape.Graph)
	for number, id := range f.users {
		p := feedShape.GraphOf(id)
		byPartition[p] = append(byPartition[p], number)
	}
	for _, numbers := range byPartition {
		must(b, im.AddFollows(b.Context(), func(yield func(feed.UserID, []feed.UserID) bool) {
			for _, number := range numbers {
				var followed []feed.UserID
				for _, other := range f.graph.followed(number) {
					followed = append(followed, f.users[other])
				}
				if !yield(f.users[number], followed) {
					return
				}
			}
		}))
	}
	for some := range slices.Chunk(f.users, 50_000) {
		must(b, im.CountFollowers(b.Context(), some...))
	}
	must(b, im.Finish(b.Context()))
	must(b, f.stores.close())
	b.Logf("%d follows took %v, and %v of processor time", len(f.users)*(benchFollows+benchCelebrities), time.Since(began), processorTime(b)-used)
}

// begin gives each user an empty timeline, as a run would, which does nothing under the strategy pull: there are no posts yet.
func (f *scaleFeed) begin(b *testing.B) {
	b.Helper()
	head, _, err := f.stores.timelines.Head(b.Context())
	must(b, err)
	was := head.Epoch
	head.Epoch, head.Strategy = 1+rand.Uint64N(1<<62), feed.Strategy(f.stores.cfg.Feed.Strategy)
	must(b, f.stores.timelines.Begin(b.Context(), was, head))
	if head.Strategy == feed.Pull {
		return
	}
	operands := make([][]feed.Operand, feedShape.Graph)
	for _, id := range f.users {
		p := feedShape.GraphOf(id)
		operands[p] = append(operands[p], feed.Operand{User: id, Timeline: feed.Timeline{Base: true}})
	}
	for p, all := range operands {
		fence := feed.Fence{Epoch: head.Epoch, Partition: p, Row: head.Rows[p], Merges: feed.AnyMerges}
		for some := range slices.Chunk(all, 10_000) {
			must(b, f.stores.timelines.Merge(b.Context(), fence, some))
		}
	}
}

// serve opens the stores and runs the node until stop is called.
func (f *scaleFeed) serve(b *testing.B) {
	b.Helper()
	f.began = time.Now()
	f.openStores(b)
	home, err := newHomeFeed(b.Context(), f.stores, f.stores.log, f.stores.metrics)
	must(b, err)
	f.node = home.node
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
	ended := make(chan error, 1)
	go func() { ended <- f.node.Run(ctx) }()
	f.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		if err := f.stores.close(); err != nil {
			b.Error(err)
		}
	}
}

// author draws the number of an author: one of a thousand is a celebrity.
func (f *scaleFeed) author() int {
	if f.random.IntN(1000) == 0 {
		return f.random.IntN(1 + benchPool)
	}
	return 1 + benchPool + f.random.IntN(len(f.users)-1-benchPool)
}

// publish appends posts, and returns how many timelines they go into: those of followers and of authors.
func (f *scaleFeed) publish(b *testing.B, posts int) (deliveries float64) {
	b.Helper()
	var records []eventlog.Record
	for n := range posts {
		author := f.author()
		if reach := f.graph.reach(author); f.pushes(author) {
			deliveries += reach + 1
		}
		post := feed.Post{ID: feed.NewPostID(), Author: f.users[author], Text: "A post of a usual length, which somebody wrote about a lamp."}
		post.CreatedAt = post.ID.Made()
		if records = append(records, feed.PostRecord(&post)); len(records) == 1000 || n == posts-1 {
			_, err := f.stores.events.Append(b.Context(), feed.PostsTopic, records...)
			must(b, err)
			records = records[:0]
		}
	}
	return deliveries
}

func (f *scaleFeed) pushes(author int) bool {
	switch feed.Strategy(f.stores.cfg.Feed.Strategy) {
	case feed.Push:
		return true
	case feed.Pull:
		return false
	}
	return f.graph.reach(author) < float64(f.graph.threshold())
}

// readings are reads of home timelines at a fixed rate.
type readings struct {
	stop  func()
	mu    sync.Mutex
	took  []time.Duration // from the moment at which the read was due
	posts int             // on all pages
	wrong int             // pages that were not complete
}

const readers = 8

// read begins to read the first pages of users, so many a second.
func (f *scaleFeed) read(b *testing.B, perSecond int) *readings {
	b.Helper()
	r := &readings{}
	ctx, cancel := context.WithCancel(b.Context())
	var all sync.WaitGroup
	for reader := range readers {
		next := f.reader(uint64(reader))
		all.Go(func() {
			every := time.Second * readers / time.Duration(perSecond)
			for due := time.Now(); ctx.Err() == nil; due = due.Add(every) {
				time.Sleep(time.Until(due))
				page, err := f.node.Service.Home(ctx, next(), feed.HomeQuery{Limit: 20})
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					b.Error(err)
					return
				}
				r.add(time.Since(due), page)
			}
		})
	}
	r.stop = func() {
		cancel()
		all.Wait()
		slices.Sort(r.took)
	}
	return r
}

func (r *readings) add(took time.Duration, page feed.Page) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took = append(r.took, took)
	r.posts += len(page.Posts)
	if page.State != feed.Complete {
		r.wrong++
	}
}

// quantile returns a quantile of sorted times in milliseconds.
func quantile(took []time.Duration, q float64) float64 {
	if len(took) == 0 {
		return 0
	}
	return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000
}

// readAlone reads one page after the other with nothing beside, and returns the processor time of a read and how long each took.
func (f *scaleFeed) readAlone(b *testing.B, reads int) (cpu time.Duration, r *readings) {
	b.Helper()
	f.quiet(b)
	r = &readings{}
	next := f.reader(1)
	var used time.Duration
	for n := range 2 * reads {
		if n == reads { // the first half was to fill caches
			used = processorTime(b)
		}
		began := time.Now()
		page, err := f.node.Service.Home(b.Context(), next(), feed.HomeQuery{Limit: 20})
		must(b, err)
		if n >= reads {
			r.add(time.Since(began), page)
		}
	}
	used = processorTime(b) - used
	slices.Sort(r.took)
	return used / time.Duration(reads), r
}

// reader draws users who read: some of them far more often than others.
func (f *scaleFeed) reader(seed uint64) func() feed.UserID {
	zipf := rand.NewZipf(rand.New(rand.NewPCG(seed, 9)), 1.01, 1, uint64(len(f.users)-1))
	return func() feed.UserID { return f.users[len(f.users)-1-int(zipf.Uint64())] } // the first ones are celebrities
}

// quiet waits until the stores have nothing to compact, for a minute at most.
func (f *scaleFeed) quiet(b *testing.B) {
	b.Helper()
	const step = 500 * time.Millisecond
	for range 120 {
		used := processorTime(b)
		time.Sleep(step)
		if processorTime(b)-used < step/20 {
			return
		}
	}
	b.Log("the stores were still busy after a minute")
}

// settle waits until all posts are in the timelines.
func (f *scaleFeed) settle(b *testing.B) {
	b.Helper()
	ends, err := f.stores.events.Ends(b.Context(), feed.PostsTopic)
	must(b, err)
	for settled := false; !settled; time.Sleep(5 * time.Millisecond) {
		head, _, err := f.stores.timelines.Head(b.Context())
		must(b, err)
		settled = !slices.ContainsFunc(head.Rows, func(row feed.Row) bool {
			for p, at := range row.Posts {
				if at.Offset() < ends[p].Next {
					return true
				}
			}
			return false
		})
	}
}

// visible publishes posts of an author at a rate, and returns how long each took from the request to a page of a follower that has it.
func (f *scaleFeed) visible(b *testing.B, author, posts int) (took []time.Duration) {
	b.Helper()
	follower := f.follower(b, author)
	for range posts {
		began := time.Now()
		post, _, err := f.node.Service.Post(b.Context(), f.users[author], feed.NewPost{Text: "news"}, "")
		must(b, err)
		for there := false; !there; {
			page, err := f.node.Service.Home(b.Context(), follower, feed.HomeQuery{Limit: 20})
			must(b, err)
			there = slices.ContainsFunc(page.Posts, func(p feed.Post) bool { return p.ID == post.ID })
		}
		took = append(took, time.Since(began))
		time.Sleep(10 * time.Millisecond)
	}
	slices.Sort(took)
	return took
}

func (f *scaleFeed) follower(b *testing.B, author int) feed.UserID {
	b.Helper()
	for p := range feedShape.Graph {
		some, err := f.stores.graph.Followers(b.Context(), f.users[author], p, feed.UserID{}, 1)
		must(b, err)
		if len(some) > 0 {
			return some[0]
		}
	}
	b.Fatalf("nobody follows the user %d", author)
	return feed.UserID{}
}

func scaleName(users int) string { return fmt.Sprintf("users=%d", users) }
