// Package journal provides event sourcing: an append-only journal of entries in streams. A writer appends an entry with the version
// that it expects, and the state is a fold over the entries.
//
// Use it where the history of a value matters as much as the value, such as money and stock: a balance can be checked if it can be
// recomputed. Chain detects changes of old entries. To deliver entries to others, use packages outbox and eventlog.
package journal

import (
	"context"
	"fmt"
	"time"
)

// Entry is one fact. A fact is never changed: a further entry corrects a wrong one.
type Entry struct {
	Seq     uint64    // number in the whole journal, from 1 on and rising with each commit; set by the store
	Stream  string    // subject of the fact, such as an order's id
	Version uint64    // number in the stream: 1, 2, 3, … without gaps
	Kind    string    // kind of the fact, such as "order.placed"
	At      time.Time // time of the fact, to the microsecond
	Body    []byte    // content of the fact, in the encoding of the writer
	Hash    []byte    // Link of the entry, set by the store; nil for entries from before the chain
}

// Appender appends entries. Stores that have a journal and other data append in their own transactions instead, under the
// same rule.
type Appender interface {
	// Append adds the entries, which have to follow the current version of their streams: an entry whose
	// version is taken or leaves a gap fails the whole call with fault.Conflict. Seq is ignored.
	Append(ctx context.Context, entries ...Entry) error
}

// Reader reads committed entries.
type Reader interface {
	// Stream returns up to limit entries of a stream with versions above after, in order.
	Stream(ctx context.Context, stream string, after uint64, limit int) ([]Entry, error)
	// All returns up to limit entries of the whole journal with a Seq above after, in order. No entry is committed later with a
	// smaller Seq than a returned one.
	All(ctx context.Context, after uint64, limit int) ([]Entry, error)
}

// page is the number of entries that a fold reads at a time.
const page = 1000

// Snapshot is a state and the Seq of the last entry in it. The zero Snapshot is the state before all entries.
type Snapshot[S any] struct {
	State S
	Seq   uint64
}

// Fold applies every entry of the journal after the snapshot, in order, and returns the newer snapshot.
// An error of apply ends it and is returned with the entry's Seq.
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
