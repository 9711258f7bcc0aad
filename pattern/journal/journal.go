// Package journal is event sourcing in its smallest form: an append-only journal of entries in streams,
// appended with the version that the writer expects, and state as a fold over them.
//
// Use it where the history of a value matters as much as the value, such as money and stock: a balance that can be
// recomputed can be proved. Chain shows that no old entry was changed. To deliver entries to others, use packages outbox
// and eventlog.
package journal

import (
	"context"
	"fmt"
	"time"
)

// Entry is one fact. A fact is never changed: what was wrong is set right by a further entry.
type Entry struct {
	Seq     uint64    // place in the whole journal, from 1 on and rising with each commit; given by the store
	Stream  string    // what the fact is about, such as an order's id
	Version uint64    // place in the stream: 1, 2, 3, … without gaps
	Kind    string    // what kind of fact, such as "order.placed"
	At      time.Time // when it became true, to the microsecond
	Body    []byte    // the fact, encoded by who wrote it
	Hash    []byte    // Link of the entry, given by the store; nil for what was stored before the journal had a chain
}

// Appender adds entries. Stores that keep a journal beside other data append inside their own
// transactions instead, under the same rule.
type Appender interface {
	// Append adds the entries, which have to follow the current version of their streams: an entry whose
	// version is taken or leaves a gap fails the whole call with fault.Conflict. Seq is ignored.
	Append(ctx context.Context, entries ...Entry) error
}

// Reader reads entries that are committed.
type Reader interface {
	// Stream returns up to limit entries of a stream with a version over after, in order.
	Stream(ctx context.Context, stream string, after uint64, limit int) ([]Entry, error)
	// All returns up to limit entries of the whole journal with a Seq over after, in order. An entry is
	// never committed with a smaller Seq than one that was already returned.
	All(ctx context.Context, after uint64, limit int) ([]Entry, error)
}

// page is how many entries a fold reads at a time.
const page = 1000

// Snapshot is a state and the Seq of the last entry in it. The zero Snapshot is the state before all entries.
type Snapshot[S any] struct {
	State S
	Seq   uint64
}

// Fold applies every entry of the journal after the snapshot, in order, and returns the newer snapshot.
// An error of apply ends it and is returned with the entry's place.
func Fold[S any](ctx context.Context, r Reader, from Snapshot[S], apply func(S, Entry) (S, error)) (Snapshot[S], error) {
	for {
		entries, err := r.All(ctx, from.Seq, page)
		if err != nil {
			return from, fmt.Errorf("read the journal after %d: %w", from.Seq, err)
		}
		for _, entry := range entries {
			state, err := apply(from.State, entry)
			if err != nil {
				return from, fmt.Errorf("journal entry %d (%s %d): %w", entry.Seq, entry.Stream, entry.Version, err)
			}
			from = Snapshot[S]{state, entry.Seq}
		}
		if len(entries) < page {
			return from, nil
		}
	}
}
