package feed

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// oracle is the naive model of a feed: all records that ever counted, by partition.
type oracle struct {
	shape Shape
	posts [][]Record
	graph [][]Record
}

// wanted returns what a walk has to show as of a moment, below an identifier, newest first.
func (o *oracle) wanted(user UserID, asOf AsOf, before PostID) []PostID {
	visible := o.sees(user, asOf.Moment.Graph)
	shown := map[PostID]bool{}
	for p, records := range o.posts {
		for _, r := range records {
			if r.Kind == kindPosted && r.At < asOf.Posts[p] && visible(r.Actor) && r.Post.ID.Compare(before) < 0 {
				shown[r.Post.ID] = true
			}
		}
		for _, r := range records {
			if r.Kind == kindDeleted && r.At < asOf.Moment.Posts[p] {
				delete(shown, r.PostID)
			}
		}
	}
	var ids []PostID
	for id := range shown {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b PostID) int { return b.Compare(a) })
	return ids
}

// sees returns a function that reports whether a user sees posts of an author, as of a reach of the graph.
func (o *oracle) sees(user UserID, reach Vector) func(author UserID) bool {
	edges := map[EdgeKey]bool{}
	for p, records := range o.graph {
		for _, r := range records {
			if key, on, ok := r.Edge(); ok && r.At < reach[p] {
				edges[key] = on
			}
		}
	}
	return func(author UserID) bool {
		if author == user {
			return true
		}
		return edges[EdgeKey{Follow, user, author}] && !edges[EdgeKey{Mute, user, author}] &&
			!edges[EdgeKey{Block, user, author}] && !edges[EdgeKey{Block, author, user}]
	}
}

// check compares a page with the oracle.
func (w *world) check(user UserID, from Cursor, limit int, page Page) {
	w.pages++
	if !page.Baseless {
		w.based++
	}
	before := lastPostID
	if from.Posts != nil {
		before = from.Before
		if !slices.Equal(from.Posts, page.AsOf.Posts) {
			w.fail("a walk as of %v continues as of %v", from.Posts, page.AsOf.Posts)
		}
	}
	if page.State != Complete {
		w.fail("a page is %s", page.State)
	}
	if from.Posts == nil && !page.AsOf.Moment.Posts.Includes(page.AsOf.Posts) {
		w.fail("a page as of %v shows posts of %v", page.AsOf.Moment, page.AsOf.Posts)
	}
	want := w.history.wanted(user, page.AsOf, before)
	var got []PostID
	for _, p := range page.Posts {
		got = append(got, p.ID)
	}
	if n := min(limit, len(want)); !slices.Equal(got, want[:n]) {
		w.fail("the feed of %x as of %v below %x shows\n%s\nwant\n%s", user[15], page.AsOf, before[:8], w.history.describe(got), w.history.describe(want[:n]))
	}
	if more := page.Next.Posts != nil; more != (len(want) > limit) {
		w.fail("a page of %d of %d posts has a next: %v", len(got), len(want), more)
	}
	for p, records := range w.history.posts {
		for _, r := range records {
			if r.Post == nil || r.At.Epoch() != w.epoch || r.Post.Parent.At.Epoch() != w.epoch || !page.AsOf.Posts.Covers(p, r.At) {
				continue
			}
			if !page.AsOf.Posts.Covers(r.Post.Parent.Partition, r.Post.Parent.At) {
				w.fail("a page covers a reply at %d/%v and not its parent at %v", p, r.At, r.Post.Parent)
			}
		}
	}
}

// checkCounts compares the counts of followers with the edges, at rest.
func (w *world) checkCounts() {
	for _, user := range w.users {
		counts, err := w.graph.Counts(context.Background(), user)
		if err != nil {
			w.t.Fatal(err)
		}
		for p, c := range counts[0] {
			followers, err := w.graph.Followers(context.Background(), user, p, UserID{}, 100)
			if err != nil {
				w.t.Fatal(err)
			}
			if int(c.Followers) != len(followers) {
				w.fail("%x is said to have %d followers in partition %d, and has %d", user[15], c.Followers, p, len(followers))
			}
		}
	}
}

// checkModes looks for authors whose mode should have changed, at rest.
func (w *world) checkModes() {
	for _, user := range w.users {
		var followers int64
		for _, c := range w.graph.counts[user] {
			followers += c.Followers
		}
		if modes := w.graph.modes[user]; modes.due(followers, simThreshold) {
			w.fail("%x has %d followers, and modes %v", user[15], followers, modes.Changes)
		}
	}
}

// checkAudit lets the audit look for differences, at rest.
func (w *world) checkAudit() {
	w.graph.starts = []LogStart{{Epoch: w.epoch, Marked: true}}
	tail := w.servers[0].tail
	service := &Service{
		Shape: w.shape, Epoch: w.epoch, Log: w.log, Posts: w.posts, Graph: w.graph, Timelines: w.timelines, Tail: tail, Strategy: w.strategy,
		Reader: &Reader{Shape: w.shape, Tail: tail, Posts: w.posts, Graph: w.graph, Timelines: w.timelines, Strategy: w.strategy},
	}
	report, err := Audit{Service: service, Threshold: simThreshold}.Run(context.Background())
	if err != nil {
		w.fail("%v", err)
	}
	for _, c := range report.Checks {
		if c.Differences > 0 {
			w.fail("the audit finds in %s: %q", c.Name, c.Findings)
		}
	}
}

// restore takes away the records that a log has lost and that no store knows, from an offset on. Those that the log
// still has and no store knows are read again, in the next epoch.
func (o *oracle) restore(w *world, topic string, partition int, kept int64) {
	reached, _, _ := w.graph.Reach(context.Background(), partition)
	list := &o.posts[partition]
	if topic == GraphTopic {
		list = &o.graph[partition]
	}
	var left []Record
	for _, r := range *list {
		stored := r.At < reached.Graph
		switch p := w.posts.posts; {
		case topic == GraphTopic:
		case r.Kind == kindPosted:
			stored = p[r.Post.ID].At != 0 && p[r.Post.ID].At <= r.At
		case r.Kind == kindDeleted:
			stored = p[r.PostID].Deleted != 0 && p[r.PostID].Deleted <= r.At
		default:
			stored = false
		}
		if !stored && r.At.Epoch() == w.epoch && r.At.Offset() >= kept {
			continue
		}
		if !stored {
			r.At = At(w.epoch+1, r.At.Offset())
			if r.Post != nil {
				post := *r.Post
				r.Post, post.At = &post, r.At
			}
		}
		left = append(left, r)
	}
	*list = left
}

// describe returns where the records of posts stand.
func (o *oracle) describe(ids []PostID) string {
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, "  %x %s", id[:10], id)
		for p, records := range o.posts {
			for _, r := range records {
				if r.Post != nil && r.Post.ID == id || r.PostID == id {
					fmt.Fprintf(&b, ", %s of %x at %d/%v", r.Kind, r.Actor[15], p, r.At)
				}
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}
