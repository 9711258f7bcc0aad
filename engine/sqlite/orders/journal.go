package orders

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"agora/engine/sqlite"
	"agora/fault"
	"agora/pattern/journal"
	"agora/pattern/outbox"
	"agora/shop"
)

// appendEntry appends to the journal. An entry without a version takes the next one of its stream.
func (s *Store) appendEntry(t *sqlite.Tx, e journal.Entry) error {
	before := s.newest
	e.Seq = before.seq + 1
	if e.Version == 0 {
		err := t.QueryRow("SELECT coalesce(max(version), 0) + 1 FROM journal WHERE stream = ?", []any{e.Stream}, &e.Version)
		if err != nil {
			return err
		}
	}
	hash := e.Link(before.hash)
	n, err := t.Exec(`INSERT INTO journal (seq, stream, version, kind, at, body, hash)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 FROM (SELECT coalesce(max(version), 0) + 1 AS next FROM journal WHERE stream = ?2)
		WHERE ?3 = next`,
		int64(e.Seq), e.Stream, int64(e.Version), e.Kind, e.At.UnixMicro(), e.Body, hash)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.New(fault.Conflict, "version_conflict", fmt.Sprintf("%s cannot take version %d next", e.Stream, e.Version))
	}
	s.newest = newest{e.Seq, hash}
	t.OnRollback(func() { s.newest = before })
	return nil
}

// newest is the newest entry of the journal, which the next one is chained to. After Open only the goroutine of all writes
// uses it.
type newest struct {
	seq  uint64
	hash []byte // nil before the chain begins
}

// loadNewest reads the newest entry.
func loadNewest(ctx context.Context, db *sqlite.Database) (newest, error) {
	var l newest
	err := db.QueryRow(ctx, "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1", nil, &l.seq, &l.hash)
	if errors.Is(err, sql.ErrNoRows) {
		return newest{}, nil
	}
	return l, err
}

const entryColumns = "SELECT seq, stream, version, kind, at, body, hash FROM journal"

func scanEntry(rows *sql.Rows) (journal.Entry, error) {
	var e journal.Entry
	var at int64
	err := rows.Scan(&e.Seq, &e.Stream, &e.Version, &e.Kind, &at, &e.Body, &e.Hash)
	e.At = time.UnixMicro(at).UTC()
	return e, err
}

// Stream implements journal.Reader.
func (s *Store) Stream(ctx context.Context, stream string, after uint64, limit int) ([]journal.Entry, error) {
	rows, err := s.db.Query(ctx,
		entryColumns+" WHERE stream = ? AND version > ? ORDER BY version LIMIT ?", stream, int64(after), limit)
	return sqlite.Collect(rows, err, scanEntry)
}

// All implements journal.Reader. With one writer, rows become visible in the order of their keys.
func (s *Store) All(ctx context.Context, after uint64, limit int) ([]journal.Entry, error) {
	rows, err := s.db.Query(ctx, entryColumns+" WHERE seq > ? ORDER BY seq LIMIT ?", int64(after), limit)
	return sqlite.Collect(rows, err, scanEntry)
}

// Pending implements outbox.Source. The outbox is the part of the journal that was not relayed yet.
func (s *Store) Pending(ctx context.Context, limit int) ([]outbox.Message, error) {
	rows, err := s.db.Query(ctx,
		entryColumns+" WHERE seq > (SELECT relayed FROM outbox) ORDER BY seq LIMIT ?", limit)
	entries, err := sqlite.Collect(rows, err, scanEntry)
	if err != nil {
		return nil, err
	}
	return shop.Messages(entries), nil
}

// Relayed implements outbox.Source.
func (s *Store) Relayed(ctx context.Context, seq uint64) error {
	return s.db.Write(ctx, func(t *sqlite.Tx) error {
		_, err := t.Exec("UPDATE outbox SET relayed = max(relayed, ?)", int64(seq))
		return err
	})
}

// Relay implements shop.AuditStore.
func (s *Store) Relay(ctx context.Context) (newest, relayed uint64, err error) {
	err = s.db.QueryRow(ctx, "SELECT (SELECT coalesce(max(seq), 0) FROM journal), relayed FROM outbox", nil,
		&newest, &relayed)
	return newest, relayed, sqlite.Classify(err)
}
