package feed

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"agora/pattern/eventlog"
)

// heldTimelines are timelines that nothing is merged into while they are held.
type heldTimelines struct {
	TimelineStore
	held chan struct{} // closed when they are not held any more
	hold chan struct{} // closed when they are held
}

func (h *heldTimelines) Merge(ctx context.Context, fence Fence, operands []Operand) error {
	select {
	case <-h.hold:
		<-h.held
	default:
	}
	return h.TimelineStore.Merge(ctx, fence, operands)
}

// TestAPostDoesNotWaitForThoseOfALargeAuthor lets an author with 9,999 followers publish 100 posts, of which no timeline has one as
// long as the test wants. Meanwhile a small author publishes 100 posts, and each of them is on the page of a follower at once.
func TestAPostDoesNotWaitForThoseOfALargeAuthor(t *testing.T) {
	const followers, posts = 9999, 100
	synctest.Test(t, func(t *testing.T) {
		w := newWorking(t)
		timelines := &heldTimelines{w.timelines, make(chan struct{}), make(chan struct{})}
		n, stop := w.openNode(func(o *NodeOptions) { o.Timelines, o.Threshold = timelines, Threshold{10_000, 8000} })
		large, small, reader := user(1), user(2), user(3)
		var records []eventlog.Record
		for i := range followers {
			follower := UserID{13: 1, 14: byte(i >> 8), 15: byte(i)}
			records = append(records, ReturnRecord(follower, time.Now()), EdgeRecord(EdgeKey{Follow, follower, large}, true, time.Now()))
		}
		w.append(GraphTopic, append(records, ReturnRecord(reader, time.Now()), EdgeRecord(EdgeKey{Follow, reader, small}, true, time.Now()))...)
		time.Sleep(time.Minute)
		publish := func(author UserID) Post {
			t.Helper()
			p, _, err := n.Service.Post(t.Context(), author, NewPost{Text: "text"}, "")
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		see := func(user UserID, p Post) {
			t.Helper()
			page, err := n.Service.Home(t.Context(), user, HomeQuery{Limit: 100})
			if err != nil || !slices.ContainsFunc(page.Posts, func(q Post) bool { return q.ID == p.ID }) {
				t.Fatalf("Home of %x = %d posts, %v; want the new post among them", user[15], len(page.Posts), err)
			}
		}
		close(timelines.hold)
		var last Post
		for range posts {
			last = publish(large)
		}
		time.Sleep(time.Minute)
		delivered := func(want int64) {
			t.Helper()
			if d, err := n.Service.Delivery(t.Context(), large, false, last.ID); err != nil || d.Mode != Push || d.Followers != followers || d.Delivered != want {
				t.Errorf("Delivery = %+v, %v; want %d of %d followers", d, err, want, followers)
			}
		}
		delivered(0)
		began := time.Now()
		for range posts {
			see(reader, publish(small))
		}
		see(UserID{13: 1, 14: 1, 15: 1}, last)
		if took := time.Since(began); took != 0 {
			t.Errorf("small posts and pages took %v, want that they wait for nothing", took)
		}
		delivered(0)
		close(timelines.held)
		time.Sleep(time.Minute)
		delivered(followers)
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}
