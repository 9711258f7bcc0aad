package feed

import (
	"sort"
	"sync"
)

// folded is a record that a tail has folded.
type folded struct {
	Record
	reach Reach // of the tail after it
	first bool  // the tail holds no earlier record of the same post, or of the same deletion
}

// note is what the hub has to do next: to tell a record, or to let a stream begin between two records.
type note struct {
	folded
	join *Stream // nil for a record
}

// maxNotes bounds how far a hub may be behind its tail.
const maxNotes = 1 << 16

// inbox holds the notes of a hub, in the order of the tail. It keeps records only while there are streams.
type inbox struct {
	wake chan struct{} // has a value when there is something to take

	mu      sync.Mutex
	notes   []note
	streams int
	lost    bool // records were dropped, because there were too many
}

// fold adds a record. The tail calls it, so it does not wait.
func (in *inbox) fold(f folded) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch _, _, edge := f.Edge(); {
	case in.streams == 0 || in.lost || !f.first || f.Kind != kindPosted && f.Kind != kindDeleted && !edge:
		return
	case len(in.notes) >= maxNotes:
		in.notes, in.lost = nil, true
	default:
		in.notes = append(in.notes, note{folded: f})
	}
	in.signal()
}

// join adds a stream. The caller holds the lock of the tail, so that the stream begins at the tail's reach.
func (in *inbox) join(s *Stream) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.notes = append(in.notes, note{join: s})
	in.signal()
}

// count adds to the number of streams.
func (in *inbox) count(n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.streams += n
}

// take returns what has to be done, and whether records before it are lost.
func (in *inbox) take() (notes []note, lost bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	notes, lost = in.notes, in.lost
	in.notes, in.lost = nil, false
	return notes, lost
}

func (in *inbox) signal() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// deletionsBefore returns how many deletions of a partition stand before a position.
func deletionsBefore(list []Deletion, at Position) int {
	return sort.Search(len(list), func(i int) bool { return list[i].At >= at })
}
