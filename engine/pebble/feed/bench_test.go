package feed

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"agora/engine/pebble"
	"agora/feed"
)

const (
	benchUsers      = 100_000
	benchPartitions = 16
	benchRun        = 8 // deliveries to each user in a run: 8M to 1M users
	benchRuns       = 20
	benchAuthors    = 20_000
	benchPage       = 42 // what a page of 20 posts reads
)

var benchTrim = feed.Trim{Above: 1000, Keep: 800}

// deliveries makes the operands of runs.
type deliveries struct {
	random   *rand.Rand
	authors  []feed.UserID
	operands [benchPartitions][]feed.Operand
	offset   int64
	clock    uint64 // milliseconds of the newest post
}

func newDeliveries() *deliveries {
	d := &deliveries{random: rand.New(rand.NewPCG(1, 2)), clock: 1_700_000_000_000}
	for range benchAuthors {
		d.authors = append(d.authors, d.user())
	}
	for n := range benchUsers {
		p := n % benchPartitions
		d.operands[p] = append(d.operands[p], feed.Operand{User: d.user()})
	}
	for p := range d.operands {
		slices.SortFunc(d.operands[p], func(a, b feed.Operand) int { return a.User.Compare(b.User) })
	}
	return d
}

func (d *deliveries) user() (u feed.UserID) {
	binary.BigEndian.PutUint64(u[:], d.random.Uint64())
	binary.BigEndian.PutUint64(u[8:], d.random.Uint64())
	return u
}

// write writes the posts of another run into operands.
func (d *deliveries) write(operands []feed.Operand) {
	for i := range operands {
		entries := operands[i].Entries
		at := d.clock
		for j := range entries {
			e := &entries[j]
			r := d.random.Uint64()
			at -= 1 + r%1000
			binary.BigEndian.PutUint64(e.Post[:], at<<16|r&0xffff)
			binary.BigEndian.PutUint64(e.Post[8:], r)
			e.At, e.Author = feed.At(1, d.offset+int64(r>>50)), d.authors[r%benchAuthors]
		}
	}
}

// benchTimelines are timelines with a leader of all partitions.
type benchTimelines struct {
	*Timelines
	fences [benchPartitions]feed.Fence
}

func openBench(b *testing.B) *benchTimelines {
	s, err := OpenTimelines(b.TempDir(), benchTrim, pebble.Options{CacheBytes: 256 << 20, MemTableBytes: 32 << 20})
	mustDo(b, err)
	b.Cleanup(func() { mustDo(b, s.Close()) })
	h := feed.Head{Epoch: 1, Strategy: feed.Push, Rows: make([]feed.Row, benchPartitions)}
	mustDo(b, s.Begin(b.Context(), 0, h))
	t := &benchTimelines{Timelines: s}
	for p := range t.fences {
		t.fences[p] = feed.Fence{Epoch: 1, Partition: p}
	}
	return t
}

// run makes one run of deliveries durable.
func (t *benchTimelines) run(b *testing.B, d *deliveries) {
	d.clock += 8000
	d.offset += 10_000
	for p := range t.fences {
		f := &t.fences[p]
		d.write(d.operands[p])
		mustDo(b, t.Merge(b.Context(), *f, d.operands[p]))
		f.Merges = feed.AnyMerges
		to := feed.Row{Writer: 1, Graph: f.Row.Graph + 1, Posts: feed.Vector{feed.Position(d.offset)}}
		mustDo(b, t.Advance(b.Context(), *f, to))
		f.Row = to
	}
}

// settle waits until Pebble compacts nothing.
func (t *benchTimelines) settle() {
	for t.db.Pebble().Metrics().Compact.NumInProgress > 0 {
		time.Sleep(10 * time.Millisecond)
	}
}

// written returns how many bytes Pebble has written.
func (t *benchTimelines) written() uint64 {
	m := t.db.Pebble().Metrics()
	total := m.WAL.BytesWritten
	for i := range m.Levels {
		l := &m.Levels[i]
		total += l.TableBytesIngested + l.TableBytesFlushed + l.TableBytesCompacted
	}
	return total
}

// runs makes runs durable, and waits until they are compacted.
func (t *benchTimelines) runs(b *testing.B, d *deliveries) {
	for range benchRuns {
		t.run(b, d)
	}
	t.settle()
}

// begin gives each user an empty timeline.
func (t *benchTimelines) begin(b *testing.B) *deliveries {
	d := newDeliveries()
	for p, operands := range d.operands {
		for i := range operands {
			operands[i].Base = true
		}
		mustDo(b, t.Merge(b.Context(), t.fences[p], operands))
		for i := range operands {
			operands[i].Base, operands[i].Entries = false, make([]feed.Entry, benchRun)
		}
	}
	return d
}

