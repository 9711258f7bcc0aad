package orders

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/fault"
	"agora/pattern/journal"
	"agora/pattern/outbox"
	"agora/shop"
)

// queueEntries queues the statements that append the entries, each of which has to follow the current version of its
// stream. An entry without a version takes the next one.
func queueEntries(ctx context.Context, tx pgx.Tx, last *pgx.Batch, entries []journal.Entry) error {
	versions, err := streamVersions(ctx, tx, entries)
	if err != nil {
		return err
	}
	n := len(entries)
	streams, kinds, bodies := make([]string, n), make([]string, n), make([][]byte, n)
	numbers, times := make([]int64, n), make([]time.Time, n)
	for i, e := range entries {
		next := versions[e.Stream] + 1
		if e.Version != 0 && int64(e.Version) != next {
			return errVersionConflict(e.Stream)
		}
		versions[e.Stream] = next
		streams[i], numbers[i], kinds[i], times[i], bodies[i] = e.Stream, next, e.Kind, e.At, e.Body
	}
	last.Queue("SELECT append_entries($1, $2, $3, $4, $5, $6)", streams, numbers, kinds, times, bodies, slices.Repeat([]bool{true}, n))
	return nil
}

// errVersionConflict returns the error of an entry that is not the next of its stream.
func errVersionConflict(stream string) error {
	return fault.New(fault.Conflict, "version_conflict", "the entry is not the next of "+stream)
}

// streamVersions returns the current version of each stream of the entries.
func streamVersions(ctx context.Context, tx pgx.Tx, entries []journal.Entry) (map[string]int64, error) {
	streams := make([]string, len(entries))
	for i, e := range entries {
		streams[i] = e.Stream
	}
	rows, err := tx.Query(ctx, `SELECT stream, version FROM unnest($1::text[]) stream,
		LATERAL (SELECT version FROM journal j WHERE j.stream = stream.stream ORDER BY version DESC LIMIT 1) newest`, streams)
	if err != nil {
		return nil, err
	}
	versions := map[string]int64{}
	var stream string
	var version int64
	_, err = pgx.ForEachRow(rows, []any{&stream, &version}, func() error {
		versions[stream] = version
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read versions of streams: %w", err)
	}
	return versions, nil
}

const entryColumns = "SELECT seq, stream, version, kind, at, body, hash FROM journal"

func scanEntry(row pgx.CollectableRow) (journal.Entry, error) {
	var e journal.Entry
	err := row.Scan(&e.Seq, &e.Stream, &e.Version, &e.Kind, &e.At, &e.Body, &e.Hash)
	e.At = e.At.UTC()
	return e, err
}

// Stream implements journal.Reader.
func (s *Store) Stream(ctx context.Context, stream string, after uint64, limit int) ([]journal.Entry, error) {
	return postgres.Collect(ctx, s.db, scanEntry,
		entryColumns+" WHERE stream = $1 AND version > $2 ORDER BY version LIMIT $3", stream, int64(after), limit)
}

// All implements journal.Reader. A transaction that appends holds the lock of lock_journal until its commit is visible, so
// that entries become visible in the order of their numbers.
func (s *Store) All(ctx context.Context, after uint64, limit int) ([]journal.Entry, error) {
	return postgres.Collect(ctx, s.db, scanEntry, entryColumns+" WHERE seq > $1 ORDER BY seq LIMIT $2", int64(after), limit)
}

// Pending implements outbox.Source. The outbox is the part of the journal that was not relayed yet.
func (s *Store) Pending(ctx context.Context, limit int) ([]outbox.Message, error) {
	entries, err := postgres.Collect(ctx, s.db, scanEntry,
		entryColumns+" WHERE seq > (SELECT relayed FROM outbox) ORDER BY seq LIMIT $1", limit)
	if err != nil {
		return nil, err
	}
	return shop.Messages(entries), nil
}

// Relayed implements outbox.Source.
func (s *Store) Relayed(ctx context.Context, seq uint64) error {
	_, err := s.db.Exec(ctx, "UPDATE outbox SET relayed = $1 WHERE relayed < $1", int64(seq))
	return err
}

// Relay implements shop.AuditStore.
func (s *Store) Relay(ctx context.Context) (newest, relayed uint64, err error) {
	err = s.db.Pool().QueryRow(ctx, "SELECT (SELECT coalesce(max(seq), 0) FROM journal), relayed FROM outbox").
		Scan(&newest, &relayed)
	return newest, relayed, postgres.Classify(err)
}
