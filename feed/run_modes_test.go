package feed

import (
	"testing"
	"time"

	"agora/fault"
)

// TestModesChangeBeforeTheRowMoves lets a leader end between the change that a follow makes due and its row. A leader that
// moved the row first would leave the change to the author's next follow.
func TestModesChangeBeforeTheRowMoves(t *testing.T) {
	w := newWorking(t)
	b := w.worker(nil).Builder
	b.Strategy, b.Threshold = Hybrid, Threshold{Up: 1, Down: 1}
	follower, author := UserID{15: 1}, UserID{15: 2}
	w.append(GraphTopic, EdgeRecord(EdgeKey{Follow, follower, author}, true, time.Now()))
	l, err := b.Claim(t.Context(), w.shape.GraphOf(follower))
	if err != nil {
		t.Fatal(err)
	}
	b.Timelines = &failing{w.timelines, 1}
	if _, err := b.Run(t.Context(), l); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("the run ends with %v", err)
	}
	messages, err := w.log.Read(t.Context(), PostsTopic, w.shape.PostsOf(author), 0, 10)
	if err != nil || len(messages) != 1 || messages[0].Kind != kindMode {
		t.Errorf("before the row moves the log holds %v, %v; want the change of the author's mode", messages, err)
	}
}

// TestAPostIsJudgedByTheStrategyOfNow changes the strategy and the threshold of an author who nobody follows or leaves afterwards.
func TestAPostIsJudgedByTheStrategyOfNow(t *testing.T) {
	w := newWorking(t)
	author := UserID{15: 1}
	for n := range 12 {
		w.append(GraphTopic, EdgeRecord(EdgeKey{Follow, UserID{15: byte(n + 2)}, author}, true, time.Now()))
	}
	for _, now := range []struct {
		strategy  Strategy
		threshold Threshold
		changes   int // of the author's mode
	}{
		{Push, Threshold{10, 8}, 0}, {Hybrid, Threshold{13, 10}, 0}, {Hybrid, Threshold{12, 10}, 1}, {Hybrid, Threshold{12, 10}, 1},
		{Hybrid, Threshold{14, 12}, 1}, {Hybrid, Threshold{15, 13}, 2}, {Push, Threshold{10, 8}, 2}, {Hybrid, Threshold{10, 8}, 3},
	} {
		b := w.worker(nil).Builder
		b.Strategy, b.Threshold = now.strategy, now.threshold
		for _, when := range []string{"before the post", "with the post", "with the change"} {
			var leads []*Lead
			for p := range w.shape.Graph {
				l, err := b.Claim(t.Context(), p)
				if err != nil {
					t.Fatal(err)
				}
				leads = append(leads, l)
			}
			if when == "with the post" {
				w.post(author)
			}
			if _, err := b.Run(t.Context(), leads...); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
		}
		modes, err := w.graph.Modes(t.Context(), author)
		if err != nil {
			t.Fatal(err)
		}
		changes := 0
		for _, m := range modes {
			changes = len(m.Changes)
		}
		if changes != now.changes {
			t.Errorf("with %s and %+v, the author's mode has changed %d times, want %d", now.strategy, now.threshold, changes, now.changes)
		}
	}
}
