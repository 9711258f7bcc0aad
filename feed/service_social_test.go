package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/guard"
)

// serving is a world with a server that answers requests: its tail and its worker run.
type serving struct {
	*working
	*Service
	stop func()
}

// registered are users with an account: those whose last byte is below it.
type registered byte

func (r registered) Exists(_ context.Context, user UserID) (bool, error) {
	return user[15] < byte(r), nil
}

// shelf holds products by identifier.
type shelf map[string]Product

func (s shelf) Products(_ context.Context, ids ...string) (map[string]Product, error) {
	found := map[string]Product{}
	for _, id := range ids {
		if p, ok := s[id]; ok {
			found[id] = p
		}
	}
	return found, nil
}

func newServing(t *testing.T) *serving {
	w := newWorking(t)
	worker := w.worker(nil)
	ctx, cancel := context.WithCancel(t.Context())
	tail, err := worker.Builder.OpenTail(ctx)
	if err != nil {
		t.Fatal(err)
	}
	follower := *worker.Builder
	presence := NewPresence(w.log, nil)
	go func() { _ = follower.RunTail(ctx, tail) }()
	go func() { _ = presence.Run(ctx) }()
	end := w.start(worker)
	return &serving{working: w, stop: func() { end(); cancel(); synctest.Wait() }, Service: &Service{
		Shape: w.shape, Epoch: 1, Log: w.log, Posts: w.posts, Graph: w.graph, Timelines: w.timelines, Tail: tail, Strategy: Push,
		Reader: &Reader{Shape: w.shape, Tail: tail, Posts: w.posts, Graph: w.graph, Timelines: w.timelines, Strategy: Push},
		Users:  registered(100), Presence: presence,
	}}
}

func (s *serving) set(kind EdgeKind, from, to UserID, on bool) {
	s.t.Helper()
	if _, err := s.Set(s.t.Context(), EdgeKey{kind, from, to}, on); err != nil {
		s.t.Fatal(err)
	}
}

func (s *serving) publish(author UserID, n NewPost) Post {
	s.t.Helper()
	p, _, err := s.Post(s.t.Context(), author, n, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// walk reads a list to its end in pages of two.
func walk[T any](t *testing.T, page func(cursor string) ([]T, string, error)) (all []T) {
	t.Helper()
	for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
		items, next, err := page(cursor)
		if err != nil || pages > 100 || next != "" && len(items) == 0 {
			t.Fatalf("page %d: %d items, next %q, %v", pages, len(items), next, err)
		}
		all, cursor = append(all, items...), next
	}
	return all
}

// faultOf returns the classified error of err, or an empty one.
func faultOf(err error) *fault.Error {
	if found, ok := errors.AsType[*fault.Error](err); ok {
		return found
	}
	return &fault.Error{}
}

func user(n byte) UserID { return UserID{0: n, 15: n} }

func TestListsHideWhoBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServing(t)
		defer s.stop()
		owner, visitor, friend, enemy := user(1), user(2), user(3), user(4)
		for _, other := range []UserID{visitor, friend, enemy, user(5), user(6)} {
			s.set(Follow, owner, other, true)
			s.set(Follow, other, owner, true)
		}
		s.set(Block, enemy, visitor, true)
		s.set(Follow, owner, user(6), false)
		s.set(Follow, user(6), owner, false)
		time.Sleep(10 * time.Second) // a run
		following := func(reader UserID) []UserID {
			return walk(t, func(cursor string) ([]UserID, string, error) {
				list, err := s.Following(t.Context(), reader, owner, cursor, 2)
				return list.Users, list.Next, err
			})
		}
		followers := func(reader UserID) []UserID {
			found := walk(t, func(cursor string) ([]UserID, string, error) {
				list, err := s.Followers(t.Context(), reader, owner, cursor, 2)
				return list.Users, list.Next, err
			})
			slices.SortFunc(found, UserID.Compare)
			return found
		}
		everyone, withoutEnemy := []UserID{visitor, friend, enemy, user(5)}, []UserID{visitor, friend, user(5)}
		for _, tt := range []struct {
			reader UserID
			want   []UserID
		}{{UserID{}, everyone}, {owner, everyone}, {friend, everyone}, {visitor, withoutEnemy}} {
			if got := following(tt.reader); !slices.Equal(got, tt.want) {
				t.Errorf("Following as %v = %v, want %v", tt.reader, got, tt.want)
			}
			if got := followers(tt.reader); !slices.Equal(got, tt.want) {
				t.Errorf("Followers as %v = %v, want %v", tt.reader, got, tt.want)
			}
		}
		s.set(Block, owner, friend, true)
		if got := following(UserID{}); !slices.Equal(got, []UserID{visitor, enemy, user(5)}) {
			t.Errorf("after a block, Following = %v", got)
		}
		for _, list := range []func() error{
			func() error { _, err := s.Following(t.Context(), friend, owner, "", 2); return err },
			func() error { _, err := s.Followers(t.Context(), friend, owner, "", 2); return err },
			func() error { _, err := s.PostsBy(t.Context(), friend, owner, "", 2); return err },
			func() error { _, err := s.PostsBy(t.Context(), UserID{}, user(200), "", 2); return err },
		} {
			if err := list(); !fault.Is(err, fault.NotFound) {
				t.Errorf("a list of somebody who blocks the reader, or who does not exist, answers %v", err)
			}
		}
	})
}

