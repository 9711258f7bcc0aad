package feed

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"agora/pattern/eventlog"
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
			if m.Pulls() {
				r.judged[rec.Actor] = true
			}
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

// noteLarge notes an author of a pushed post who may have too many followers for that. Authors with so many have at least an even
// share of them in some partition, whose leader notes it.
func (r *run) noteLarge(author UserID, followers int) {
	if r.Strategy == Hybrid && int64(followers)*int64(r.Shape.Graph) >= r.Threshold.Up {
		r.judged[author] = true
	}
}

// judge appends the changes of mode that are due: of authors whose followers have changed, of those whose mode has, and of those
// of posts who were judged with another strategy or threshold. It comes before the row moves, so that a crash leaves no change
// out; several leaders may append the same change, of which the first counts.
func (r *run) judge(ctx context.Context, graph []Record) error {
	if r.Strategy != Hybrid {
		return nil
	}
	judged := r.judged
	r.judged = map[UserID]bool{} // once a run: another partition judges only whose followers change there
	for _, rec := range graph {
		if key, _, ok := rec.Edge(); ok && key.Kind == Follow {
			judged[key.To] = true
		}
	}
	authors := slices.SortedFunc(maps.Keys(judged), UserID.Compare)
	if len(authors) == 0 {
		return nil
	}
	counts, err := r.Graph.Counts(ctx, authors...)
	if err != nil {
		return err
	}
	return r.appendDue(ctx, r.Threshold, authors, counts)
}

// appendDue appends the changes of mode that are due for authors with counts of followers.
func (b *Builder) appendDue(ctx context.Context, threshold Threshold, authors []UserID, counts [][]Count) error {
	if len(authors) == 0 {
		return nil
	}
	stored, err := b.Graph.Modes(ctx, authors...)
	if err != nil {
		return fmt.Errorf("read modes: %w", err)
	}
	modes := map[UserID]Modes{}
	for _, m := range stored {
		modes[m.Author] = m
	}
	var records []eventlog.Record
	for i, author := range authors {
		m := modes[author]
		if m.due(followersIn(counts[i]), threshold) {
			records = append(records, modeRecord(author, len(m.Changes)+1, b.now()))
		}
	}
	if len(records) == 0 {
		return nil
	}
	_, err = b.Log.Append(ctx, PostsTopic, records...)
	return err
}
