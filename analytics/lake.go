package analytics

import (
	"context"
	"fmt"
	"slices"
	"time"

	"agora/fault"
)

// fileName returns the name of the file of a cut.
func fileName(c *Cut) string { return fmt.Sprintf("p%d-%d-%d", c.Partition, c.From, c.To) }

// purgedName returns the name of the file after the erasure at an offset.
func purgedName(c *Cut, at Offset) string { return fmt.Sprintf("%s-e%d", fileName(c), at) }

// parseFileName returns the range of a file, and the erasure that was applied last, or -1. ok is false if it is no name
// of a file.
func parseFileName(name string) (c Cut, purge Offset, ok bool) {
	n, _ := fmt.Sscanf(name, "p%d-%d-%d-e%d", &c.Partition, &c.From, &c.To, &purge)
	if n == 3 {
		purge = -1
	}
	return c, purge, n >= 3 && c.Partition >= 0 && (name == fileName(&c) || name == purgedName(&c, purge))
}

// writeFiles writes the files that are due, and adds those of all partitions to the catalogue in one transaction. It
// returns false if none is due.
func (w *Worker) writeFiles(ctx context.Context) (bool, error) {
	var files []File
	for n, cuts := range w.cuts {
		if len(cuts) == 0 || w.parts[n].again != nil {
			continue
		}
		f, err := w.writeFile(ctx, w.parts[n], &cuts[0])
		if err != nil {
			return false, err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return false, nil
	}
	if err := w.ports.Catalogue.Add(ctx, files...); fault.CodeOf(err) == CodeStale {
		return true, w.compareNext(ctx)
	} else if err != nil {
		return false, fmt.Errorf("add files to the catalogue: %w", err)
	}
	for _, f := range files {
		w.catalogued(f.Partition, f.To)
	}
	return true, nil
}

func (w *Worker) writeFile(ctx context.Context, p *part, c *Cut) (File, error) {
	rows := p.rowsOf(c)
	f := File{Partition: c.Partition, From: c.From, To: c.To, Purged: c.To, Rows: int64(rows.Len()), Lines: rows.lines()}
	if !slices.Equal(f.Lines, c.Lines) {
		return File{}, fault.New(fault.Internal, "lines_differ", fmt.Sprintf("the rows of file %s are other ones than the fold has counted", fileName(c)))
	}
	if rows.Len() == 0 {
		return f, nil
	}
	f.Name = fileName(c)
	size, err := w.ports.Files.Write(ctx, f.Name, rows)
	if err != nil {
		return File{}, fmt.Errorf("write file %s: %w", f.Name, err)
	}
	f.Bytes = size
	return f, nil
}

// compareNext finds out how far the catalogue is, after it did not take what begins elsewhere.
func (w *Worker) compareNext(ctx context.Context) error {
	s, err := w.ports.Catalogue.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("snapshot of the catalogue: %w", err)
	}
	moved := false
	for n, next := range s.Next {
		moved = moved || next > w.next[n]
		w.catalogued(n, next)
	}
	if !moved {
		return ErrStale("the catalogue")
	}
	return nil
}

// catalogued notes that the catalogue has the files of a partition before an offset.
func (w *Worker) catalogued(partition int, next Offset) {
	w.next[partition] = next
	w.cuts[partition] = slices.DeleteFunc(w.cuts[partition], func(c Cut) bool { return c.To <= next })
	w.parts[partition].release(next)
}

// purge rewrites one file without the events that a later erasure names. It returns false if no file needs it.
func (w *Worker) purge(ctx context.Context) (bool, error) {
	if len(w.head.Parts) == 0 || !w.anyErasure() {
		return false, nil
	}
	s, err := w.ports.Catalogue.Snapshot(ctx)
	if err != nil {
		return false, fmt.Errorf("snapshot of the catalogue: %w", err)
	}
	for i := range s.Files {
		f := &s.Files[i]
		for _, e := range w.parts[f.Partition].erasures {
			if e.at >= f.Purged && e.at < w.head.Parts[f.Partition].Next {
				return true, w.purgeFile(ctx, f, &e)
			}
		}
	}
	return false, nil
}

