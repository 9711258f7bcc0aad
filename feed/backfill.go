package feed

import (
	"context"
)

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
			// A pulled post whose record a restored log has lost is in no interval that readers know.
			greatest, _ := r.modes[author].greatest()
			if r.pushes(author, e.At) || e.Post.Compare(greatest) > 0 {
				part.Entries = append(part.Entries, e)
			}
		}
		past = past.Merge(part, r.Trim)
	}
	return past, nil
}
