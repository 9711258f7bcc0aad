package analytics

import (
	"context"
	"fmt"
)

// Where an event is.
const (
	Unknown  = "unknown"   // not in the log: never sent, not accepted, or so old that the log has been trimmed past it
	InFlight = "in_flight" // in the log, and on the way to a file
	InFile   = "stored"    // in a file of the catalogue
	Gone     = "erased"    // an erasure has removed it
)

// Receipt says where the event with a message id is now.
type Receipt struct {
	State     string
	Partition int
	Offset    Offset // of the record with its first occurrence in the log
	Row       int
	Arrival   Micros
	Copies    int    // how often it occurs in the log
	File      string // in which it is stored
}

// Find returns the receipt of an event. It reads what the log holds of the event's partition.
func Find(ctx context.Context, ports Ports, rules *Rules, source SourceID, id string) (Receipt, error) {
	snapshot, err := ports.Catalogue.Snapshot(ctx)
	if err != nil {
		return Receipt{}, fmt.Errorf("snapshot of the catalogue: %w", err)
	}
	state, err := loadState(ctx, ports.State)
	if err != nil {
		return Receipt{}, fmt.Errorf("load the state: %w", err)
	}
	bounds, err := ports.Log.Bounds(ctx)
	if err != nil {
		return Receipt{}, fmt.Errorf("bounds of the log: %w", err)
	}
	r := Receipt{State: Unknown, Partition: PartitionOf(rules.Key.Fingerprint(source, id), len(bounds.End))}
	var event Event
	for at := bounds.Begin[r.Partition]; at < bounds.End[r.Partition]; {
		records, err := ports.Log.Read(ctx, r.Partition, at, readSize)
		if err != nil {
			return Receipt{}, fmt.Errorf("read partition %d of the log: %w", r.Partition, err)
		}
		for _, record := range records {
			if err := r.count(record, at, source, id, &event); err != nil {
				return Receipt{}, err
			}
			at++
		}
	}
	if r.Copies > 0 {
		r.place(&snapshot, state, rules, &event)
	}
	return r, nil
}

// count counts the occurrences of the event in a record.
func (r *Receipt) count(record []byte, at Offset, source SourceID, id string, first *Event) error {
	if h, ok := HeaderOf(record); !ok || h.Source != source {
		return nil
	}
	var b Batch
	if err := b.Decode(record); err != nil {
		return fmt.Errorf("partition %d, offset %d: %w", r.Partition, at, err)
	}
	for row := range b.Rows {
		if string(b.IDs.At(row)) != id {
			continue
		}
		if r.Copies == 0 {
			r.Offset, r.Row, r.Arrival, *first = at, row, b.Arrival, b.Event(row)
		}
		r.Copies++
	}
	return nil
}

// place finds out what has become of the first occurrence.
func (r *Receipt) place(snapshot *Snapshot, state *loadedState, rules *Rules, e *Event) {
	r.State = InFlight
	for i := range snapshot.Files {
		if f := &snapshot.Files[i]; f.Partition == r.Partition && f.From <= r.Offset && r.Offset < f.To {
			r.State, r.File = InFile, f.Name
		}
	}
	if state.head == nil {
		return
	}
	for _, erasure := range state.erasures[r.Partition] {
		named := e.User != "" && erasure.names(rules.Key.User(e.User)) || e.Anonymous != "" && erasure.names(rules.Key.Anonymous(e.Anonymous))
		if named && (r.Offset < erasure.at || e.Time < erasure.Before) {
			r.State, r.File = Gone, ""
		}
	}
}
