package feed

import (
	"context"
	"maps"
	"slices"
)

// pastsAtOnce is how many authors' pasts are read with one call: each may have as many entries as a timeline.
const pastsAtOnce = 64

// backfill merges the past of authors into the timelines of who has begun to follow them, and whole timelines for who has
// returned. It comes from the PostStore, which has all posts before the cut of the run. Later ones come with the next runs, which know
// where their first records stand and whether they are pulled.
func (r *run) backfill(ctx context.Context, l *Lead, graph []Record, follows []Edge) error {
	f, before := filling{run: r, lead: l}, upper(l.fence.Row.Posts, r.cut)
	based := map[UserID]bool{}
	for _, rec := range graph {
		if rec.Kind != kindReturned || based[rec.Actor] {
			continue
		}
		based[rec.Actor] = true
		past, err := r.whole(ctx, rec.Actor, before)
		if err != nil {
			return err
		}
		if err := f.add(ctx, Operand{rec.Actor, past}); err != nil {
			return err
		}
	}
	followers := map[UserID][]UserID{}
	for _, e := range follows {
		if !based[e.From] {
			followers[e.To] = append(followers[e.To], e.From)
		}
	}
	authors := slices.SortedFunc(maps.Keys(followers), UserID.Compare)
	for some := range slices.Chunk(authors, pastsAtOnce) {
		pasts, err := r.pasts(ctx, some, before)
		if err != nil {
			return err
		}
		for i, past := range pasts {
			for _, follower := range followers[some[i]] {
				if err := f.add(ctx, Operand{follower, past}); err != nil {
					return err
				}
			}
		}
	}
	return f.merge(ctx)
}

// filling collects operands, and merges them before they get too many.
type filling struct {
	*run
	lead     *Lead
	operands []Operand
	entries  int
}

func (f *filling) add(ctx context.Context, o Operand) error {
	if !o.Base && len(o.Entries) == 0 && o.Floor == (PostID{}) {
		return nil // changes nothing
	}
	f.operands = append(f.operands, o)
	f.entries += len(o.Entries)
	if f.entries < callEntries && len(f.operands) < f.Operands {
		return nil
	}
	return f.merge(ctx)
}

func (f *filling) merge(ctx context.Context) error {
	err := f.run.merge(ctx, f.lead, f.operands)
	f.operands, f.entries = f.operands[:0], 0
	return err
}

// whole returns the newest pushed posts before a cut of all whom a user follows, and the user's own.
func (r *run) whole(ctx context.Context, user UserID, before Vector) (Timeline, error) {
	rel, err := r.Graph.Relations(ctx, user)
	if err != nil {
		return Timeline{}, err
	}
	authors := []UserID{user}
	for _, e := range rel.Follows {
		if e.To != user {
			authors = append(authors, e.To)
		}
	}
	pasts, err := r.pasts(ctx, authors, before)
	if err != nil {
		return Timeline{}, err
	}
	whole := Timeline{Base: true}
	for _, past := range pasts {
		whole = whole.Merge(past, r.Trim)
	}
	return whole, nil
}

// pasts returns the newest pushed posts of each author before a cut, with the floor below which some may be missing.
func (r *run) pasts(ctx context.Context, authors []UserID, before Vector) ([]Timeline, error) {
	ranges := make([]AuthorRange, len(authors))
	for i, author := range authors {
		ranges[i] = AuthorRange{Author: author, Before: lastPostID, Limit: r.Trim.Keep}
	}
	lists, err := r.Posts.ByAuthor(ctx, ranges...)
	if err != nil {
		return nil, err
	}
	if r.Strategy == Hybrid {
		if err := r.readModes(ctx, authors); err != nil {
			return nil, err
		}
	}
	pasts := make([]Timeline, len(authors))
	for i, author := range authors {
		list, past := lists[i], Timeline{}
		if len(list) == r.Trim.Keep && len(list) > 0 {
			past.Floor = list[len(list)-1].Post
		}
		for _, e := range list {
			if e.At == 0 || !before.Covers(r.Shape.PostsOf(author), e.At) {
				continue
			}
			// A pulled post whose record a restored log has lost is in no interval that readers know.
			greatest, _ := r.modes[author].greatest()
			if r.pushes(author, e.At) || e.Post.Compare(greatest) > 0 {
				past.Entries = append(past.Entries, e)
			}
		}
		pasts[i] = Timeline{}.Merge(past, r.Trim)
	}
	return pasts, nil
}
