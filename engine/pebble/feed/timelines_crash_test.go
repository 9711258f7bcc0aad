package feed

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"agora/fault"
	"agora/feed"
)

// head returns a head of two partitions.
func head(epoch uint64) feed.Head {
	row := feed.Row{Writer: 1, Posts: feed.Vector{feed.At(1, 0)}, Graph: feed.At(1, 0)}
	return feed.Head{Epoch: epoch, Strategy: feed.Push, Rows: []feed.Row{row, row}}
}

// delivery returns an operand with one post, of which the number is the position.
func delivery(user byte, n int64, base bool) feed.Operand {
	e := feed.Entry{Post: feed.PostID{4: byte(n >> 8), 5: byte(n), 15: 1}, Author: id(9, byte(n)), At: feed.At(1, n)}
	return feed.Operand{User: id(7, user), Timeline: feed.Timeline{Base: base, Entries: []feed.Entry{e}}}
}

// TestMergesAreDurableWithTheirRow loses a part of what was not synced, again and again, while two builders merge and
// advance: a row that is there, or was acknowledged, has all that was merged before it.
func TestMergesAreDurableWithTheirRow(t *testing.T) {
	for name, ingestBytes := range map[string]int{"log": 1 << 20, "files": 0} {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			fs := vfs.NewCrashableMem()
			s := openTimelines(t, fs, never)
			s.ingestBytes = ingestBytes
			mustDo(t, s.Begin(t.Context(), 0, head(1)))
			ctx, stop := context.WithCancel(t.Context())
			var (
				mu       sync.Mutex
				acked    [2]int64
				builders sync.WaitGroup
				calls    = make(chan struct{}, 4) // blocks the builders during a check after a crash
			)
			for p := range acked {
				builders.Go(func() {
					fence := feed.Fence{Epoch: 1, Partition: p, Row: head(1).Rows[p]}
					for n := int64(1); ; n++ {
						to := feed.Row{Writer: 1, Posts: feed.Vector{feed.At(1, n)}, Graph: feed.At(1, n)}
						fence.Merges = 1
						if s.Merge(ctx, fence, []feed.Operand{delivery(byte(p), n, n == 1)}) != nil || s.Advance(ctx, fence, to) != nil {
							return
						}
						fence.Row = to
						mu.Lock()
						acked[p] = n
						mu.Unlock()
						select {
						case calls <- struct{}{}:
						case <-ctx.Done():
							return
						}
					}
				})
			}
			for range 15 {
				for range random.IntN(30) {
					<-calls
				}
				mu.Lock()
				before := acked
				mu.Unlock()
				left, err := OpenTimelines("timelines", never, openOptions(fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(101), RNG: random})))
				mustDo(t, err)
				for p, least := range before {
					row, timeline, err := left.Read(t.Context(), id(7, byte(p)), p, feed.PostID{0: 255}, 1<<20)
					mustDo(t, err)
					n := row.Graph.Offset()
					if n < least || int64(len(timeline.Entries)) < n {
						t.Fatalf("the row is at %d with %d entries, and %d was acknowledged", n, len(timeline.Entries), least)
					}
					for i, e := range timeline.Entries {
						if want := int64(len(timeline.Entries) - i); e.At.Offset() != want || e.Author != id(9, byte(want)) {
							t.Fatalf("entry %d is %v", i, e)
						}
					}
				}
				mustDo(t, left.Close())
			}
			stop()
			builders.Wait()
		})
	}
}

// TestAFullDiskForFilesIsUnavailable makes the files of a merge fail, and then succeed.
func TestAFullDiskForFilesIsUnavailable(t *testing.T) {
	fs := vfs.NewMem()
	full := &errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if filepath.Base(filepath.Dir(op.Path)) == "ingest" && (op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate) {
			return errorfs.ErrInjected
		}
		return nil
	})}
	s := openTimelines(t, errorfs.Wrap(fs, full), never)
	s.ingestBytes = 0
	mustDo(t, s.Begin(t.Context(), 0, head(1)))
	fence := feed.Fence{Epoch: 1, Row: head(1).Rows[0]}
	full.On()
	if err := s.Merge(t.Context(), fence, []feed.Operand{delivery(1, 1, true)}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Merge with a full disk = %v, want Unavailable", err)
	}
	full.Off()
	mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{delivery(1, 2, true)}))
	fence.Merges = 1
	mustDo(t, s.Advance(t.Context(), fence, head(1).Rows[0]))
	if _, timeline, err := s.Read(t.Context(), id(7, 1), 0, feed.PostID{0: 255}, 10); err != nil || len(timeline.Entries) != 1 {
		t.Errorf("the timeline is %v, %v; want the second merge alone", timeline, err)
	}
	if left, err := fs.List("timelines/ingest"); err != nil || len(left) > 0 {
		t.Errorf("%v are left over, %v", left, err)
	}
}

// TestFilesOfACrashAreRemoved leaves a file behind that was not taken over.
func TestFilesOfACrashAreRemoved(t *testing.T) {
	fs := vfs.NewMem()
	mustDo(t, fs.MkdirAll("timelines/ingest", 0o755))
	file, err := fs.Create("timelines/ingest/7.sst", vfs.WriteCategoryUnspecified)
	mustDo(t, err)
	mustDo(t, file.Close())
	openTimelines(t, fs, never)
	if left, err := fs.List("timelines/ingest"); err != nil || len(left) > 0 {
		t.Errorf("%v are left over, %v", left, err)
	}
}

// TestMergesAreNotStored shows that a leader of before a restart has to claim again.
func TestMergesAreNotStored(t *testing.T) {
	fs := vfs.NewMem()
	fence := feed.Fence{Epoch: 1, Row: head(1).Rows[0], Merges: 1}
	s, err := OpenTimelines("timelines", never, openOptions(fs))
	mustDo(t, err)
	mustDo(t, s.Begin(t.Context(), 0, head(1)))
	mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{delivery(1, 1, true)}))
	mustDo(t, s.Close())
	again := openTimelines(t, fs, never)
	if err := again.Advance(t.Context(), fence, fence.Row); !fault.Is(err, fault.Stale) {
		t.Errorf("Advance after a restart = %v, want Stale", err)
	}
	fence.Merges = feed.AnyMerges
	mustDo(t, again.Advance(t.Context(), fence, fence.Row))
}
