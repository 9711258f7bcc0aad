package feed

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
)

// Builder writes timelines in runs: it reads the log, and adds to each timeline what its user's authors have pushed.
// For each partition of followers one builder leads. It is the only writer of these followers' edges and timelines,
// so that a follow, its backfill and the posts that come later have one order.
//
// A Builder may be used by one goroutine at a time.
type Builder struct {
	Shape     Shape
	Epoch     Epoch      // of the log
	Starts    []LogStart // of the epochs that the log has had
	Log       eventlog.Log
	Posts     PostStore
	Graph     GraphStore
	Timelines TimelineStore
	Strategy  Strategy
	Threshold Threshold
	Trim      Trim // as the TimelineStore has it
	Records   int  // the most records of a partition that a run takes
	Operands  int  // the most operands of one call of Merge
	Draw      func() uint64
	Now       func() time.Time
}

// Lead is the lead of one partition of followers.
type Lead struct{ fence Fence }

// ErrLogRestored returns the error of a log that ends before what was read of it.
func ErrLogRestored() error {
	return fault.New(fault.Conflict, "log_restored", "the log ends before what was already read of it: it needs a new epoch")
}

// Claim begins to lead a partition. It has to be called again after an error of Run, because a write may still be on
// its way then: the row that Claim writes makes it fail.
func (b *Builder) Claim(ctx context.Context, partition int) (*Lead, error) {
	head, err := b.EnsureHead(ctx)
	if err != nil {
		return nil, err
	}
	fence := Fence{Epoch: head.Epoch, Partition: partition, Row: head.Rows[partition], Merges: AnyMerges}
	to := fence.Row
	to.Writer = b.draw()
	if err := b.Timelines.Advance(ctx, fence, to); err != nil {
		return nil, err
	}
	fence.Row, fence.Merges = to, 0
	return &Lead{fence: fence}, nil
}

func (b *Builder) draw() uint64 {
	if b.Draw != nil {
		return b.Draw()
	}
	return rand.Uint64()
}

func (b *Builder) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

// EnsureHead returns the head of the timelines. It begins new timelines if there is no head, or one of another log or
// another strategy.
func (b *Builder) EnsureHead(ctx context.Context) (Head, error) {
	for {
		head, ok, err := b.Timelines.Head(ctx)
		if err != nil {
			return Head{}, err
		}
		fits, err := b.fits(ctx, head)
		if ok && err == nil && fits {
			return head, nil
		}
		if err != nil {
			return Head{}, err
		}
		next, err := b.newHead(ctx)
		if err != nil {
			return Head{}, err
		}
		if err := b.Timelines.Begin(ctx, head.Epoch, next); err == nil {
			return next, nil
		} else if !fault.Is(err, fault.Stale) {
			return Head{}, err
		}
	}
}

// fits reports whether a head belongs to the log and the strategy.
func (b *Builder) fits(ctx context.Context, head Head) (bool, error) {
	if head.Strategy != b.Strategy || len(head.Rows) != b.Shape.Graph {
		return false, nil
	}
	posts, graph, err := b.ends(ctx)
	if err != nil {
		return false, err
	}
	for p, row := range head.Rows {
		if row.Graph.Epoch() != b.Epoch || len(row.Posts) != b.Shape.Posts {
			return false, nil
		}
		if row.Graph.Offset() > graph[p].Next {
			return false, ErrLogRestored()
		}
		for q, at := range row.Posts {
			if at.Offset() > posts[q].Next {
				return false, ErrLogRestored()
			}
		}
	}
	return true, nil
}

func (b *Builder) ends(ctx context.Context) (posts, graph []eventlog.Bounds, err error) {
	if posts, err = b.Log.Ends(ctx, PostsTopic); err != nil {
		return nil, nil, err
	}
	graph, err = b.Log.Ends(ctx, GraphTopic)
	return posts, graph, err
}

// newHead returns a head that begins where the other stores have reached.
func (b *Builder) newHead(ctx context.Context) (Head, error) {
	posts, graph, err := b.ends(ctx)
	if err != nil {
		return Head{}, err
	}
	head := Head{Epoch: b.draw(), Strategy: b.Strategy, Rows: make([]Row, b.Shape.Graph)}
	for p := range head.Rows {
		reached, ok, err := b.Graph.Reach(ctx, p)
		if err != nil {
			return Head{}, err
		}
		if !ok {
			reached.Posts = make(Vector, b.Shape.Posts)
		}
		row := Row{Writer: b.draw(), Posts: make(Vector, b.Shape.Posts), Graph: b.within(GraphTopic, p, reached.Graph, graph[p])}
		for q, at := range reached.Posts {
			row.Posts[q] = b.within(PostsTopic, q, at, posts[q])
		}
		head.Rows[p] = row
	}
	return head, nil
}

