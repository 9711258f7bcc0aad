package feed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
)

const (
	liveAuthors = 20
	liveFollows = 5 // authors whom a reader follows
)

// liveServer is a server with a hub.
type liveServer struct {
	service *Service
	hub     *Hub
}

func liveAuthor(n int) UserID { return UserID{14: 1, 15: byte(n)} }
func liveReader(n int) UserID { return UserID{13: 1, 14: byte(n >> 8), 15: byte(n)} }

// startServers runs servers that share a log and stores until the test ends. One of them builds timelines, so that the tails
// drop what is in them.
func startServers(t *testing.T, n int) []liveServer {
	shape := Shape{Posts: 4, Graph: 4}
	log, posts, graph, timelines := eventlog.NewMemory(), NewMemoryPosts(), NewMemoryGraph(shape), NewMemoryTimelines(Trim{1000, 800})
	if _, err := (Epochs{shape, log, graph}).Open(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	builder := func() *Builder {
		return &Builder{
			Shape: shape, Epoch: 1, Log: log, Posts: posts, Graph: graph, Timelines: timelines, Strategy: Hybrid,
			Threshold: Threshold{Up: 50, Down: 40}, Trim: Trim{1000, 800}, Records: 100, Operands: 1000, CacheBytes: 1 << 20,
			Bounds: Bounds{Relations: 1 << 20, Posts: 20 * postBytes, Celebrities: 1 << 20},
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var loops sync.WaitGroup
	run := func(work func(context.Context) error) {
		loops.Go(func() {
			if err := work(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("a loop of a server ended with %v", err)
			}
		})
	}
	t.Cleanup(func() {
		stop()
		loops.Wait()
	})
	var servers []liveServer
	for range n {
		tail, err := builder().OpenTail(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		hub := NewHub(tail, posts, graph, StreamBounds{Authors: 100, Missed: 100_000, Pulls: make(chan struct{}, 4)}, nil)
		run(func(ctx context.Context) error { return builder().RunTail(ctx, tail) })
		run(hub.Run)
		run(func(ctx context.Context) error { // faster than RunTail does it
			for ctx.Err() == nil {
				if head, ok, err := timelines.Head(ctx); err == nil && ok {
					tail.Drop(head)
				}
				if err := builder().Shrink(ctx, tail); err != nil {
					return err
				}
				time.Sleep(time.Millisecond)
			}
			return nil
		})
		service := &Service{Shape: shape, Epoch: 1, Log: log, Posts: posts, Graph: graph, Timelines: timelines, Tail: tail, Users: everyone{}}
		servers = append(servers, liveServer{service, hub})
	}
	run((&Worker{Builder: builder(), Every: 100 * time.Millisecond, Deliveries: 100, IdleAfter: time.Hour}).Run)
	return servers
}

// TestStreamsThatAreCutLackNothing cuts many streams at random, and continues each at another server, while authors post and delete.
func TestStreamsThatAreCutLackNothing(t *testing.T) {
	readers, cuts, posts := 200, 20, 100
	if testing.Short() {
		readers, cuts, posts = 40, 5, 30
	}
	servers := startServers(t, 2)
	for n := range readers {
		for i := range liveFollows {
			key := EdgeKey{Follow, liveReader(n), liveAuthor((n + i*i) % liveAuthors)}
			if _, err := servers[n%2].service.Set(t.Context(), key, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	streams := make([]*Stream, readers)
	for n := range readers {
		s, err := servers[n%2].hub.Open(t.Context(), liveReader(n), "")
		if err != nil {
			t.Fatal(err)
		}
		streams[n] = s
	}
	var all sync.WaitGroup
	for n := range readers {
		all.Go(func() {
			r := &cutReader{t: t, servers: servers, user: liveReader(n), stream: streams[n], cuts: cuts, last: map[UserID]int{}}
			r.run(posts)
		})
	}
	for n := range liveAuthors {
		all.Go(func() {
			s := servers[n%2].service
			for i := range posts {
				p, _, err := s.Post(t.Context(), liveAuthor(n), NewPost{Text: fmt.Sprint(i)}, "")
				if err == nil && i%7 == 3 {
					_, err = s.Delete(t.Context(), liveAuthor(n), false, p.ID)
				}
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
			}
		})
	}
	all.Wait()
}

// cutReader reads the posts of the authors whom a user follows, which have the texts 0, 1, 2 …
type cutReader struct {
	t       *testing.T
	servers []liveServer
	user    UserID
	stream  *Stream
	cuts    int
	last    map[UserID]int // the next number of each author
	gone    map[PostID]bool
}

func (r *cutReader) run(posts int) {
	defer func() { r.stream.Close() }()
	until := 1 + rand.IntN(10)
	r.gone = map[PostID]bool{}
	for n := 0; !r.done(posts); n++ {
		if n == until && r.cuts > 0 {
			r.cuts--
			until = n + 1 + rand.IntN(3*posts/10)
			if !r.cut() {
				return
			}
		}
		e, err := r.stream.Next(r.t.Context())
		if err != nil {
			r.t.Errorf("the stream of %v ended with %v", r.user, err)
			return
		}
		if !r.take(e) {
			return
		}
	}
}

// cut goes on with a stream of any server.
func (r *cutReader) cut() bool {
	cursor := r.stream.Cursor()
	r.stream.Close()
	for {
		s, err := r.servers[rand.IntN(len(r.servers))].hub.Open(r.t.Context(), r.user, cursor)
		if err == nil {
			r.stream = s
			return true
		}
		if !fault.Is(err, fault.Unavailable) {
			r.t.Errorf("a stream of %v is not continued: %v", r.user, err)
			return false
		}
	}
}

// take checks that an event is the next one of its author. A post that is deleted may be left out.
func (r *cutReader) take(e Event) bool {
	switch {
	case e.Kind == Deleted:
		if r.gone[e.PostID] {
			r.t.Errorf("%v is deleted twice for %v", e.PostID, r.user)
		}
		r.gone[e.PostID] = true
		return true
	case e.Kind != Posted:
		r.t.Errorf("the stream of %v has the event %v", r.user, e)
		return false
	}
	var number int
	if _, err := fmt.Sscan(e.Post.Text, &number); err != nil {
		r.t.Error(err)
		return false
	}
	next := r.last[e.Post.Author]
	if next%7 == 3 && number == next+1 {
		next++
	}
	if number != next {
		r.t.Errorf("the stream of %v has post %d of %v, want %d", r.user, number, e.Post.Author, next)
		return false
	}
	r.last[e.Post.Author] = number + 1
	return true
}

// done reports whether the last post of all authors has come.
func (r *cutReader) done(posts int) bool {
	n := 0
	for _, next := range r.last {
		if next == posts {
			n++
		}
	}
	return n == liveFollows
}
