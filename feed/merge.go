package feed

import (
	"container/heap"
	"context"
)

// source is a list of entries, newest first, that a merge draws from. One of an author is read from the PostStore in
// parts, and only if the merge gets as far down as it begins.
type source struct {
	entries []Entry
	author  UserID
	unread  bool   // more entries may be in the PostStore
	below   PostID // those have an identifier below this one
	// deep says that the source stands for all authors but some. It is replaced by one source for each, if the merge gets
	// as far down as it begins.
	deep   bool
	except map[UserID]*source
	keep   bool // the author's newest posts are worth to be cached
}

// next returns an identifier that no entry of the source exceeds, and whether there is an entry with it.
func (s *source) next() (id PostID, entry bool) {
	if len(s.entries) > 0 {
		return s.entries[0].Post, true
	}
	return s.below, false
}

// merging unites sources, newest first. It is a heap of sources.
type merging struct {
	sources []*source
	// read reads the next part of each source, and returns the sources that it has read.
	read func(ctx context.Context, unread []*source) ([]*source, error)
}

func (m *merging) Len() int      { return len(m.sources) }
func (m *merging) Swap(i, j int) { m.sources[i], m.sources[j] = m.sources[j], m.sources[i] }
func (m *merging) Push(s any)    { m.sources = append(m.sources, s.(*source)) }
func (m *merging) Pop() any {
	last := m.sources[len(m.sources)-1]
	m.sources = m.sources[:len(m.sources)-1]
	return last
}

// Less puts the greatest identifier first, and an entry before an unread part: that one has lower identifiers only.
func (m *merging) Less(i, j int) bool {
	a, hasA := m.sources[i].next()
	b, hasB := m.sources[j].next()
	if c := a.Compare(b); c != 0 {
		return c > 0
	}
	return hasA && !hasB
}

// take returns the next entry, and false at the end of all sources. Of one post in several sources the lowest
// position counts.
func (m *merging) take(ctx context.Context) (e Entry, ok bool, err error) {
	for len(m.sources) > 0 {
		id, isEntry := m.sources[0].next()
		if ok && (!isEntry || id != e.Post) {
			return e, true, nil
		}
		if !isEntry {
			if err := m.fill(ctx); err != nil {
				return Entry{}, false, err
			}
			continue
		}
		s := m.sources[0]
		if ok {
			e.At = e.At.First(s.entries[0].At)
		} else {
			e, ok = s.entries[0], true
		}
		s.entries = s.entries[1:]
		m.settle()
	}
	return e, ok, nil
}

// settle brings the first source to where it belongs, or removes it at its end.
func (m *merging) settle() {
	if s := m.sources[0]; len(s.entries) > 0 || s.unread {
		heap.Fix(m, 0)
	} else {
		heap.Pop(m)
	}
}

// fill reads the next part of all unread sources that come before the first entry, with one call.
func (m *merging) fill(ctx context.Context) error {
	var unread []*source
	for len(m.sources) > 0 {
		if _, isEntry := m.sources[0].next(); isEntry {
			break
		}
		unread = append(unread, heap.Pop(m).(*source))
	}
	done, err := m.read(ctx, unread)
	if err != nil {
		return err
	}
	for _, s := range done {
		if len(s.entries) > 0 || s.unread {
			heap.Push(m, s)
		}
	}
	return nil
}