// within returns the position in this log that corresponds to one that may be of an earlier epoch. Of that epoch, the
// log has what was there when each of the later ones began: other records have these offsets now.
func (b *Builder) within(topic string, partition int, at Position, bounds eventlog.Bounds) Position {
	offset := at.Offset()
	for _, s := range b.Starts {
		if s.Epoch > at.Epoch() {
			offset = min(offset, s.Ends.of(topic)[partition].Offset())
		}
	}
	return At(b.Epoch, max(offset, bounds.Oldest))
}

// run is one run for several partitions of followers.
type run struct {
	*Builder
	from, cut Vector           // which posts it reads
	records   []Record         // of the topic of posts, by partition
	modes     map[UserID]Modes // of the authors of records, as the store and the records have them
	judged    map[UserID]bool  // authors whose mode may be due
}

// Run takes the next records of the log into the timelines of the partitions that it leads, and reports whether there
// were any.
//
// All stores are written before the rows move, and each write can be repeated: a run that crashes is done again by
// the next leader, with other bounds.
func (b *Builder) Run(ctx context.Context, leads ...*Lead) (worked bool, err error) {
	r := &run{Builder: b, judged: map[UserID]bool{}, modes: map[UserID]Modes{}}
	for _, l := range leads {
		if r.from == nil {
			r.from = slices.Clone(l.fence.Row.Posts)
		} else {
			r.from = lower(r.from, l.fence.Row.Posts)
		}
	}
	if err := r.readPosts(ctx); err != nil {
		return false, err
	}
	if err := r.storePosts(ctx); err != nil {
		return false, err
	}
	for _, l := range leads {
		did, err := r.partition(ctx, l)
		if err != nil {
			return worked, err
		}
		worked = worked || did
	}
	return worked, nil
}

func (r *run) readPosts(ctx context.Context) error {
	r.cut = slices.Clone(r.from)
	for p, at := range r.from {
		records, err := r.readLog(ctx, PostsTopic, p, at)
		if err != nil {
			return err
		}
		r.records = append(r.records, records...)
		r.cut[p] = at + Position(len(records))
	}
	return nil
}

