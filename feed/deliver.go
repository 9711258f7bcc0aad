package feed

import (
	"context"
	"slices"
)

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
