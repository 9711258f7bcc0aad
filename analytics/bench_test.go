package analytics

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// benchEvents are events as a shop sends them: 9 columns, 10 % repeats.
func benchEvents(n int) []Event {
	rng := rand.New(rand.NewPCG(1, 1))
	zipf := rand.NewZipf(rng, 1.1, 1, 100_000)
	types := []string{"page.viewed", "product.viewed", "product.clicked", "cart.added", "order.placed", "search", "login"}
	events := make([]Event, 0, n)
	for i := range n {
		if i > 10 && rng.IntN(10) == 0 {
			events = append(events, events[rng.IntN(i)])
			continue
		}
		a, b := rng.Uint64(), rng.Uint64()
		id := fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&(1<<48-1))
		user := zipf.Uint64()
		events = append(events, Event{
			Time: testArrival - Micros(rng.IntN(300_000_000)), Type: types[rng.IntN(len(types))], ID: id,
			User: fmt.Sprintf("user-%d", user), Session: fmt.Sprintf("session-%d", user/2),
			Values: []Value{
				{Column: 1, Kind: Text, Text: []string{"GB", "DE", "FR", "US"}[rng.IntN(4)]},
				{Column: 2, Kind: Text, Text: fmt.Sprintf("prd_%d", zipf.Uint64())},
				{Column: 3, Kind: Decimal, Int: rng.Int64N(100_0000)},
				{Column: 4, Kind: Integer, Int: rng.Int64N(10_000)},
			},
		})
	}
	return events
}

const benchRows = 1000

func benchRecords(events []Event) [][]byte {
	var records [][]byte
	b := &Builder{}
	for start := 0; start < len(events); start += benchRows {
		b.Reset("web", time.Hour, testArrival)
		for i := range events[start : start+benchRows] {
			b.Add(&events[start+i])
		}
		records = append(records, b.Append(nil))
	}
	return records
}

// measure returns what reports the processor time of one event, where an iteration is a batch of benchRows. The machine may be
// busy with other things, and the collector may work beside.
func measure(b *testing.B) (report func()) {
	start := processor(b)
	return func() {
		b.ReportMetric(float64((processor(b)-start).Nanoseconds())/float64(b.N)/benchRows, "cpu-ns/event")
	}
}

func processor(b *testing.B) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func BenchmarkEncode(b *testing.B) {
	events := benchEvents(benchRows * 100)
	builder, size := &Builder{}, 0
	var record []byte
	report := measure(b)
	for n := 0; b.Loop(); n++ {
		builder.Reset("web", time.Hour, testArrival)
		start := n % 100 * benchRows
		for i := range benchRows {
			builder.Add(&events[start+i])
		}
		record = builder.Append(record[:0])
		size += len(record)
	}
	report()
	b.ReportMetric(float64(size)/float64(b.N)/benchRows, "B/event")
}

func BenchmarkDecode(b *testing.B) {
	records := benchRecords(benchEvents(benchRows * 100))
	var batch Batch
	report := measure(b)
	for n := 0; b.Loop(); n++ {
		if err := batch.Decode(records[n%len(records)]); err != nil {
			b.Fatal(err)
		}
	}
	report()
}

// BenchmarkDedup hashes identifiers and looks them up in a table of 25 million, 10 % of which occurred before.
func BenchmarkDedup(b *testing.B) {
	const ids = 25_000_000
	s, rng := newSeen(), rand.New(rand.NewPCG(1, 1))
	marks, known := make([]uint64, benchRows), make([]uint64, benchRows/64+1)
	for n := 0; n < ids; n += benchRows {
		if n > 0 && n%(ids/liveGenerations) == 0 {
			s.begin()
		}
		for i := range marks {
			marks[i] = rng.Uint64()
		}
		s.add(marks, known)
	}
	key, text := Key{1}, []byte("00000000-0000-4000-8000-000000000000")
	report := measure(b)
	for b.Loop() {
		hash := key.ids("web")
		for i := range marks {
			if i%10 > 0 || marks[i] == 0 {
				binary.LittleEndian.PutUint64(text, rng.Uint64())
				marks[i] = hash.sum(text)
			}
		}
		s.add(marks, known)
		if s.fresh > ids/liveGenerations {
			s.begin()
		}
	}
	report()
}

