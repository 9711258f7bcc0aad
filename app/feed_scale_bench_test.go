package app

import (
	"slices"
	"testing"
	"time"

	"agora/feed"
)

const (
	scalePosts = 40_000 // of one measurement: 8M deliveries
	scaleReads = 2000   // a second
	aloneReads = 4000   // of a measurement without anything beside
)

// scaleSizes are the numbers of users that are measured: 10,000, and FEED_BENCH_USERS if that is more.
func scaleSizes(b *testing.B) []int {
	b.Helper()
	return slices.Compact([]int{10_000, max(10_000, benchUsers(b))})
}

// BenchmarkFeedDeliveries measures posts from the log into the durable timelines of their followers: with nothing beside, and while
// 2,000 pages a second are read. The processor time of a delivery is that of all that becomes of a post: append, tail, PostStore, run and
// compaction.
func BenchmarkFeedDeliveries(b *testing.B) {
	for _, users := range scaleSizes(b) {
		b.Run(scaleName(users)+"/alone", func(b *testing.B) {
			f := openDelivered(b, users)
			read, reads := f.readAlone(b, aloneReads)
			used := processorTime(b)
			deliveries := f.deliver(b)
			b.ReportMetric(float64((processorTime(b)-used).Nanoseconds())/deliveries, "cpu-ns/delivery")
			b.ReportMetric(float64(read.Microseconds()), "cpu-µs/read")
			b.ReportMetric(float64(reads.posts)/aloneReads, "posts/page")
			reads.report(b)
		})
		b.Run(scaleName(users)+"/reading", func(b *testing.B) {
			f := openDelivered(b, users)
			f.quiet(b)
			reads := f.read(b, scaleReads)
			f.deliver(b)
			reads.stop()
			b.ReportMetric(float64(len(reads.took))/b.Elapsed().Seconds(), "reads/s")
			reads.report(b)
		})
	}
}

// openDelivered opens a feed whose timelines have something to read, and to merge with.
func openDelivered(b *testing.B, users int) *scaleFeed {
	b.Helper()
	f := openScale(b, users, nil)
	f.publish(b, scalePosts)
	f.settle(b)
	return f
}

// deliver publishes posts until the benchmark ends, and reports how many deliveries a second are durable.
func (f *scaleFeed) deliver(b *testing.B) (deliveries float64) {
	b.Helper()
	for b.Loop() {
		deliveries += f.publish(b, scalePosts)
		f.settle(b)
	}
	b.ReportMetric(deliveries/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(0, "ns/op")
	return deliveries
}

func (r *readings) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(quantile(r.took, 0.5), "ms/read-p50")
	b.ReportMetric(quantile(r.took, 0.99), "ms/read-p99")
	b.ReportMetric(float64(r.wrong), "incomplete")
}

// BenchmarkFeedVisible measures the time from the request to publish a post to the page of a follower that has it, for an author
// whom everyone follows and for a usual one: at rest, and while posts are delivered and pages read.
func BenchmarkFeedVisible(b *testing.B) {
	for _, users := range scaleSizes(b) {
		b.Run(scaleName(users), func(b *testing.B) {
			f := openScale(b, users, map[string]string{"feed.posts_per_minute": "0"})
			f.quiet(b)
			usual := 1 + benchPool
			for b.Loop() {
				f.reportVisible(b, f.visible(b, 0, 200), "celebrity")
				f.reportVisible(b, f.visible(b, usual, 200), "other")
				reads, stop := f.read(b, scaleReads/2), f.publishing(b, 1000)
				f.reportVisible(b, f.visible(b, 0, 200), "celebrity-busy")
				f.reportVisible(b, f.visible(b, usual, 200), "other-busy")
				stop()
				reads.stop()
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func (f *scaleFeed) reportVisible(b *testing.B, took []time.Duration, what string) {
	b.Helper()
	b.ReportMetric(quantile(took, 0.5), "ms-p50/"+what)
	b.ReportMetric(quantile(took, 0.99), "ms-p99/"+what)
}

// publishing publishes posts at a rate until stop is called.
func (f *scaleFeed) publishing(b *testing.B, perSecond int) (stop func()) {
	b.Helper()
	ended, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-ended:
				return
			case <-time.After(50 * time.Millisecond):
				f.publish(b, perSecond/20)
			}
		}
	}()
	return func() {
		close(ended)
		<-stopped
	}
}

// BenchmarkFeedRestart measures the time from opening the stores to the first page, which has to be the one of before.
func BenchmarkFeedRestart(b *testing.B) {
	for _, users := range scaleSizes(b) {
		b.Run(scaleName(users), func(b *testing.B) {
			f := openScale(b, users, nil)
			f.publish(b, scalePosts)
			f.settle(b)
			var took time.Duration
			restarts := 0
			for b.Loop() {
				restarts++
				reader := f.users[f.random.IntN(len(f.users))]
				f.publish(b, 1000) // some of it is in the tail only
				before, err := f.node.Service.Home(b.Context(), reader, feed.HomeQuery{Limit: 20})
				must(b, err)
				f.stop()
				f.serve(b)
				page, err := f.node.Service.Home(b.Context(), reader, feed.HomeQuery{Limit: 20})
				took += time.Since(f.began)
				must(b, err)
				if page.State != feed.Complete || len(page.Posts) < len(before.Posts) {
					b.Errorf("the page is %s and has %d posts, and had %d", page.State, len(page.Posts), len(before.Posts))
				}
				f.settle(b)
			}
			b.ReportMetric(took.Seconds()*1000/float64(restarts), "ms/restart")
			b.ReportMetric(0, "ns/op")
		})
	}
}
