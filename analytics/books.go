package analytics

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// BookLine says what has become of the items that a source sent in a minute of arrival. Late and Erased are parts of
// Stored.
type BookLine struct {
	LineKey
	Accepted  int64 // items in the log, with rejected ones
	Stored    int64 // events in the files of the catalogue
	Late      int64
	Erased    int64 // events that were stored, and are not in the files any more
	Duplicate int64
	Rejected  int64
	InFlight  int64 // items of the log that are on the way
}

// Balances reports whether all that was accepted is somewhere.
func (b *BookLine) Balances() bool {
	return b.Accepted == b.Stored+b.Duplicate+b.Rejected+b.InFlight
}

// Books builds the books. Accepted comes from the log, which knows nothing of the fold; stored from the catalogue, which
// counts the rows of its files; duplicate and rejected from the fold. What is in flight is counted too, and not what is
// left over: so the books can fail to balance. All must be of one moment, or read in this order: the catalogue, the state,
// the log.
func Books(ctx context.Context, ports Ports) ([]BookLine, error) {
	snapshot, err := ports.Catalogue.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("snapshot of the catalogue: %w", err)
	}
	state, err := loadState(ctx, ports.State)
	if err != nil {
		return nil, fmt.Errorf("load the state: %w", err)
	}
	b := books{}
	err = ports.State.Scan(ctx, []byte{bookKey}, func(key, value []byte) error {
		k, err := parseWindowKey(key) // a book has no type
		if err != nil {
			return err
		}
		found, err := decodeBook(value)
		line := b.line(LineKey{k.Source, k.Start})
		line.Duplicate, line.Rejected = found.Duplicate, found.Rejected
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the books of the state: %w", err)
	}
	b.addFiles(snapshot.Files)
	if state.head != nil {
		b.addWaiting(state, snapshot.Next)
	}
	if err := b.addLog(ctx, ports.Log, state.head); err != nil {
		return nil, err
	}
	return b.sorted(), nil
}

type books map[LineKey]*BookLine

func (b books) line(k LineKey) *BookLine {
	if b[k] == nil {
		b[k] = &BookLine{LineKey: k}
	}
	return b[k]
}

func (b books) sorted() []BookLine {
	var lines []BookLine
	for _, k := range slices.SortedFunc(maps.Keys(b), LineKey.compare) {
		lines = append(lines, *b[k])
	}
	return lines
}

func (b books) addFiles(files []File) {
	for i := range files {
		for _, l := range files[i].Lines {
			line := b.line(l.LineKey)
			line.Stored, line.Late, line.Erased = line.Stored+l.Stored, line.Late+l.Late, line.Erased+l.Erased
		}
	}
}

// addWaiting adds what has been folded and is in no file of the catalogue.
func (b books) addWaiting(state *loadedState, next []Offset) {
	for n := range state.head.Parts {
		for _, c := range state.cuts[n] {
			if c.From >= next[n] {
				b.addInFlight(c.Lines)
			}
		}
		b.addInFlight(state.head.Parts[n].Lines)
	}
}

func (b books) addInFlight(lines []Line) {
	for _, l := range lines {
		b.line(l.LineKey).InFlight += l.Stored
	}
}

// addLog adds what was accepted, and of it what has not been folded.
func (b books) addLog(ctx context.Context, log EventLog, h *head) error {
	bounds, err := log.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("bounds of the log: %w", err)
	}
	for k, accepted := range bounds.Accepted {
		b.line(k).Accepted = accepted
	}
	for n, end := range bounds.End {
		from := Offset(0)
		if h != nil {
			from = h.Parts[n].Next
		}
		for from < end {
			records, err := log.Read(ctx, n, from, readSize)
			if err != nil {
				return fmt.Errorf("read partition %d of the log: %w", n, err)
			}
			for _, record := range records[:min(len(records), int(end-from))] {
				if header, ok := HeaderOf(record); ok {
					b.line(LineKey{header.Source, header.Arrival.Floor(time.Minute)}).InFlight += int64(header.Accepted())
				}
			}
			from += Offset(len(records))
		}
	}
	return nil
}
