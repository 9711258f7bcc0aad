package feed

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"agora/feed"
)

const (
	benchUsers   = 1000
	benchFollows = 200 // authors of a timeline
	benchRun     = 8   // deliveries to each user in a run, on average
	benchCall    = 1000
	benchPage    = 63 // entries that feed.Reader asks for, for a page of 20 posts
)

var benchTrim = feed.Trim{Above: 1000, Keep: 800}

// benchForms are the forms that are measured. Sorted sets are packed by Redis if it is configured so.
var benchForms = []struct {
	name, form string
	listpack   string // zset-max-listpack-entries; 128 is the default
}{
	{"packed", "packed", "128"},
	{"sorted sets", "sorted sets", "128"},
	{"sorted sets in listpacks", "sorted sets", "1100"},
}

// filled are full timelines.
type filled struct {
	*Timelines
	random   *rand.Rand
	fence    feed.Fence
	operands []feed.Operand
	clock    uint64 // milliseconds of the newest post
	offset   int64
}

func fill(b *testing.B, form, listpack string) *filled {
	f := &filled{Timelines: connect(b, server.URL(b), form, benchTrim), random: rand.New(rand.NewPCG(1, 2)), clock: 1_700_000_000_000}
	mustDo(b, f.client.ConfigSet(b.Context(), "zset-max-listpack-entries", listpack).Err())
	f.fence = led(b, f.Timelines, 1)
	for range benchUsers {
		var user feed.UserID
		binary.BigEndian.PutUint64(user[:], f.random.Uint64())
		f.operands = append(f.operands, feed.Operand{User: user, Timeline: feed.Timeline{Base: true}})
	}
	f.run(b, benchTrim.Keep/2)
	for i := range f.operands {
		f.operands[i].Base = false
	}
	for range 10 { // so that timelines are folded at different times
		f.run(b, benchRun)
	}
	return f
}

// run merges a run into the timelines of all users, and returns the number of deliveries.
func (f *filled) run(b *testing.B, average int) (deliveries int) {
	f.clock += uint64(average) * 1000
	f.offset += 30_000
	for i := range f.operands {
		o := &f.operands[i]
		o.Entries = o.Entries[:0]
		n := 1 + f.random.IntN(2*average-1)
		if o.Base {
			n = benchTrim.Keep
		}
		at := f.clock
		for range n {
			r := f.random.Uint64()
			at -= 1 + r%1000
			e := feed.Entry{At: feed.At(1, f.offset+int64(r>>50))}
			binary.BigEndian.PutUint64(e.Post[:], at<<16|r&0xffff)
			binary.BigEndian.PutUint64(e.Post[8:], r)
			binary.BigEndian.PutUint64(e.Author[:], uint64(i)*31+r%benchFollows)
			binary.BigEndian.PutUint64(e.Author[8:], r%benchFollows)
			o.Entries = append(o.Entries, e)
		}
		deliveries += n
	}
	calls := 0
	for begin := 0; begin < len(f.operands); begin += benchCall {
		mustDo(b, f.Merge(b.Context(), f.fence, f.operands[begin:min(begin+benchCall, len(f.operands))]))
		calls++
	}
	to := f.fence.Row
	to.Graph++
	f.fence.Merges = calls
	mustDo(b, f.Advance(b.Context(), f.fence, to))
	f.fence.Row = to
	return deliveries
}

// processors returns the processor time of this process and of Redis.
func (f *filled) processors(b *testing.B) (own, redis time.Duration) {
	var use syscall.Rusage
	mustDo(b, syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	info, err := f.client.Info(b.Context(), "cpu").Result()
	mustDo(b, err)
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			seconds, err := strconv.ParseFloat(value, 64)
			mustDo(b, err)
			redis += time.Duration(seconds * float64(time.Second))
		}
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano()), redis
}

// measure reports the processor time of what runs until the returned function is called with a number of things.
func (f *filled) measure(b *testing.B, things, thing string) (report func(n int)) {
	own, redis := f.processors(b)
	return func(n int) {
		ownEnd, redisEnd := f.processors(b)
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), things+"/s")
		b.ReportMetric(float64((ownEnd-own).Nanoseconds())/float64(n), "own-ns/"+thing)
		b.ReportMetric(float64((redisEnd-redis).Nanoseconds())/float64(n), "redis-ns/"+thing)
		b.ReportMetric(0, "ns/op")
	}
}

// bytes returns how much memory Redis takes for an entry.
func (f *filled) bytes(b *testing.B) float64 {
	var memory int64
	entries := 0
	for i := 0; i < len(f.operands); i += 20 {
		user := f.operands[i].User
		used, err := f.client.MemoryUsage(b.Context(), f.key(f.fence.Epoch, user), 0).Result()
		mustDo(b, err)
		_, timeline, err := f.Read(b.Context(), user, 0, last, 1<<20)
		mustDo(b, err)
		memory += used
		entries += len(timeline.Entries)
	}
	return float64(memory) / float64(entries)
}

// BenchmarkDeliveries merges runs into full timelines.
func BenchmarkDeliveries(b *testing.B) {
	for _, form := range benchForms {
		b.Run(form.name, func(b *testing.B) {
			f := fill(b, form.form, form.listpack)
			report, deliveries := f.measure(b, "deliveries", "delivery"), 0
			for b.Loop() {
				deliveries += f.run(b, benchRun)
			}
			report(deliveries)
			b.ReportMetric(f.bytes(b), "B/entry")
		})
	}
}

// BenchmarkReadTimeline reads the newest entries of full timelines, many at once.
func BenchmarkReadTimeline(b *testing.B) {
	for _, form := range benchForms {
		b.Run(form.name, func(b *testing.B) {
			f := fill(b, form.form, form.listpack)
			report := f.measure(b, "reads", "read")
			b.SetParallelism(16)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := rand.IntN(benchUsers); pb.Next(); i = (i + 1) % benchUsers {
					_, timeline, err := f.Read(b.Context(), f.operands[i].User, 0, last, benchPage)
					if err != nil || len(timeline.Entries) != benchPage {
						b.Errorf("Read = %d entries, %v", len(timeline.Entries), err)
						return
					}
				}
			})
			report(b.N)
		})
	}
}
