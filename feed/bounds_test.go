package feed

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"agora/pattern/eventlog"
	"agora/telemetry"
)

var small = Shape{Posts: 1, Graph: 1}

// newSmallTail returns a tail of one partition, and a function that folds the post of an author.
func newSmallTail(bounds Bounds, modes ...Modes) (tail *Tail, fold func(author UserID) *Post) {
	start := Vector{At(1, 0)}
	tail = NewTail(small, 1, Reach{Posts: start, Graph: start}, modes, bounds)
	return tail, func(author UserID) *Post {
		p := &Post{ID: NewPostID(), Author: author, Text: "text", CreatedAt: time.Unix(1, 0), At: tail.Reach().Posts[0]}
		tail.Fold(PostsTopic, Record{Kind: kindPosted, At: p.At, Actor: author, Post: p}, false)
		return p
	}
}

// headOf returns a head that covers all that the tail has.
func headOf(tail *Tail) Head {
	reach := tail.Reach()
	return Head{Epoch: 1, Strategy: Hybrid, Rows: []Row{{Posts: reach.Posts, Graph: reach.Graph[0]}}}
}

func TestATailKeepsPostsOfFewBytes(t *testing.T) {
	tail, fold := newSmallTail(Bounds{Posts: 10 * (postBytes + 4)})
	posts := NewMemoryPosts()
	b := &Builder{Shape: small, Posts: posts}
	loud, quiet := UserID{15: 1}, UserID{15: 2}
	fold(quiet)
	var last *Post
	for range 10 {
		last = fold(loud)
	}
	if err := b.Shrink(t.Context(), tail); err != nil {
		t.Fatal(err)
	}
	pin := tail.Pin()
	if held, _ := pin.post(last.ID); held != nil {
		t.Error("the tail still has the posts of the author who has most")
	}
	if found, err := posts.Get(t.Context(), last.ID); err != nil || len(found) != 1 {
		t.Errorf("a post that the tail gave up is stored as %v, %v", found, err)
	}
	recent := pin.recent(newRelated(quiet, map[EdgeKey]Edge{{Follow, quiet, loud}: {On: true}}), lastPostID)
	if len(recent.entries) != 1 || recent.entries[0].Author != quiet || len(recent.lacking) != 1 || recent.lacking[0] != loud {
		t.Errorf("the tail has %v and lacks posts of %v", recent.entries, recent.lacking)
	}
	if tail.postBytes != postBytes+4 {
		t.Errorf("the tail counts %d bytes, want one post", tail.postBytes)
	}
	tail.Drop(headOf(tail))
	pin.Release()
	if len(tail.posts) != 0 || tail.postBytes != 0 {
		t.Errorf("the tail has %d authors and %d bytes of what is in timelines", len(tail.posts), tail.postBytes)
	}
}

// TestTheOldestPostThatWaits lets a run stand still, with posts that the tail holds and with posts that it gave up.
func TestTheOldestPostThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tail, fold := newSmallTail(Bounds{Posts: 1})
		metrics := telemetry.NewMetrics()
		b := &Builder{Shape: small, Posts: NewMemoryPosts(), Monitor: NewMonitor(metrics)}
		check := func(want time.Duration) {
			t.Helper()
			b.Monitor.waiting(tail.waiting())
			lag, _ := metrics.Value("agora_feed_run_lag_seconds")
			if lag != want.Seconds() {
				t.Errorf("the oldest post waits for %v s, want %v", lag, want)
			}
		}
		check(0)
		fold(UserID{15: 1})
		time.Sleep(time.Minute)
		check(time.Minute)
		if err := b.Shrink(t.Context(), tail); err != nil {
			t.Fatal(err)
		}
		fold(UserID{15: 1})
		fold(UserID{15: 2})
		if err := b.Shrink(t.Context(), tail); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		check(2 * time.Minute)
		tail.Drop(headOf(tail))
		check(0)
	})
}

