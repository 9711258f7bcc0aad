package feed

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
)

// awayLog is a log that cannot be read while away is set.
type awayLog struct {
	eventlog.Log
	away atomic.Bool
}

func (l *awayLog) Read(ctx context.Context, topic string, partition int, offset int64, limit int) ([]eventlog.Message, error) {
	if l.away.Load() {
		return nil, fault.New(fault.Unavailable, "", "the log is away")
	}
	return l.Log.Read(ctx, topic, partition, offset, limit)
}

// openNode opens a node in the world and runs it. stop returns the result of Run.
func (w *working) openNode(change func(*NodeOptions)) (n *Node, stop func() error) {
	w.t.Helper()
	o := NodeOptions{
		Shape: w.shape, Log: w.log, Posts: w.posts, Graph: w.graph, Timelines: w.timelines, Trim: Trim{1000, 800},
		Users: everyone{}, Strategy: Hybrid, Threshold: Threshold{10, 8}, MaxPulled: 100, MaxPulls: 4, Memory: 1 << 20,
		Every: 5 * time.Second, IdleAfter: 30 * 24 * time.Hour, Keep: 24 * time.Hour,
	}
	if change != nil {
		change(&o)
	}
	n, err := OpenNode(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	return n, func() error {
		defer cancel()
		synctest.Wait()
		cancel()
		return <-ended
	}
}

func TestANodeGoesOnAfterItsLogWasAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		log := &awayLog{Log: w.log}
		n, stop := w.openNode(func(o *NodeOptions) { o.Log = log })
		log.away.Store(true)
		if _, _, err := n.Service.Post(t.Context(), user(1), NewPost{Text: "text"}, ""); err != nil {
			t.Fatal(err) // it is in the log
		}
		time.Sleep(time.Minute)
		log.away.Store(false)
		time.Sleep(2 * time.Second)
		page, err := n.Service.Home(t.Context(), user(1), HomeQuery{Limit: 10})
		if err != nil || len(page.Posts) != 1 {
			t.Errorf("Home = %+v, %v; want the post", page, err)
		}
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestANodeHasLiveStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		n, stop := w.openNode(nil)
		page, err := n.Service.Home(t.Context(), user(1), HomeQuery{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		missed, _, err := n.Service.Post(t.Context(), user(1), NewPost{Text: "missed"}, "")
		if err != nil {
			t.Fatal(err)
		}
		s, err := n.Hub.Open(t.Context(), user(1), page.AsOf.Live(w.shape, user(1)).Encode())
		if err != nil {
			t.Fatal(err)
		}
		live, _, err := n.Service.Post(t.Context(), user(1), NewPost{Text: "live"}, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []Post{missed, live} {
			if e, err := s.Next(t.Context()); err != nil || e.PostID != want.ID || e.Post.Text != want.Text {
				t.Errorf("Next = %+v, %v; want %s", e, err, want.Text)
			}
		}
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
		if _, err := s.Next(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("after the end of the node, Next = %v", err)
		}
	})
}

func TestANodeEndsWhenItsLogIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		_, stop := w.openNode(nil)
		_, stopNext := w.openNode(func(o *NodeOptions) { o.Restored = true })
		time.Sleep(time.Minute)
		if err := stop(); err == nil || err.Error() != ErrLogReplaced().Error() {
			t.Errorf("Run = %v, want %v", err, ErrLogReplaced())
		}
		if err := stopNext(); err != nil {
			t.Errorf("Run of the node with the new epoch = %v", err)
		}
	})
}

func TestANodeTrimsWhatTheTimelinesHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		n, stop := w.openNode(nil)
		oldest := func() (oldest int64) {
			ends, err := w.log.Ends(t.Context(), PostsTopic)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range ends {
				oldest += e.Oldest
			}
			return oldest
		}
		for author := byte(1); author < 9; author++ {
			if _, _, err := n.Service.Post(t.Context(), user(author), NewPost{Text: "text"}, ""); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(23 * time.Hour)
		if got := oldest(); got != 0 {
			t.Errorf("%d young posts were deleted from the log", got)
		}
		if err := stop(); err != nil { // nobody builds timelines
			t.Fatal(err)
		}
		w.post(user(1))
		time.Sleep(25 * time.Hour)
		if err := n.trimOnce(t.Context()); err != nil || oldest() != 0 {
			t.Errorf("trimOnce = %v; %d posts were deleted from the log, of which the timelines lack one", err, oldest())
		}
		again, stop := w.openNode(nil)
		time.Sleep(time.Minute)
		if err := again.trimOnce(t.Context()); err != nil || oldest() != 9 {
			t.Errorf("trimOnce = %v; %d old posts were deleted from the log, want all 9", err, oldest())
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}