// fill gives each user a timeline of as many entries as are kept.
func (t *benchTimelines) fill(b *testing.B) *deliveries {
	d := newDeliveries()
	whole := make([]feed.Entry, 2000*benchTrim.Keep)
	for p, operands := range d.operands {
		for some := range slices.Chunk(operands, 2000) {
			for i := range some {
				some[i].Base, some[i].Entries = true, whole[i*benchTrim.Keep:][:benchTrim.Keep]
			}
			d.write(some)
			mustDo(b, t.Merge(b.Context(), t.fences[p], some))
			for i := range some {
				some[i].Base, some[i].Entries = false, make([]feed.Entry, benchRun)
			}
		}
	}
	mustDo(b, t.db.Pebble().Compact(b.Context(), key(timelines), key(timelines+1), true))
	return d
}

func processorTime(b *testing.B) time.Duration {
	var use syscall.Rusage
	mustDo(b, syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkDeliveries makes runs durable and waits until they are compacted, with 2,000 reads a second beside. Full
// timelines have been through as many runs before. The time of the processor includes the making of the operands and
// the reads.
func BenchmarkDeliveries(b *testing.B) {
	for _, full := range []bool{false, true} {
		b.Run(map[bool]string{false: "empty", true: "full"}[full], func(b *testing.B) {
			t := openBench(b)
			var d *deliveries
			if full {
				d = t.fill(b)
				t.runs(b, d)
			} else {
				d = t.begin(b)
			}
			written, used := t.written(), processorTime(b)
			stop := t.readBeside(b, d)
			deliveries := 0
			for b.Loop() {
				t.runs(b, d)
				deliveries += benchRuns * benchUsers * benchRun
			}
			reads := stop()
			used = processorTime(b) - used
			_, size, err := t.Bytes()
			mustDo(b, err)
			b.ReportMetric(float64(deliveries)/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric(float64(used.Nanoseconds())/float64(deliveries), "cpu-ns/delivery")
			b.ReportMetric(float64(t.written()-written)/float64(deliveries), "B-written/delivery")
			b.ReportMetric(float64(size)/float64(benchUsers), "B/timeline")
			b.ReportMetric(float64(len(reads))/b.Elapsed().Seconds(), "reads/s")
			b.ReportMetric(float64(reads[len(reads)/2].Nanoseconds())/1000, "µs/read-p50")
			b.ReportMetric(float64(reads[len(reads)*99/100].Nanoseconds())/1000, "µs/read-p99")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// readBeside reads pages of random users, 2,000 a second, until stop is called, which returns how long each took, sorted.
func (t *benchTimelines) readBeside(b *testing.B, d *deliveries) (stop func() []time.Duration) {
	var (
		took   []time.Duration
		reader sync.WaitGroup
		ended  = make(chan struct{})
		random = rand.New(rand.NewPCG(3, 4))
	)
	reader.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
			for range 10 {
				p := random.IntN(benchPartitions)
				user := d.operands[p][random.IntN(len(d.operands[p]))].User
				begin := time.Now()
				_, timeline, err := t.Read(b.Context(), user, p, feed.PostID{0: 255}, benchPage)
				took = append(took, time.Since(begin))
				if err != nil || !timeline.Base {
					b.Errorf("Read = %v, %v", timeline, err)
				}
			}
		}
	})
	return func() []time.Duration {
		close(ended)
		reader.Wait()
		slices.Sort(took)
		return took
	}
}

// BenchmarkReadTimeline reads the newest entries of full timelines: of users who read often, and of all.
func BenchmarkReadTimeline(b *testing.B) {
	t := openBench(b)
	d := t.fill(b)
	t.run(b, d)
	for name, users := range map[string]int{"hot": 100, "any": benchUsers / benchPartitions} {
		b.Run(name, func(b *testing.B) {
			used := processorTime(b)
			for b.Loop() {
				p := d.random.IntN(benchPartitions)
				_, timeline, err := t.Read(b.Context(), d.operands[p][d.random.IntN(users)].User, p, feed.PostID{0: 255}, benchPage)
				if err != nil || len(timeline.Entries) < benchPage {
					b.Fatalf("Read = %d entries, %v", len(timeline.Entries), err)
				}
			}
			b.ReportMetric(float64((processorTime(b)-used).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkByAuthor lists the newest 20 posts of an author with a thousand.
func BenchmarkByAuthor(b *testing.B) {
	db, err := Open(b.TempDir(), pebble.Options{})
	mustDo(b, err)
	defer func() { mustDo(b, db.Close()) }()
	s := NewPosts(db)
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 100 {
		posts := make([]feed.Post, 1000)
		for i := range posts {
			posts[i] = pinnedPost
			binary.BigEndian.PutUint64(posts[i].ID[:], uint64(n)<<32|random.Uint64N(1<<32))
			binary.BigEndian.PutUint64(posts[i].ID[8:], random.Uint64())
			posts[i].Author = id(9, byte(i%100))
		}
		mustDo(b, s.Insert(b.Context(), posts...))
	}
	for b.Loop() {
		r := feed.AuthorRange{Author: id(9, byte(random.IntN(100))), Before: feed.PostID{0: 255}, Limit: 20}
		if lists, err := s.ByAuthor(b.Context(), r); err != nil || len(lists[0]) != 20 {
			b.Fatalf("ByAuthor = %v, %v", lists, err)
		}
	}
}
