package app

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"agora/engine/redis/redistest"
	"agora/feed"
)

// strategyCost is what the same posts and reads cost under a strategy.
type strategyCost struct {
	strategy   feed.Strategy
	deliveries float64 // of a post
	post       float64 // µs of processor time
	written    float64 // KB of a post
	read       float64 // µs of processor time
	readP99    float64 // ms
	stored     float64 // KB of a timeline
	visible    float64 // ms, p99, of an author whom everyone follows
}

const readsAPost = 100

// together is the processor time of a post and of the reads that come with it, in milliseconds.
func (c strategyCost) together() float64 { return (c.post + readsAPost*c.read) / 1000 }

// BenchmarkFeedStrategies measures the same posts and reads under push, pull and hybrid. With FEED_BENCH_PLOT, the path of an SVG, it
// draws them.
func BenchmarkFeedStrategies(b *testing.B) {
	var costs []strategyCost
	for _, strategy := range []feed.Strategy{feed.Push, feed.Pull, feed.Hybrid} {
		b.Run(string(strategy), func(b *testing.B) {
			c := strategyCost{strategy: strategy}
			f := openScale(b, benchUsers(b), map[string]string{"feed.strategy": string(strategy), "feed.posts_per_minute": "0"})
			posts := 0.0
			used, written := processorTime(b), writtenBytes(b)
			for b.Loop() {
				c.deliveries += f.publish(b, scalePosts)
				f.settle(b)
				posts += scalePosts
			}
			c.deliveries /= posts
			c.post = float64((processorTime(b) - used).Microseconds()) / posts
			c.written = float64(writtenBytes(b)-written) / posts / 1000
			cpu, reads := f.readAlone(b, aloneReads)
			c.read, c.readP99 = float64(cpu.Microseconds()), quantile(reads.took, 0.99)
			size, err := f.stores.timelineSize(b.Context())
			must(b, err)
			c.stored = float64(size.disk) / float64(len(f.users)) / 1000
			c.visible = quantile(f.visible(b, 0, 100), 0.99)
			b.ReportMetric(c.deliveries, "deliveries/post")
			b.ReportMetric(c.post, "cpu-µs/post")
			b.ReportMetric(c.written, "KB-written/post")
			b.ReportMetric(c.read, "cpu-µs/read")
			b.ReportMetric(quantile(reads.took, 0.5), "ms/read-p50")
			b.ReportMetric(c.readP99, "ms/read-p99")
			b.ReportMetric(c.stored, "KB/timeline")
			b.ReportMetric(c.visible, "ms/visible-p99")
			b.ReportMetric(c.together(), "cpu-ms/post-and-100-reads")
			b.ReportMetric(float64(reads.posts)/aloneReads, "posts/page")
			b.ReportMetric(float64(reads.wrong), "incomplete")
			b.ReportMetric(0, "ns/op")
			costs = append(costs, c)
		})
	}
	if path, ok := os.LookupEnv("FEED_BENCH_PLOT"); ok && len(costs) == 3 {
		must(b, os.WriteFile(path, drawStrategies(benchUsers(b), costs), 0o600))
	}
}

// writtenBytes returns how many bytes this process has had written to disks; 0 where the system does not say.
func writtenBytes(b *testing.B) (n int64) {
	b.Helper()
	said, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(said) {
		if number, ok := strings.CutPrefix(string(line), "write_bytes: "); ok {
			n, err = strconv.ParseInt(strings.TrimSpace(number), 10, 64)
			must(b, err)
		}
	}
	return n
}

const (
	engineUsers = 2000 // each gets about 780 of enginePosts
	enginePosts = 8000
)

// BenchmarkFeedEngines measures deliveries, reads and the size of timelines on each engine, at a size that fits all of them. The
// processor time is that of this process. FEED_BENCH_CASSANDRA is the URL of a keyspace for posts and follows.
func BenchmarkFeedEngines(b *testing.B) {
	engines := map[string]func(b *testing.B) map[string]string{
		"pebble": func(*testing.B) map[string]string { return nil },
		"redis": func(b *testing.B) map[string]string {
			return map[string]string{"feed.timelines": redistest.Start(b).URL(b)}
		},
		"redis-zset": func(b *testing.B) map[string]string {
			return map[string]string{"feed.timelines": redistest.Start(b).URL(b) + "?form=zset"}
		},
		"cassandra": func(b *testing.B) map[string]string {
			url, ok := os.LookupEnv("FEED_BENCH_CASSANDRA")
			if !ok {
				b.Skip("FEED_BENCH_CASSANDRA is not set")
			}
			return map[string]string{"feed.posts": url, "feed.graph": url}
		},
	}
	for _, name := range []string{"pebble", "redis", "redis-zset", "cassandra"} {
		b.Run(name, func(b *testing.B) {
			f := openScale(b, engineUsers, engines[name](b))
			used := processorTime(b)
			var deliveries float64
			var took time.Duration
			for b.Loop() {
				began := time.Now()
				deliveries += f.publish(b, enginePosts)
				f.settle(b)
				took += time.Since(began)
			}
			used = processorTime(b) - used
			read, reads := f.readAlone(b, aloneReads)
			size, err := f.stores.timelineSize(b.Context())
			must(b, err)
			entries := f.entries(b)
			b.ReportMetric(deliveries/took.Seconds(), "deliveries/s")
			b.ReportMetric(float64(used.Nanoseconds())/deliveries, "cpu-ns/delivery")
			b.ReportMetric(float64(read.Microseconds()), "cpu-µs/read")
			b.ReportMetric(quantile(reads.took, 0.5), "ms/read-p50")
			b.ReportMetric(quantile(reads.took, 0.99), "ms/read-p99")
			bytes := size.disk
			if bytes == 0 {
				bytes = size.memory
			}
			b.ReportMetric(float64(bytes)/float64(len(f.users)), "B/timeline")
			b.ReportMetric(float64(bytes)/entries, "B/entry")
			b.ReportMetric(float64(reads.posts)/aloneReads, "posts/page")
			b.ReportMetric(float64(reads.wrong), "incomplete")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// entries returns how many entries all timelines have.
func (f *scaleFeed) entries(b *testing.B) (n float64) {
	b.Helper()
	for _, user := range f.users {
		_, timeline, err := f.stores.timelines.Read(b.Context(), user, feedShape.GraphOf(user), feed.PostID{0: 255}, feedTrim.Above)
		must(b, err)
		n += float64(len(timeline.Entries))
	}
	return n
}