func (b *Builder) readLog(ctx context.Context, topic string, partition int, at Position) ([]Record, error) {
	messages, err := b.Log.Read(ctx, topic, partition, at.Offset(), b.Records)
	if err != nil {
		return nil, fmt.Errorf("read %s/%d: %w", topic, partition, err)
	}
	records := make([]Record, len(messages))
	for i, m := range messages {
		if records[i], err = Decode(b.Epoch, m); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// storePosts inserts the posts that a crash has left out of the PostStore, deletes those that are still there, and
// stores the changes of modes.
func (r *run) storePosts(ctx context.Context) error {
	var (
		posts   []Post
		deletes []Deletion
		authors []UserID
	)
	for _, rec := range r.records {
		switch rec.Kind {
		case kindPosted:
			posts = append(posts, *rec.Post)
			authors = append(authors, rec.Actor)
		case kindDeleted:
			deletes = append(deletes, Deletion{ID: rec.PostID, Author: rec.Actor, At: rec.At})
		case kindMode:
			r.judged[rec.Actor] = true
			authors = append(authors, rec.Actor)
		}
	}
	if len(posts) > 0 {
		if err := r.Posts.Insert(ctx, posts...); err != nil {
			return fmt.Errorf("insert posts: %w", err)
		}
	}
	if len(deletes) > 0 {
		if err := r.Posts.Delete(ctx, deletes...); err != nil {
			return fmt.Errorf("delete posts: %w", err)
		}
	}
	if len(authors) == 0 {
		return nil
	}
	return r.storeModes(ctx, authors)
}

func (r *run) storeModes(ctx context.Context, authors []UserID) error {
	stored, err := r.Graph.Modes(ctx, authors...)
	if err != nil {
		return fmt.Errorf("read modes: %w", err)
	}
	for _, m := range stored {
		r.modes[m.Author] = m
	}
	changed := map[UserID]bool{}
	for _, rec := range r.records {
		if rec.Kind != kindMode {
			continue
		}
		m := r.modes[rec.Actor]
		m.Author = rec.Actor
		changed[rec.Actor] = m.change(rec.Number, rec.At) || changed[rec.Actor]
		r.modes[rec.Actor] = m
	}
	for _, rec := range r.records {
		if m, ok := r.modes[rec.Actor]; ok && rec.Kind == kindPosted {
			changed[rec.Actor] = m.extend(rec.Post.Entry()) || changed[rec.Actor]
		}
	}
	var put []Modes
	for author, did := range changed {
		if did {
			put = append(put, r.modes[author])
		}
	}
	if len(put) == 0 {
		return nil
	}
	return r.Graph.PutModes(ctx, put...)
}

// pushes reports whether a post is written into timelines.
func (r *run) pushes(author UserID, at Position) bool {
	switch r.Strategy {
	case Push:
		return true
	case Pull:
		return false
	}
	return !r.modes[author].pulled(at)
}

// partition takes the run into the timelines of one partition of followers: first the graph, then what follows and
// returns bring in from the past, then the posts of the run.
func (r *run) partition(ctx context.Context, l *Lead) (bool, error) {
	row := l.fence.Row
	graph, err := r.readLog(ctx, GraphTopic, l.fence.Partition, row.Graph)
	if err != nil {
		return false, err
	}
	to := Row{Writer: row.Writer, Posts: upper(row.Posts, r.cut), Graph: row.Graph + Position(len(graph))}
	if to.equal(row) {
		return false, nil
	}
	follows, err := r.applyGraph(ctx, l.fence.Partition, to, graph)
	if err != nil {
		return false, fmt.Errorf("apply the graph: %w", err)
	}
	if r.Strategy != Pull {
		operands, err := r.operands(ctx, l, graph, follows)
		if err != nil {
			return false, err
		}
		for some := range slices.Chunk(operands, r.Operands) {
			if err := r.Timelines.Merge(ctx, l.fence, some); err != nil {
				return false, fmt.Errorf("merge timelines: %w", err)
			}
			l.fence.Merges++
		}
	}
	if err := r.judge(ctx, graph); err != nil {
		return false, fmt.Errorf("judge modes: %w", err)
	}
	if err := r.Timelines.Advance(ctx, l.fence, to); err != nil {
		return false, fmt.Errorf("advance the row: %w", err)
	}
	l.fence.Row, l.fence.Merges = to, 0
	return true, nil
}

// applyGraph brings the GraphStore to the end of the records, and returns the follows that they have begun.
func (r *run) applyGraph(ctx context.Context, partition int, to Row, records []Record) ([]Edge, error) {
	edges, counts := map[EdgeKey]Edge{}, map[UserID]Count{}
	changes := GraphChanges{Partition: partition, Reach: to}
	var keys []EdgeKey
	for _, rec := range records {
		if key, _, ok := rec.edge(); ok {
			keys = append(keys, key)
			counts[key.To] = Count{}
		} else if rec.Kind == kindReturned {
			changes.Active = append(changes.Active, rec.Actor)
		}
	}
	if len(keys) > 0 {
		known, err := r.Graph.Edges(ctx, keys...)
		if err != nil {
			return nil, err
		}
		for _, e := range known {
			edges[e.EdgeKey] = e
		}
		for user := range counts {
			all, err := r.Graph.Counts(ctx, user)
			if err != nil {
				return nil, err
			}
			counts[user] = all[partition]
		}
	}
	changes.Edges = foldGraph(records, edges, counts)
	for user, c := range counts {
		c.Through = max(c.Through, to.Graph)
		changes.Counts = append(changes.Counts, UserCount{user, c})
	}
	if err := r.Graph.Apply(ctx, changes); err != nil {
		return nil, err
	}
	// Not only edges that this run has changed: an earlier try, or a leader that lost its lead, may have been here.
	var follows []Edge
	from := to.Graph - Position(len(records))
	for key, e := range edges {
		if key.Kind == Follow && e.On && e.Since >= from {
			follows = append(follows, e)
		}
	}
	return follows, nil
}

// operands returns what the run adds to the timelines of a partition.
func (r *run) operands(ctx context.Context, l *Lead, graph []Record, follows []Edge) ([]Operand, error) {
	past, err := r.backfill(ctx, graph, follows)
	if err != nil {
		return nil, fmt.Errorf("backfill: %w", err)
	}
	fresh, err := r.deliveries(ctx, l)
	if err != nil {
		return nil, fmt.Errorf("expand followers: %w", err)
	}
	return append(past, fresh...), nil
}

type delivery struct {
	to    UserID
	entry Entry
}

// deliveries returns the posts of the run, by follower.
func (r *run) deliveries(ctx context.Context, l *Lead) ([]Operand, error) {
	var all []delivery
	followers := map[UserID][]UserID{}
	for _, rec := range r.records {
		if rec.Kind != kindPosted || l.fence.Row.Posts.Covers(rec.Partition, rec.At) || !r.pushes(rec.Actor, rec.At) {
			continue
		}
		to, ok := followers[rec.Actor]
		if !ok {
			var err error
			if to, err = r.expand(ctx, rec.Actor, l.fence.Partition); err != nil {
				return nil, err
			}
			followers[rec.Actor] = to
		}
		for _, user := range to {
			all = append(all, delivery{user, rec.Post.Entry()})
		}
	}
	slices.SortStableFunc(all, func(a, b delivery) int { return a.to.Compare(b.to) })
	var operands []Operand
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].to == all[0].to {
			n++
		}
		o := Operand{User: all[0].to}
		for _, d := range all[:n] {
			o.Entries = append(o.Entries, d.entry)
		}
		o.Entries = sortEntries(o.Entries)
		operands, all = append(operands, o), all[n:]
	}
	return operands, nil
}