func TestATailKeepsDeletionsWhilePagesMayBeCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tail, fold := newSmallTail(Bounds{Deletes: time.Minute})
		p := fold(UserID{15: 1})
		del := Record{Kind: kindDeleted, At: tail.Reach().Posts[0], Actor: p.Author, PostID: p.ID}
		tail.Fold(PostsTopic, del, false)
		for _, tt := range []struct {
			wait time.Duration
			want bool
		}{{0, true}, {30 * time.Second, true}, {31 * time.Second, false}} {
			time.Sleep(tt.wait)
			fold(UserID{15: 2}) // so that there is something to drop
			tail.Drop(headOf(tail))
			pin := tail.Pin()
			if _, deleted := pin.post(p.ID); deleted != tt.want {
				t.Errorf("the tail has the deletion: %v, want %v", deleted, tt.want)
			}
			pin.Release()
		}
	})
}

func TestListsThatAreReadLeastGoFirst(t *testing.T) {
	list := newCelebrity(make([]Entry, 10), false)
	tail, _ := newSmallTail(Bounds{Celebrities: 3 * list.bytes()})
	pin := tail.Pin()
	defer pin.Release()
	user := func(n int) UserID { return UserID{15: byte(n)} }
	for n := range 3 {
		pin.keepCelebrity(user(n), newCelebrity(make([]Entry, 10), false))
	}
	tail.celebrity(user(0))
	tail.celebrity(user(2))
	pin.keepCelebrity(user(3), list)
	for n, want := range []bool{true, false, true, true} {
		if got := tail.celebrities.lists[user(n)] != nil; got != want {
			t.Errorf("the list of author %d is there: %v, want %v", n, got, want)
		}
	}
	if most := tail.celebrities.most; tail.celebrities.bytes != most {
		t.Errorf("the lists have %d bytes, want %d", tail.celebrities.bytes, most)
	}
}

func TestAPageBeyondTheBoundOfPullsSaysSoAndBeginsAgain(t *testing.T) {
	tail, fold := newSmallTail(Bounds{})
	posts, user := NewMemoryPosts(), UserID{15: 1}
	if err := posts.Insert(t.Context(), *fold(user)); err != nil {
		t.Fatal(err)
	}
	tail.Drop(headOf(tail))
	fresh := fold(user)
	r := &Reader{
		Shape: small, Tail: tail, Posts: posts, Graph: NewMemoryGraph(small), Timelines: NewMemoryTimelines(Trim{5, 3}),
		Strategy: Hybrid, Pulls: make(chan struct{}, 1),
	}
	r.Pulls <- struct{}{} // another page pulls
	page, err := r.Read(t.Context(), user, Cursor{}, 5)
	if err != nil || page.State != Rebuilding || len(page.Posts) != 1 || page.Posts[0].ID != fresh.ID || page.Next.Posts == nil {
		t.Fatalf("Read = %+v, %v; want what the tail has, rebuilding, with a next", page, err)
	}
	<-r.Pulls
	for range 2 { // the slot is given back
		again, err := r.Read(t.Context(), user, page.Next, 5)
		if err != nil || again.State != Complete || len(again.Posts) != 2 || again.Next.Posts != nil {
			t.Errorf("Read of next = %+v, %v; want both posts, complete", again, err)
		}
	}
}

func TestReadersArePresentOnceADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := eventlog.NewMemory()
		if err := log.Create(t.Context(), GraphTopic, 1); err != nil {
			t.Fatal(err)
		}
		p := NewPresence(log, nil)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = p.Run(ctx) }()
		for _, tt := range []struct {
			wait     time.Duration
			baseless bool
			want     int64
		}{{0, false, 1}, {time.Hour, false, 1}, {0, true, 2}, {30 * time.Second, true, 2}, {31 * time.Second, true, 3}, {24 * time.Hour, false, 4}} {
			time.Sleep(tt.wait)
			p.Note(UserID{15: 1}, Page{Baseless: tt.baseless})
			synctest.Wait()
			if ends, err := log.Ends(t.Context(), GraphTopic); err != nil || ends[0].Next != tt.want {
				t.Errorf("after %v, baseless %v, the log has %v, %v; want %d records", tt.wait, tt.baseless, ends, err, tt.want)
			}
		}
	})
}
