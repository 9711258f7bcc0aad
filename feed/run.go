package feed

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// run is one run for several partitions of followers.
type run struct {
	*Builder
	from, cut Vector           // which posts it reads
	records   []Record         // of the topic of posts, by partition
	modes     map[UserID]Modes // of the authors of records, as the store and the records have them
	judged    map[UserID]bool  // authors whose mode may be due
	fresh     []fresh          // posts to push
	stats     RunStats
}

// RunStats says what a run has done.
type RunStats struct {
	Partitions int         // whose rows have moved; none if the log had nothing new
	Records    int         // of the topic of posts
	Deliveries int         // posts that were written into timelines, apart from what follows and returns brought in
	Pushed     []time.Time // the appends of the posts that were pushed
}

// Run takes the next records of the log into the timelines of the partitions that it leads.
//
// All stores are written before the rows move, and each write can be repeated: a run that crashes is done again by
// the next leader, with other bounds.
func (b *Builder) Run(ctx context.Context, leads ...*Lead) (RunStats, error) {
	r := &run{Builder: b, judged: map[UserID]bool{}, modes: map[UserID]Modes{}}
	for _, l := range leads {
		if r.from == nil {
			r.from = slices.Clone(l.fence.Row.Posts)
		} else {
			r.from = lower(r.from, l.fence.Row.Posts)
		}
	}
	if err := r.readPosts(ctx); err != nil {
		return r.stats, err
	}
	if err := r.storePosts(ctx); err != nil {
		return r.stats, err
	}
	r.fresh = r.freshPosts()
	for _, p := range r.fresh {
		r.stats.Pushed = append(r.stats.Pushed, p.appended)
	}
	if err := r.expand(ctx, leads); err != nil {
		return r.stats, err
	}
	for _, l := range leads {
		if err := r.partition(ctx, l); err != nil {
			return r.stats, err
		}
	}
	if r.stats.Partitions == 0 {
		return r.stats, r.stillLead(ctx, leads)
	}
	return r.stats, nil
}

// stillLead fails with fault.Stale if the rows are not those of the leads. A store that has lost its timelines is found so, even if
// the log has nothing new.
func (b *Builder) stillLead(ctx context.Context, leads []*Lead) error {
	head, ok, err := b.Timelines.Head(ctx)
	if err != nil {
		return err
	}
	for _, l := range leads {
		if !ok || head.Epoch != l.fence.Epoch || !head.Rows[l.fence.Partition].Equal(l.fence.Row) {
			return ErrStale()
		}
	}
	return nil
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
	r.stats.Records = len(r.records)
	return nil
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

// partition takes the run into the timelines of one partition of followers: first the graph, then what follows and
// returns bring in from the past, then the posts of the run.
func (r *run) partition(ctx context.Context, l *Lead) error {
	row := l.fence.Row
	graph, err := r.readLog(ctx, GraphTopic, l.fence.Partition, row.Graph)
	if err != nil {
		return err
	}
	to := Row{Writer: row.Writer, Posts: upper(row.Posts, r.cut), Graph: row.Graph + Position(len(graph))}
	if to.Equal(row) {
		return nil
	}
	follows, err := r.applyGraph(ctx, l.fence.Partition, to, graph)
	if err != nil {
		return fmt.Errorf("apply the graph: %w", err)
	}
	if r.Strategy != Pull {
		if err := r.push(ctx, l, graph, follows); err != nil {
			return err
		}
	}
	if err := r.judge(ctx, graph); err != nil {
		return fmt.Errorf("judge modes: %w", err)
	}
	if err := r.Timelines.Advance(ctx, l.fence, to); err != nil {
		return fmt.Errorf("advance the row: %w", err)
	}
	l.fence.Row, l.fence.Merges = to, 0
	r.stats.Partitions++
	return nil
}

// applyGraph brings the GraphStore to the end of the records, and returns the follows that they have begun.
func (r *run) applyGraph(ctx context.Context, partition int, to Row, records []Record) ([]Edge, error) {
	edges, counts := map[EdgeKey]Edge{}, map[UserID]Count{}
	changes := GraphChanges{Partition: partition, Reach: to}
	var keys []EdgeKey
	for _, rec := range records {
		if key, _, ok := rec.Edge(); ok {
			keys = append(keys, key)
			counts[key.To] = Count{}
		} else if rec.Kind == kindReturned || rec.Kind == kindActive {
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
		users := slices.Collect(maps.Keys(counts))
		all, err := r.Graph.Counts(ctx, users...)
		if err != nil {
			return nil, err
		}
		for i, user := range users {
			counts[user] = all[i][partition]
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

// push merges what follows and returns bring in, and the posts of the run.
func (r *run) push(ctx context.Context, l *Lead, graph []Record, follows []Edge) error {
	for _, rec := range graph {
		if key, _, ok := rec.Edge(); ok && key.Kind == Follow {
			l.audience.forget(key.To)
		}
	}
	if err := r.backfill(ctx, l, graph, follows); err != nil {
		return fmt.Errorf("backfill: %w", err)
	}
	return r.deliver(ctx, l)
}
