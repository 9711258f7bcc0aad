package feed

import (
	"context"
	"math"
	"slices"

	"agora/pattern/audit"
)

// feedChecks are the checks of single users and authors.
type feedChecks struct {
	walks     *audit.Check
	timelines *audit.Check
}

// pick returns the users whose feeds are read: authors who are pulled, users with a timeline, and others.
func (r *auditing) pick(ctx context.Context) ([]UserID, error) {
	chosen := r.sample.users()
	if r.users == 0 {
		return chosen, nil
	}
	var famous, based, others []UserID
	for _, user := range chosen {
		_, timeline, err := r.Timelines.Read(ctx, user, r.Shape.GraphOf(user), lastPostID, 1)
		if err != nil {
			return nil, err
		}
		if timeline.Base {
			based = append(based, user)
		} else {
			others = append(others, user)
		}
	}
	celebrities := newSample(r.users)
	for author, m := range r.modes {
		if m.Pulls() {
			celebrities.add(author)
		}
	}
	famous = celebrities.users()
	part := func(list []UserID, share int) []UserID { return list[:min(len(list), max(share, 1))] }
	users := slices.Concat(part(famous, r.users/8), part(others, r.users/4), based, others)
	seen := map[UserID]bool{}
	users = slices.DeleteFunc(users, func(user UserID) bool {
		again := seen[user]
		seen[user] = true
		return again
	})
	return users[:min(len(users), r.users)], nil
}

// feeds walks the feeds of users to their ends, and compares them and their timelines with what posts and edges say.
func (r *auditing) feeds(ctx context.Context) error {
	users, err := r.pick(ctx)
	if err != nil {
		return err
	}
	c := feedChecks{
		walks:     r.report.Begin("feeds", "a walk through a feed to its end shows just the posts of followed authors, newest first"),
		timelines: r.report.Begin("timelines", "a timeline has each pushed post of followed authors above its floor, and no post of others"),
	}
	for n, user := range users {
		rel, err := r.Graph.Relations(ctx, user)
		if err != nil {
			return err
		}
		posts, err := r.postsFor(ctx, user, rel)
		if err != nil {
			return err
		}
		if err := r.walk(ctx, c.walks, user, posts, 5+n%7); err != nil {
			return err
		}
		if err := r.timeline(ctx, c.timelines, user, posts); err != nil {
			return err
		}
	}
	return nil
}

// authoredPost is what an audit remembers of a post for one reader.
type authoredPost struct {
	Entry
	since   Position // of the follow of its author; zero for the reader's own
	deleted bool
	hidden  bool // the reader does not see its author
}