// expandAtOnce is how many followers are read with one call.
const expandAtOnce = 10_000

// expand returns the author's followers in a partition, with the author if that is one of its users.
func (r *run) expand(ctx context.Context, author UserID, partition int) ([]UserID, error) {
	var users []UserID
	if r.Shape.GraphOf(author) == partition {
		users = append(users, author)
	}
	var last UserID
	for {
		some, err := r.Graph.Followers(ctx, author, partition, last, expandAtOnce)
		if err != nil {
			return nil, err
		}
		for _, user := range some {
			if user != author {
				users = append(users, user)
			}
		}
		if len(some) < expandAtOnce {
			return users, nil
		}
		last = some[len(some)-1]
	}
}

// backfill returns the past of authors for who has begun to follow them, and whole timelines for who has returned.
// It comes from the PostStore, which has all posts before the cut of the run.
func (r *run) backfill(ctx context.Context, graph []Record, follows []Edge) ([]Operand, error) {
	var operands []Operand
	based := map[UserID]bool{}
	for _, rec := range graph {
		if rec.Kind != kindReturned || based[rec.Actor] {
			continue
		}
		based[rec.Actor] = true
		rel, err := r.Graph.Relations(ctx, rec.Actor)
		if err != nil {
			return nil, err
		}
		authors := []UserID{rec.Actor}
		for _, e := range rel.Follows {
			if e.To != rec.Actor {
				authors = append(authors, e.To)
			}
		}
		past, err := r.past(ctx, authors)
		if err != nil {
			return nil, err
		}
		past.Base = true
		operands = append(operands, Operand{rec.Actor, past})
	}
	for _, e := range follows {
		if based[e.From] {
			continue
		}
		past, err := r.past(ctx, []UserID{e.To})
		if err != nil {
			return nil, err
		}
		operands = append(operands, Operand{e.From, past})
	}
	return operands, nil
}

// past returns the newest pushed posts of authors, with the floor below which some may be missing.
func (r *run) past(ctx context.Context, authors []UserID) (Timeline, error) {
	ranges := make([]AuthorRange, len(authors))
	for i, author := range authors {
		ranges[i] = AuthorRange{Author: author, Before: lastPostID, Limit: r.Trim.Keep}
	}
	lists, err := r.Posts.ByAuthor(ctx, ranges...)
	if err != nil {
		return Timeline{}, err
	}
	if r.Strategy == Hybrid {
		if err := r.readModes(ctx, authors); err != nil {
			return Timeline{}, err
		}
	}
	var past Timeline
	for i, author := range authors {
		list, part := lists[i], Timeline{}
		if len(list) == r.Trim.Keep && len(list) > 0 {
			part.Floor = list[len(list)-1].Post
		}
		for _, e := range list {
			if r.pushes(author, e.At) {
				part.Entries = append(part.Entries, e)
			}
		}
		past = past.Merge(part, r.Trim)
	}
	return past, nil
}

// readModes reads the modes of authors that the run has not read.
func (r *run) readModes(ctx context.Context, authors []UserID) error {
	authors = slices.DeleteFunc(slices.Clone(authors), func(a UserID) bool { _, ok := r.modes[a]; return ok })
	if len(authors) == 0 {
		return nil
	}
	stored, err := r.Graph.Modes(ctx, authors...)
	for _, m := range stored {
		r.modes[m.Author] = m
	}
	return err
}

// judge appends the changes of mode that are due: of authors whose followers have changed, and of those whose mode
// has. It comes before the row moves, so that a crash leaves no change out; several leaders may append the same
// change, of which the first counts.
func (r *run) judge(ctx context.Context, graph []Record) error {
	if r.Strategy != Hybrid {
		return nil
	}
	judged := map[UserID]bool{}
	for author := range r.judged {
		judged[author] = true
	}
	for _, rec := range graph {
		if key, _, ok := rec.edge(); ok && key.Kind == Follow {
			judged[key.To] = true
		}
	}
	for _, author := range slices.SortedFunc(maps.Keys(judged), UserID.Compare) {
		counts, err := r.Graph.Counts(ctx, author)
		if err != nil {
			return err
		}
		var followers int64
		for _, c := range counts {
			followers += c.Followers
		}
		stored, err := r.Graph.Modes(ctx, author)
		if err != nil {
			return err
		}
		modes := Modes{Author: author}
		if len(stored) > 0 {
			modes = stored[0]
		}
		if !modes.due(followers, r.Threshold) {
			continue
		}
		if _, err := r.Log.Append(ctx, PostsTopic, modeRecord(author, len(modes.Changes)+1, r.now())); err != nil {
			return err
		}
	}
	return nil
}
