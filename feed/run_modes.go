package feed

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

func (r *run) storeModes(ctx context.Context, authors []UserID) error {
	if err := r.readModes(ctx, authors); err != nil {
		return err
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

// readModes reads the modes of authors that the run has not read.
func (r *run) readModes(ctx context.Context, authors []UserID) error {
	authors = slices.DeleteFunc(slices.Clone(authors), func(a UserID) bool { _, ok := r.modes[a]; return ok })
	if len(authors) == 0 {
		return nil
	}
	stored, err := r.Graph.Modes(ctx, authors...)
	if err != nil {
		return fmt.Errorf("read modes: %w", err)
	}
	for _, m := range stored {
		r.modes[m.Author] = m
	}
	return nil
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