// postsFor returns all posts of the reader and of the authors whom the reader follows, newest first. It is written as
// simply as possible: it is what the Reader is compared with.
func (r *auditing) postsFor(ctx context.Context, user UserID, rel Relations) ([]authoredPost, error) {
	hidden := map[UserID]bool{}
	for _, e := range rel.Mutes {
		hidden[e.To] = true
	}
	for _, e := range rel.Blocks {
		hidden[e.From], hidden[e.To] = true, true
	}
	hidden[user] = false
	since := map[UserID]Position{}
	for _, e := range rel.Follows {
		since[e.To] = e.Since
	}
	since[user] = 0
	var posts []authoredPost
	for author, at := range since {
		err := r.eachPostOf(ctx, author, func(p Post) {
			posts = append(posts, authoredPost{Entry: p.Entry(), since: at, deleted: p.Deleted != 0, hidden: hidden[author]})
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(posts, func(a, b authoredPost) int { return b.Post.Compare(a.Post) })
	return posts, nil
}

// eachPostOf calls visit for each post of an author.
func (r *auditing) eachPostOf(ctx context.Context, author UserID, visit func(Post)) error {
	before := lastPostID
	for {
		lists, err := r.Posts.ByAuthor(ctx, AuthorRange{Author: author, Before: before, Limit: auditPage})
		if err != nil {
			return err
		}
		ids := make([]PostID, len(lists[0]))
		for i, e := range lists[0] {
			ids[i] = e.Post
		}
		posts, err := r.Posts.Get(ctx, ids...)
		if err != nil {
			return err
		}
		for _, p := range posts {
			visit(p)
		}
		if len(ids) < auditPage {
			return nil
		}
		before = ids[len(ids)-1]
	}
}

// walk reads a feed page by page and compares it with posts. Pages are small at first and grow, so that long feeds end too.
func (r *auditing) walk(ctx context.Context, check *audit.Check, user UserID, posts []authoredPost, limit int) error {
	check.Compared++
	var want []PostID
	for _, p := range posts {
		if !p.hidden && !p.deleted && p.At != 0 {
			want = append(want, p.Post)
		}
	}
	var from Cursor
	for pages := 1; ; pages++ {
		page, err := r.Reader.Read(ctx, user, from, limit)
		if err != nil {
			return err
		}
		if page.State != Complete {
			check.Differ("page %d of the feed of %s is %s", pages, user, page.State)
			return nil
		}
		if !page.AsOf.Posts.Includes(r.end.Posts) {
			check.Differ("page %d of the feed of %s is as of %v; the log ends at %v", pages, user, page.AsOf.Posts, r.end.Posts)
		}
		for i, p := range page.Posts {
			if i >= len(want) || p.ID != want[i] {
				check.Differ("page %d of the feed of %s shows %s, want %s", pages, user, p.ID, nth(want, i))
				return nil
			}
		}
		want = want[len(page.Posts):]
		if page.Next.Posts == nil {
			break
		}
		if len(page.Posts) == 0 {
			check.Differ("page %d of the feed of %s is empty, and not the last", pages, user)
			return nil
		}
		from = page.Next
		if pages%4 == 0 {
			limit = min(2*limit, auditPage)
		}
	}
	if len(want) > 0 {
		check.Differ("the feed of %s ends before %s and %d posts after it", user, want[0], len(want)-1)
	}
	return nil
}

func nth(ids []PostID, i int) string {
	if i < len(ids) {
		return ids[i].String()
	}
	return "the end"
}

// timeline compares a stored timeline with the posts that have to be in it, and with those that may be.
func (r *auditing) timeline(ctx context.Context, check *audit.Check, user UserID, posts []authoredPost) error {
	partition := r.Shape.GraphOf(user)
	row, timeline, err := r.Timelines.Read(ctx, user, partition, lastPostID, math.MaxInt)
	if err != nil || !timeline.Base || r.Strategy == Pull {
		return err
	}
	check.Compared++
	held := make(map[PostID]Position, len(timeline.Entries))
	for i, e := range timeline.Entries {
		if i > 0 && e.Post.Compare(timeline.Entries[i-1].Post) >= 0 {
			check.Differ("the timeline of %s has %s after %s", user, e.Post, timeline.Entries[i-1].Post)
		}
		held[e.Post] = e.At
	}
	for _, p := range posts {
		at, ok := held[p.Post]
		delete(held, p.Post)
		switch {
		case ok && at != p.At && p.At != 0:
			check.Differ("the timeline of %s has %s at %v, and the post is at %v", user, p.Post, at, p.At)
		case !ok && r.belongs(p, row, timeline.Floor):
			check.Differ("the timeline of %s lacks %s of %s at %v", user, p.Post, p.Author, p.At)
		}
	}
	var others []Entry
	for _, e := range timeline.Entries {
		if _, ok := held[e.Post]; ok {
			others = append(others, e)
		}
	}
	return r.strangers(ctx, check, user, others)
}

// belongs reports whether a timeline has to have a post.
func (r *auditing) belongs(p authoredPost, row Row, floor PostID) bool {
	if p.deleted || p.Post.Compare(floor) <= 0 || p.since >= row.Graph && p.since != 0 {
		return false
	}
	pushed := r.Strategy == Push || !r.modes[p.Author].pulled(p.At)
	return p.At != 0 && pushed && row.Posts.Covers(r.Shape.PostsOf(p.Author), p.At)
}

// strangers checks entries whose authors the user does not follow: they are left of follows of before.
func (r *auditing) strangers(ctx context.Context, check *audit.Check, user UserID, entries []Entry) error {
	for some := range slices.Chunk(entries, auditPage) {
		ids, keys := make([]PostID, len(some)), make([]EdgeKey, len(some))
		for i, e := range some {
			ids[i], keys[i] = e.Post, EdgeKey{Follow, user, e.Author}
		}
		posts, err := r.Posts.Get(ctx, ids...)
		if err != nil {
			return err
		}
		edges, err := r.Graph.Edges(ctx, keys...)
		if err != nil {
			return err
		}
		authors, followed := map[PostID]UserID{}, map[UserID]bool{user: true}
		for _, p := range posts {
			authors[p.ID] = p.Author
		}
		for _, e := range edges {
			followed[e.To] = true
		}
		for _, e := range some {
			author, ok := authors[e.Post]
			switch {
			case !ok:
				check.Differ("the timeline of %s has %s, which is not stored", user, e.Post)
			case author != e.Author:
				check.Differ("the timeline of %s has %s as a post of %s, and %s wrote it", user, e.Post, e.Author, author)
			case !followed[e.Author]:
				check.Differ("the timeline of %s has %s of %s, whom the user has never followed", user, e.Post, e.Author)
			}
		}
	}
	return nil
}
