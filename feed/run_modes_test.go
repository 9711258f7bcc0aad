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
