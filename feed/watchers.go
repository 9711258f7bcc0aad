package feed

// watchers says which streams want the posts, or the deletions, of an author. It is a list of streams for each author, and made
// for very many short lists: a follow of a stream takes about 30 bytes where nobody else follows the author, and 8 where others
// do. Streams have numbers in it, so that the garbage collector finds no pointers to follow.
type watchers struct {
	first map[UserID]uint32 // the place in links after that of the first stream's
	links []watcher
	free  uint32 // the place after that of the first link that is not used
}

// watcher is a link of a list.
type watcher struct {
	stream uint32
	next   uint32 // the place after that of the next link; 0 at the end
}

func newWatchers() *watchers { return &watchers{first: map[UserID]uint32{}} }

// add adds a stream that the author's list does not have.
func (w *watchers) add(author UserID, stream uint32) {
	at := w.free
	if at != 0 {
		w.free = w.links[at-1].next
	} else {
		w.links = append(w.links, watcher{})
		at = uint32(len(w.links))
	}
	w.links[at-1] = watcher{stream, w.first[author]}
	w.first[author] = at
}

// remove removes a stream from the author's list, and reports whether the list had it.
func (w *watchers) remove(author UserID, stream uint32) bool {
	found := false
	w.removeAll(author, func(s uint32) bool {
		found = found || s == stream
		return s == stream
	})
	return found
}

// removeAll removes the streams of an author that are gone.
func (w *watchers) removeAll(author UserID, gone func(stream uint32) bool) {
	first := w.first[author]
	at := &first
	for *at != 0 {
		link := &w.links[*at-1]
		if !gone(link.stream) {
			at = &link.next
			continue
		}
		freed := *at
		*at, link.next = link.next, w.free
		w.free = freed
	}
	if first == 0 {
		delete(w.first, author)
	} else {
		w.first[author] = first
	}
}

// sweep removes the streams that are gone from all lists.
func (w *watchers) sweep(gone func(stream uint32) bool) {
	for author := range w.first {
		w.removeAll(author, gone)
	}
}

// has reports whether the author's list has a stream.
func (w *watchers) has(author UserID, stream uint32) bool {
	for s := range w.of(author) {
		if s == stream {
			return true
		}
	}
	return false
}

// of calls yield with the streams of an author.
func (w *watchers) of(author UserID) func(yield func(stream uint32) bool) {
	return func(yield func(uint32) bool) {
		for at := w.first[author]; at != 0; {
			link := w.links[at-1]
			if !yield(link.stream) {
				return
			}
			at = link.next
		}
	}
}
