package generate_test

import (
	"testing"

	"agora/feed"
	"agora/generate"
	"agora/pattern/eventlog"
)

var social = generate.Plan{Products: 30, Users: 3000, Follows: 8, Posts: 2, Seed: 7}

// threshold is low enough for the plan social to have celebrities.
var threshold = feed.Threshold{Up: 300, Down: 240}

func newFeed() *feed.Importer {
	shape := feed.Shape{Posts: 2, Graph: 2}
	return &feed.Importer{
		Shape: shape, Log: eventlog.NewMemory(), Posts: feed.NewMemoryPosts(), Graph: feed.NewMemoryGraph(shape),
		Timelines: feed.NewMemoryTimelines(feed.Trim{Above: 1000, Keep: 800}), Strategy: feed.Hybrid, Threshold: threshold,
	}
}

// reopened returns the importer of a later run.
func reopened(im *feed.Importer) *feed.Importer {
	return &feed.Importer{
		Shape: im.Shape, Log: im.Log, Posts: im.Posts, Graph: im.Graph, Timelines: im.Timelines, Strategy: im.Strategy, Threshold: im.Threshold,
	}
}

func parse[ID any](t *testing.T, read func(string) (ID, error), s string) ID {
	t.Helper()
	id, err := read(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestFollowersAreCounted compares the stored follows, counts and modes with the graph.
func TestFollowersAreCounted(t *testing.T) {
	m := newMarket()
	m.generate(t, social)
	g, followers := social.Graph(), make([]int64, social.Users)
	for i := range social.Users {
		list := g.Followed(i)
		for _, n := range list {
			followers[n]++
		}
		rel, err := m.feed.Graph.Relations(t.Context(), parse(t, feed.ParseUserID, social.UserID(i)))
		if err != nil || len(rel.Follows) != len(list) {
			t.Fatalf("shopper %d follows %d (%v), want %d", i, len(rel.Follows), err, len(list))
		}
	}
	celebrities := 0
	for i, want := range followers {
		id := parse(t, feed.ParseUserID, social.UserID(i))
		counts, err := m.feed.Graph.Counts(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		var got int64
		for _, c := range counts[0] {
			got += c.Followers
		}
		modes, err := m.feed.Graph.Modes(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		pulled := len(modes) == 1 && modes[0].Pulls()
		if got != want || pulled != (want >= threshold.Up) {
			t.Errorf("author %d has %d followers and is pulled: %v; want %d", i, got, pulled, want)
		}
		if pulled {
			celebrities++
		}
	}
	if celebrities == 0 || celebrities > 10 {
		t.Errorf("%d authors are pulled, want a few", celebrities)
	}
}

// TestPostsAreLivedIn looks at what was written: in the order of time, by popular authors more, with all kinds of posts.
func TestPostsAreLivedIn(t *testing.T) {
	m := newMarket()
	m.generate(t, social)
	kinds, byAuthor, last := map[string]int{}, map[feed.UserID]int{}, feed.PostID{}
	for i := range social.Writings() {
		id := parse(t, feed.ParsePostID, social.PostID(i))
		if id.Compare(last) <= 0 {
			t.Errorf("post %d is not later than the one before it", i)
		}
		last = id
		posts, err := m.feed.Posts.Get(t.Context(), id)
		if err != nil || len(posts) != 1 {
			t.Fatalf("post %d: %d posts, %v", i, len(posts), err)
		}
		p := posts[0]
		byAuthor[p.Author]++
		switch {
		case p.Product != "":
			kinds["product"]++
		case p.ReplyTo != feed.PostID{}:
			kinds["reply"]++
			if p.Parent.At == 0 || p.ReplyTo.Compare(p.ID) >= 0 {
				t.Errorf("post %d answers %s at %v, want an earlier post", i, p.ReplyTo, p.Parent)
			}
		case len(p.Media) > 0:
			kinds["media"]++
		default:
			kinds["words"]++
		}
		if p.CreatedAt.Year() != 2025 || p.CreatedAt != p.ID.Made() {
			t.Errorf("post %d was made at %v, and its identifier says %v", i, p.CreatedAt, p.ID.Made())
		}
	}
	n := social.Writings()
	for kind, share := range map[string]float64{"product": 0.2, "reply": 0.14, "media": 0.1, "words": 0.55} {
		if got := float64(kinds[kind]) / float64(n); got < 0.8*share || got > 1.2*share {
			t.Errorf("%.2f of the posts are of the kind %s, want about %.2f", got, kind, share)
		}
	}
	g, popular := social.Graph(), 0
	for rank := range social.Users / 100 {
		popular += byAuthor[parse(t, feed.ParseUserID, social.UserID(g.Author(rank)))]
	}
	if share := float64(popular) / float64(n); share < 0.03 || share > 0.1 {
		t.Errorf("the most popular 1 %% wrote %.3f of the posts, want about 0.055", share)
	}
}
