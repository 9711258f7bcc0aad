package eventlogtest

import (
	"fmt"
	"sync"
	"testing"

	"agora/pattern/eventlog"
)

// Benchmark measures Append of 1 and of 256 records from 64 goroutines, and Read of 256. open returns a new
// log without topics, and closes it at the end.
func Benchmark(b *testing.B, open func(b *testing.B) eventlog.Log) {
	for _, n := range []int{1, 256} {
		b.Run(fmt.Sprintf("append=%d", n), func(b *testing.B) { benchmarkAppend(b, open(b), n) })
	}
	b.Run("read=256", func(b *testing.B) { benchmarkRead(b, open(b)) })
}

func benchmarkAppend(b *testing.B, log eventlog.Log, n int) {
	const writers = 64
	if err := log.Create(b.Context(), topic, 8); err != nil {
		b.Fatal(err)
	}
	records := makeRecords(n, "ord")
	turns := make(chan struct{})
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range turns {
				if _, err := log.Append(b.Context(), topic, records...); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for b.Loop() {
		turns <- struct{}{}
	}
	close(turns)
	all.Wait()
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "records/s")
}

func benchmarkRead(b *testing.B, log eventlog.Log) {
	const n, kept = 256, 16 * 256
	if err := log.Create(b.Context(), topic, 1); err != nil {
		b.Fatal(err)
	}
	if _, err := log.Append(b.Context(), topic, makeRecords(kept, "ord")...); err != nil {
		b.Fatal(err)
	}
	offset := int64(0)
	for b.Loop() {
		if _, err := log.Read(b.Context(), topic, 0, offset, n); err != nil {
			b.Fatal(err)
		}
		offset = (offset + n) % kept
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "records/s")
}