func (w *Worker) anyErasure() bool {
	return slices.ContainsFunc(w.parts, func(p *part) bool { return len(p.erasures) > 0 })
}

// purgeFile applies one erasure to a file. One at a time: then the file in the end is the same, whenever it happens.
func (w *Worker) purgeFile(ctx context.Context, f *File, e *placedErasure) error {
	after := *f
	after.Purged, after.Lines = e.at+1, slices.Clone(f.Lines)
	if f.Name != "" {
		after.Name = purgedName(&Cut{Partition: f.Partition, From: f.From, To: f.To}, e.at)
		dropped := int64(0)
		size, err := w.ports.Files.Filter(ctx, f.Name, after.Name, func(s Stored) bool {
			if len(s.User) > 0 && e.names(w.rules.Key.user(s.User)) || len(s.Anonymous) > 0 && e.names(w.rules.Key.anonymous(s.Anonymous)) {
				dropped++
				after.erase(s)
				return true
			}
			return false
		})
		if err != nil {
			return fmt.Errorf("filter file %s: %w", f.Name, err)
		}
		after.Rows, after.Bytes = f.Rows-dropped, size
	}
	err := w.ports.Catalogue.Replace(ctx, *f, after)
	if fault.CodeOf(err) == CodeStale {
		return nil // perhaps an earlier try has happened: the next step looks again
	}
	if err != nil {
		return fmt.Errorf("replace file %s: %w", f.Name, err)
	}
	if f.Name == "" {
		return nil
	}
	if err := w.ports.Files.Remove(ctx, f.Name); err != nil {
		return fmt.Errorf("remove file %s: %w", f.Name, err)
	}
	return nil
}

// erase counts an erased event in the file's lines.
func (f *File) erase(s Stored) {
	key := LineKey{s.Source, s.Arrival.Floor(time.Minute)}
	for i := range f.Lines {
		if f.Lines[i].LineKey == key {
			f.Lines[i].Erased++
		}
	}
}

// names reports whether the erasure removes the subject.
func (e *Erasure) names(s Subject) bool { return slices.Contains(e.Subjects, s) }

// sweep removes the files that the catalogue has gone past: a worker that crashed left them. What a worker that hangs may
// still add to the catalogue stays; to write it again replaces it.
func (w *Worker) sweep(ctx context.Context, s *Snapshot) error {
	names, err := w.ports.Files.List(ctx)
	if err != nil {
		return fmt.Errorf("list the files: %w", err)
	}
	if err := w.ports.Files.Remove(ctx, slices.DeleteFunc(names, func(name string) bool { return !isPast(name, s) })...); err != nil {
		return fmt.Errorf("remove files that the catalogue lacks: %w", err)
	}
	return nil
}

// isPast reports whether the catalogue lacks a file, and nothing can add it any more.
func isPast(name string, s *Snapshot) bool {
	c, purge, ok := parseFileName(name)
	if !ok || c.Partition >= len(s.Next) || c.From >= s.Next[c.Partition] {
		return false
	}
	for i := range s.Files {
		if f := &s.Files[i]; f.Partition == c.Partition && f.From == c.From {
			return f.Name != name && purge < f.Purged
		}
	}
	return true
}

// Trim removes from the log what no worker will read again: records before the identifiers that count, and before the
// files that are not in the catalogue.
func (w *Worker) Trim(ctx context.Context) error {
	for n, p := range w.head.Parts {
		before := p.CutLive[0]
		if len(w.cuts[n]) > 0 {
			before = w.cuts[n][0].live[0]
		}
		if err := w.ports.Log.Trim(ctx, n, before); err != nil {
			return fmt.Errorf("trim partition %d of the log: %w", n, err)
		}
	}
	return nil
}