func TestPostsOfAnAuthorComeFromTailAndStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServing(t)
		defer s.stop()
		author := user(1)
		var want []PostID
		for i := range 7 {
			time.Sleep(time.Second)
			if i == 4 {
				s.Posts = &awayPosts{PostStore: s.posts} // what follows is in the tail only
			}
			p := s.publish(author, NewPost{Text: fmt.Sprint(i)})
			if i == 2 || i == 5 {
				if _, err := s.Delete(t.Context(), author, false, p.ID); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want = append([]PostID{p.ID}, want...)
		}
		got := walk(t, func(cursor string) (ids []PostID, next string, err error) {
			list, err := s.PostsBy(t.Context(), UserID{}, author, cursor, 2)
			for _, p := range list.Posts {
				ids = append(ids, p.ID)
			}
			return ids, list.Next, err
		})
		if !slices.Equal(got, want) {
			t.Errorf("PostsBy = %v, want %v", got, want)
		}
	})
}

// awayPosts is a store that refuses writes.
type awayPosts struct{ PostStore }

func (awayPosts) Insert(context.Context, ...Post) error {
	return fault.New(fault.Unavailable, "", "the store is away")
}

func (awayPosts) Delete(context.Context, ...Deletion) error {
	return fault.New(fault.Unavailable, "", "the store is away")
}

func TestAnEdgeNeedsAUserWhoAllowsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServing(t)
		defer s.stop()
		s.set(Block, user(2), user(1), true)
		for _, tt := range []struct {
			key  EdgeKey
			on   bool
			want fault.Kind
		}{
			{EdgeKey{Follow, user(1), user(2)}, true, fault.NotFound},
			{EdgeKey{Follow, user(1), user(2)}, false, fault.Internal},
			{EdgeKey{Mute, user(1), user(2)}, true, fault.Internal},
			{EdgeKey{Block, user(1), user(2)}, true, fault.Internal},
			{EdgeKey{Follow, user(1), user(200)}, true, fault.NotFound},
			{EdgeKey{Follow, user(1), user(200)}, false, fault.Internal},
			{EdgeKey{Follow, user(1), user(1)}, true, fault.Invalid},
		} {
			_, err := s.Set(t.Context(), tt.key, tt.on)
			if (err == nil) != (tt.want == fault.Internal) || err != nil && fault.KindOf(err) != tt.want {
				t.Errorf("Set(%v, %v) = %v, want %v", tt.key, tt.on, err, tt.want)
			}
		}
		s.Users = registered(255)
		for i := range MaxEdges {
			s.working.append(GraphTopic, EdgeRecord(EdgeKey{Follow, user(9), UserID{0: 7, 13: byte(i >> 8), 14: byte(i), 15: 1}}, true, time.Now()))
		}
		time.Sleep(10 * time.Second)
		if _, err := s.Set(t.Context(), EdgeKey{Follow, user(9), user(3)}, true); fault.CodeOf(err) != "too_many" {
			t.Errorf("a follow over the limit answers %v", err)
		}
		if _, err := s.Set(t.Context(), EdgeKey{Mute, user(9), user(3)}, true); err != nil {
			t.Errorf("a mute of a user with many follows answers %v", err)
		}
	})
}

