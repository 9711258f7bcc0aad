package feed

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"agora/engine/pebble"
	"agora/fault"
	"agora/feed"
)

// TestAcknowledgedPostsSurviveACrash loses a part of what was not synced, again and again, while writers insert, delete
// and claim.
func TestAcknowledgedPostsSurviveACrash(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	fs := vfs.NewCrashableMem()
	s := NewPosts(openRows(t, fs))
	ctx, stop := context.WithCancel(t.Context())
	var (
		mu      sync.Mutex
		acked   []feed.Post
		writers sync.WaitGroup
		calls   = make(chan struct{}, 16) // blocks the writers during a check after a crash
	)
	for w := range byte(4) {
		writers.Go(func() {
			for n := uint16(1); ; n++ {
				p := feed.Post{ID: feed.PostID{0: w, 14: byte(n >> 8), 15: byte(n)}, Author: id(7, w), Text: "text", At: feed.At(1, int64(n))}
				claim := feed.Claim{Author: p.Author, Key: p.ID.String(), ID: p.ID}
				_, err := s.Claim(ctx, claim)
				if err == nil {
					err = s.Insert(ctx, p)
				}
				if err == nil && n%3 == 0 {
					p.Deleted = feed.At(1, int64(n)+1000)
					err = s.Delete(ctx, feed.Deletion{ID: p.ID, Author: p.Author, At: p.Deleted})
				}
				if err != nil {
					return
				}
				mu.Lock()
				acked = append(acked, p)
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
		for range random.IntN(40) {
			<-calls
		}
		mu.Lock()
		before := acked[:len(acked):len(acked)]
		mu.Unlock()
		db, err := Open("rows", pebble.Options{FS: fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(101), RNG: random})})
		mustDo(t, err)
		left := NewPosts(db)
		for _, p := range before {
			found, err := left.Get(t.Context(), p.ID)
			if err != nil || len(found) != 1 || found[0].At != p.At || found[0].Deleted != p.Deleted {
				t.Fatalf("%v was acknowledged, and is %v, %v", p, found, err)
			}
			claimed, err := left.Claim(t.Context(), feed.Claim{Author: p.Author, Key: p.ID.String(), ID: id(9, 9)})
			if err != nil || claimed != p.ID {
				t.Fatalf("the claim of %v is %v, %v", p.ID, claimed, err)
			}
		}
		mustDo(t, db.Close())
	}
	stop()
	writers.Wait()
}

// TestAFullDiskIsUnavailable fills the disk up to the reserve, and makes room again.
func TestAFullDiskIsUnavailable(t *testing.T) {
	fs := vfs.NewCrashableMem()
	db, err := Open("rows", pebble.Options{FS: fs, ReserveBytes: 1000})
	mustDo(t, err)
	defer func() { mustDo(t, db.Close()) }()
	s := NewPosts(db)
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 999})
	if err := s.Insert(t.Context(), pinnedPost); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Insert with a full disk = %v, want Unavailable", err)
	}
	if found, err := s.Get(t.Context(), pinnedPost.ID); err != nil || len(found) > 0 {
		t.Errorf("Get = %v, %v; want nothing", found, err)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1000})
	mustDo(t, s.Insert(t.Context(), pinnedPost))
}

// TestAFailedSyncIsFinal checks that a post that may be lost is never acknowledged by a repeated call.
func TestAFailedSyncIsFinal(t *testing.T) {
	fs := vfs.NewCrashableMem()
	broken := &errorfs.Toggle{Injector: errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo {
			return errorfs.ErrInjected
		}
		return nil
	})}
	db, err := Open("rows", pebble.Options{FS: errorfs.Wrap(fs, broken)})
	mustDo(t, err)
	s := NewPosts(db)
	broken.On()
	for range 2 {
		if err := s.Insert(t.Context(), pinnedPost); !fault.Is(err, fault.Unavailable) {
			t.Errorf("Insert = %v, want Unavailable", err)
		}
	}
	broken.Off()
	if db.Err() == nil || db.Close() == nil {
		t.Error("the database hides that it failed")
	}
	again := NewPosts(openRows(t, fs.CrashClone(vfs.CrashCloneCfg{})))
	mustDo(t, again.Insert(t.Context(), pinnedPost))
}