// BenchmarkFold decodes batches, looks for repeats, counts windows and books, and merges an epoch every 250,000 events.
func BenchmarkFold(b *testing.B) {
	const batches, every = 1000, 250
	records := benchRecords(benchEvents(benchRows * batches))
	rules := DefaultRules
	p := newPart(0, &rules)
	state := &head{Parts: []partState{p.state}, Sources: map[SourceID]sourceState{}}
	store, open, number := NewMemoryState(), map[WindowKey]bool{}, int64(0)
	report := measure(b)
	for n := 0; b.Loop(); n++ {
		if n%batches == 0 {
			rules.Key[0]++ // so that the same identifiers are new ones
		}
		mustDo(b, p.apply(records[n%batches]))
		if n%every < every-1 {
			continue
		}
		number++
		mustDo(b, p.apply(Tick{Epoch: number, At: testArrival}.Append(nil)))
		e := newEpoch(&rules, state, open, []*delta{p.delta})
		keys := e.keys()
		values, err := store.Read(b.Context(), keys...)
		mustDo(b, err)
		c, err := e.merge(keys, values)
		mustDo(b, err)
		mustDo(b, store.Commit(b.Context(), c.From, c.To, c.Changes))
		for _, k := range c.opened {
			open[k] = true
		}
		state = c.head
		p.begin()
		p.release(p.state.CutFrom)
	}
	report()
}

// BenchmarkSort puts the events of a file in its order, and counts its lines.
func BenchmarkSort(b *testing.B) {
	const batches = 256
	p := newPart(0, &DefaultRules)
	for _, record := range benchRecords(benchEvents(benchRows * batches)) {
		mustDo(b, p.apply(record))
	}
	c := &Cut{To: p.state.Next}
	report := measure(b)
	for n := 0; b.Loop(); n++ {
		if n%batches == 0 { // so that an iteration is a batch here too
			p.rowsOf(c).lines()
		}
	}
	report()
}

// noFiles writes nothing: what a file costs is a matter of its engine.
type noFiles struct{ *MemoryFiles }

// Write implements Files.
func (noFiles) Write(_ context.Context, _ string, rows *Rows) (int64, error) {
	return int64(rows.Len()), nil
}

// BenchmarkWorker folds two partitions: all from the record of the log to the rows of a file in their order, and the commits
// into a state in memory. An epoch has 200,000 events.
func BenchmarkWorker(b *testing.B) {
	const batches, every = 1000, 200
	records := benchRecords(benchEvents(benchRows * batches))
	var ports Ports
	var w *Worker
	number := int64(0)
	rules := DefaultRules
	report := measure(b)
	for n := 0; b.Loop(); n++ {
		if n%batches == 0 { // a new log, so that the identifiers are new ones, and memory is bounded
			ports = Ports{NewMemoryLog(2), NewMemoryState(), NewMemoryCatalogue(2), noFiles{NewMemoryFiles()}}
			opened, err := Open(b.Context(), ports, rules)
			mustDo(b, err)
			w, number = opened, 0
		}
		_, err := ports.Log.Append(b.Context(), n%2, records[n%batches])
		mustDo(b, err)
		if n%every < every-1 {
			continue
		}
		number += rules.CutEpochs / 2
		for partition := range 2 {
			_, err := ports.Log.Append(b.Context(), partition, Tick{Epoch: number, At: testArrival}.Append(nil))
			mustDo(b, err)
		}
		for worked := true; worked; {
			worked, err = w.Step(b.Context())
			mustDo(b, err)
		}
	}
	report()
}