func TestDeliveryCountsFollowersWhoHaveThePost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServing(t)
		defer s.stop()
		author := user(1)
		for n := byte(2); n < 12; n++ {
			s.set(Follow, user(n), author, true)
		}
		time.Sleep(11 * time.Second) // between two runs
		p := s.publish(author, NewPost{Text: "text"})
		time.Sleep(time.Second)
		d, err := s.Delivery(t.Context(), author, false, p.ID)
		if want := (Delivery{Push, 10, 0, time.Since(p.CreatedAt)}); err != nil || d != want {
			t.Errorf("before a run, Delivery = %+v, %v; want %+v", d, err, want)
		}
		time.Sleep(10 * time.Second)
		d, err = s.Delivery(t.Context(), user(2), true, p.ID)
		if want := (Delivery{Push, 10, 10, 0}); err != nil || d != want {
			t.Errorf("after a run, Delivery = %+v, %v; want %+v", d, err, want)
		}
		if _, err := s.Delivery(t.Context(), user(2), false, p.ID); !fault.Is(err, fault.Denied) {
			t.Errorf("Delivery of a foreign post answers %v", err)
		}
		s.Strategy = Pull
		d, err = s.Delivery(t.Context(), author, false, p.ID)
		if want := (Delivery{Pull, 10, 10, 0}); err != nil || d != want {
			t.Errorf("of a post that is pulled, Delivery = %+v, %v; want %+v", d, err, want)
		}
	})
}

func TestAPostNeedsItsProductItsParentAndPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServing(t)
		defer s.stop()
		const lamp, gone = "prd_01jd8q6m3k9v2n4x7y5z8w1t0c", "prd_01jd8q6m3k9v2n4x7y5z8w1t0d"
		product := Product{ID: lamp, Name: "Lamp", Price: Price{1999, "GBP"}, Stock: 3}
		s.Products = shelf{lamp: product}
		parent := s.publish(user(1), NewPost{Text: "with a lamp", Product: lamp})
		if found, ok := s.ProductsOf(t.Context(), parent, Post{Product: gone}, parent); !ok || len(found) != 1 || found[lamp] != product {
			t.Errorf("ProductsOf = %v, %v", found, ok)
		}
		s.set(Block, user(1), user(2), true)
		for _, tt := range []struct {
			post  NewPost
			field string
		}{
			{NewPost{Text: "text", Product: gone}, "product_id"},
			{NewPost{Text: "text", Product: "lamp"}, "product_id"},
			{NewPost{Text: "text", ReplyTo: NewPostID()}, "reply_to"},
			{NewPost{Text: "text", ReplyTo: parent.ID}, "reply_to"}, // its author blocks
			{NewPost{}, "text"},
		} {
			_, _, err := s.Post(t.Context(), user(2), tt.post, "")
			if fields := faultOf(err).Fields; len(fields) != 1 || fields[0].Name != tt.field {
				t.Errorf("Post(%+v) = %v, want an error of %s", tt.post, err, tt.field)
			}
		}
		s.Products = nil
		if _, _, err := s.Post(t.Context(), user(1), NewPost{Text: "text", Product: lamp}, ""); !fault.Is(err, fault.Invalid) {
			t.Errorf("a post with a product where there is no shop answers %v", err)
		}
		s.Posting = guard.NewLocal(1, 2, 10)
		s.publish(user(3), NewPost{Text: "1"})
		s.publish(user(3), NewPost{Text: "2"})
		_, _, err := s.Post(t.Context(), user(3), NewPost{Text: "3"}, "")
		if !fault.Is(err, fault.Exhausted) || faultOf(err).RetryAfter != time.Second {
			t.Errorf("a third post at once answers %v", err)
		}
	})
}

func TestAPageWaitsForWhatItsReaderHasWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServing(t)
		defer s.stop()
		_, reach, err := s.Post(t.Context(), user(1), NewPost{Text: "text"}, "")
		if err != nil {
			t.Fatal(err)
		}
		page, err := s.Home(t.Context(), user(1), HomeQuery{After: reach.Encode(), Limit: 10})
		if err != nil || len(page.Posts) != 1 {
			t.Errorf("Home = %+v, %v; want the post", page, err)
		}
		if _, err := s.Home(t.Context(), user(1), HomeQuery{After: page.AsOf.Encode(), Limit: 10}); err != nil {
			t.Errorf("Home after the as_of of a page = %v", err)
		}
		ahead := Reach{reach.Posts, reach.Graph.with(0, At(1, 1000))}
		start := time.Now()
		_, err = s.Home(t.Context(), user(1), HomeQuery{After: ahead.Encode(), Limit: 10})
		if !fault.Is(err, fault.Unavailable) || faultOf(err).RetryAfter != time.Second || time.Since(start) != maxWait {
			t.Errorf("Home after what is not there answers %v after %v", err, time.Since(start))
		}
		for _, q := range []HomeQuery{{After: "x"}, {Cursor: "x"}} {
			if _, err := s.Home(t.Context(), user(1), q); !fault.Is(err, fault.Invalid) {
				t.Errorf("Home(%+v) = %v", q, err)
			}
		}
	})
}

// awayTimelines is a store that cannot be reached.
type awayTimelines struct{ TimelineStore }

func (awayTimelines) Read(context.Context, UserID, int, PostID, int) (Row, Timeline, error) {
	return Row{}, Timeline{}, fault.New(fault.Unavailable, "", "the store is away")
}

func TestAPageIsPulledWhileTheTimelinesAreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServing(t)
		defer s.stop()
		s.set(Follow, user(1), user(2), true)
		p := s.publish(user(2), NewPost{Text: "text"})
		time.Sleep(10 * time.Second) // the post is in no tail any more
		s.Reader.Timelines = awayTimelines{s.timelines}
		page, err := s.Home(t.Context(), user(1), HomeQuery{Limit: 10})
		if err != nil || len(page.Posts) != 1 || page.Posts[0].ID != p.ID || page.State != Complete || page.Baseless {
			t.Errorf("Home = %+v, %v; want the post", page, err)
		}
	})
}

func TestAnErasedUserLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServing(t)
		defer s.stop()
		gone, fan, idol, enemy := user(1), user(2), user(3), user(4)
		s.set(Follow, fan, gone, true)
		s.set(Follow, gone, idol, true)
		s.set(Mute, gone, user(5), true)
		s.set(Block, enemy, gone, true)
		for range 3 {
			s.publish(gone, NewPost{Text: "text"})
		}
		s.publish(idol, NewPost{Text: "text"})
		if _, err := s.Home(t.Context(), gone, HomeQuery{Limit: 10}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if s.working.entries(gone) < 1 {
			t.Fatal("the user has no timeline")
		}
		if err := s.Erase(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if got := s.working.entries(gone); got != -1 {
			t.Errorf("the timeline has %d entries", got)
		}
		edges, err := s.edges(t.Context(), gone)
		for key, e := range edges {
			if e.On {
				t.Errorf("the edge %v is on", key)
			}
		}
		counts, countsErr := s.graph.Counts(t.Context(), gone)
		for _, c := range slices.Concat(counts...) {
			if c.Followers != 0 {
				t.Errorf("%d followers are counted", c.Followers)
			}
		}
		list, listErr := s.PostsBy(t.Context(), UserID{}, gone, "", 10)
		page, pageErr := s.Home(t.Context(), fan, HomeQuery{Limit: 10})
		if err != nil || countsErr != nil || listErr != nil || pageErr != nil || len(list.Posts)+len(page.Posts) != 0 {
			t.Errorf("posts of the user: %v, in the home timeline of a follower: %v; %v, %v, %v, %v", list, page.Posts, err, countsErr, listErr, pageErr)
		}
		if err := s.Erase(t.Context(), gone); err != nil {
			t.Errorf("the second Erase = %v", err)
		}
	})
}
