// Package eventlog is the event log in PostgreSQL.
package eventlog

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/fault"
	"agora/pattern/eventlog"
	"agora/pattern/lead"
)

// Log is an eventlog.Log that any number of servers may have open. Each call is one round trip, except the first call that
// names a topic, and Trim, which deletes in steps.
type Log struct {
	db      *postgres.Database
	poller  *poller
	topics  sync.Map // topics by name, which never change
	closing sync.Once
	closed  chan struct{}
	calls   sync.RWMutex // held for reading by every call, so that Close waits for them
}

var (
	_ eventlog.Log = (*Log)(nil)
	_ lead.Divider = (*Log)(nil)
)

// topic is the number of a topic and the number of its partitions.
type topic struct {
	id         int32
	partitions int
}

//go:embed migrations
var migrations embed.FS

// Open returns the event log in a database. Close it before the database.
func Open(ctx context.Context, db *postgres.Database) (*Log, error) {
	if err := db.Migrate(ctx, migrations, "events"); err != nil {
		return nil, err
	}
	l := &Log{db: db, closed: make(chan struct{})}
	l.poller = newPoller(l.ends)
	return l, nil
}

// Create implements eventlog.Log.
func (l *Log) Create(ctx context.Context, name string, partitions int) error {
	if err := eventlog.CheckTopic(name, partitions); err != nil {
		return err
	}
	return l.serve(ctx, func() error {
		t, err := l.topic(ctx, name)
		if fault.Is(err, fault.NotFound) {
			// If several servers start together, one creates the topic and the others wait here.
			_, err = l.db.Exec(ctx, `WITH made AS (INSERT INTO topics (name) VALUES ($1) ON CONFLICT (name) DO NOTHING RETURNING id)
				INSERT INTO partitions (topic, partition) SELECT id, i FROM made, generate_series(0, $2 - 1) i`, name, partitions)
			if err == nil {
				t, err = l.topic(ctx, name)
			}
		}
		if err == nil && t.partitions != partitions {
			return eventlog.ErrPartitionsDiffer(name, t.partitions, partitions)
		}
		return err
	})
}

// serve makes a call unless the log is closed.
func (l *Log) serve(ctx context.Context, call func() error) error {
	l.calls.RLock()
	defer l.calls.RUnlock()
	select {
	case <-l.closed:
		return eventlog.ErrClosed()
	default:
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return postgres.Classify(call())
}

// topic returns the topic, or fault.NotFound.
func (l *Log) topic(ctx context.Context, name string) (topic, error) {
	if known, ok := l.topics.Load(name); ok {
		return known.(topic), nil
	}
	var t topic
	err := l.db.Pool().QueryRow(ctx, `SELECT id, count(*) FROM topics JOIN partitions ON topic = id WHERE name = $1 GROUP BY id`, name).
		Scan(&t.id, &t.partitions)
	if err != nil {
		return topic{}, postgres.OrMissing(fmt.Errorf("read topic: %w", err), fault.ErrNotFound("topic", name))
	}
	l.topics.Store(name, t)
	return t, nil
}

// partition returns the topic, or fault.NotFound if it has no such partition.
func (l *Log) partition(ctx context.Context, name string, partition int) (topic, error) {
	t, err := l.topic(ctx, name)
	if err == nil && (partition < 0 || partition >= t.partitions) {
		err = eventlog.ErrMissingPartition(name, partition)
	}
	return t, err
}

// Append implements eventlog.Log. It stores all records or none.
func (l *Log) Append(ctx context.Context, name string, records ...eventlog.Record) (at []eventlog.Position, err error) {
	if err := eventlog.Check(records); err != nil {
		return nil, err
	}
	err = l.serve(ctx, func() error {
		t, err := l.topic(ctx, name)
		if err != nil || len(records) == 0 {
			return err
		}
		c := newColumns(records, t.partitions)
		// It is not retried, because some errors leave it open whether the records were stored.
		var firsts []int64
		err = l.db.Pool().QueryRow(ctx, "SELECT append_records($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)", t.id,
			c.touched, c.counts, c.sizes, c.parts, c.nths, c.befores, c.times, c.ids, c.kinds, c.keys, c.values).Scan(&firsts)
		if err != nil {
			return fmt.Errorf("append to %s: %w", name, err)
		}
		l.poller.pollNow()
		at = c.positions(firsts)
		return nil
	})
	return at, err
}

// readRecords reads a partition from an offset on. One statement sees the bounds and the records of one moment. Each call
// plans it again, because a cached plan may be from the time when the table was small.
const readRecords = `SELECT p.oldest, p.next, r.seq, r.appended, r.at, r.id, r.kind, r.key, r.value
	FROM partitions p LEFT JOIN LATERAL (
		SELECT * FROM records r WHERE r.topic = $1 AND r.partition = $2 AND r.seq >= $3 AND r.seq < $4
			AND r.before < $5 + (SELECT f.before FROM records f WHERE f.topic = $1 AND f.partition = $2 AND f.seq = $3)
	) r ON true
	WHERE p.topic = $1 AND p.partition = $2 ORDER BY r.seq`

// Read implements eventlog.Log.
func (l *Log) Read(ctx context.Context, name string, partition int, offset int64, limit int) (read []eventlog.Message, err error) {
	err = l.serve(ctx, func() error {
		t, err := l.partition(ctx, name, partition)
		if err != nil {
			return err
		}
		rows, err := l.db.Pool().Query(ctx, readRecords, pgx.QueryExecModeCacheDescribe,
			t.id, partition, offset, offset+int64(max(limit, 0)), int64(eventlog.MaxRead))
		if err != nil {
			return err
		}
		read, err = messages(rows, name, partition, offset)
		return err
	})
	return read, err
}

// messages returns the rows of readRecords, or CodeOutOfRange if the offset is outside the bounds.
func messages(rows pgx.Rows, name string, partition int, offset int64) ([]eventlog.Message, error) {
	var (
		read          []eventlog.Message
		bounds        eventlog.Bounds
		seq           *int64 // nil if there is no record
		appended, at  *time.Time
		id, kind, key []byte
		value         []byte
	)
	_, err := pgx.ForEachRow(rows, []any{&bounds.Oldest, &bounds.Next, &seq, &appended, &at, &id, &kind, &key, &value}, func() error {
		if err := bounds.Check(name, partition, offset); err != nil || seq == nil {
			return err
		}
		read = append(read, eventlog.Message{
			Record: eventlog.Record{ID: string(id), Kind: string(kind), Key: string(key), Value: value, At: at.UTC()},
			Topic:  name, Partition: partition, Offset: *seq, Appended: appended.UTC(),
		})
		return nil
	})
	return read, err
}

// Wait implements eventlog.Log.
func (l *Log) Wait(ctx context.Context, name string, partition int, offset int64) error {
	return l.serve(ctx, func() error {
		t, err := l.partition(ctx, name, partition)
		if err != nil {
			return err
		}
		arrived, leave := l.poller.wait(partitionKey{t.id, int32(partition)}, offset)
		defer leave()
		select {
		case <-arrived:
			return nil
		case <-l.closed:
			return eventlog.ErrClosed()
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// Ends implements eventlog.Log.
func (l *Log) Ends(ctx context.Context, name string) (ends []eventlog.Bounds, err error) {
	err = l.serve(ctx, func() error {
		t, err := l.topic(ctx, name)
		if err != nil {
			return err
		}
		ends, err = postgres.Collect(ctx, l.db, pgx.RowToStructByPos[eventlog.Bounds],
			"SELECT oldest, next FROM partitions WHERE topic = $1 ORDER BY partition", t.id)
		return err
	})
	return ends, err
}

// Commit implements eventlog.Log. It does not wait for the disk, for which orders wait too: PostgreSQL writes the commit
// within a second. If PostgreSQL crashes before, the group reads some messages again, as the port allows.
func (l *Log) Commit(ctx context.Context, group, name string, partition int, offset int64) error {
	if err := eventlog.CheckCommit(group, offset); err != nil {
		return err
	}
	return l.serve(ctx, func() error {
		t, err := l.partition(ctx, name, partition)
		if err != nil {
			return err
		}
		_, err = l.db.Exec(ctx, `INSERT INTO progress (reader, topic, partition, next)
			SELECT $1, $2, $3, $4 FROM (SELECT set_config('synchronous_commit', 'off', true)) AS soon
			ON CONFLICT (reader, topic, partition) DO UPDATE SET next = excluded.next`, group, t.id, partition, offset)
		return err
	})
}

// Committed implements eventlog.Log.
func (l *Log) Committed(ctx context.Context, group, name string, partition int) (offset int64, ok bool, err error) {
	err = l.serve(ctx, func() error {
		t, err := l.partition(ctx, name, partition)
		if err != nil {
			return err
		}
		err = l.db.Pool().QueryRow(ctx, "SELECT next FROM progress WHERE reader = $1 AND topic = $2 AND partition = $3",
			group, t.id, partition).Scan(&offset)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		ok = err == nil
		return err
	})
	return offset, ok, err
}

// Lead implements lead.Leader for the groups of servers that share the log.
func (l *Log) Lead(ctx context.Context, group string, work func(ctx context.Context) error) (bool, error) {
	select {
	case <-l.closed:
		return false, eventlog.ErrClosed()
	default:
		return l.db.Lead(ctx, "topics", group, work)
	}
}

// Join implements lead.Divider.
func (l *Log) Join(ctx context.Context, group string, work func(ctx context.Context, members lead.Count) error) error {
	select {
	case <-l.closed:
		return eventlog.ErrClosed()
	default:
		return l.db.Join(ctx, "topics", group, work)
	}
}

// Close implements eventlog.Log.
func (l *Log) Close() error {
	l.closing.Do(func() { close(l.closed) }) // ends the calls of Wait
	l.calls.Lock()
	defer l.calls.Unlock()
	l.poller.close()
	return nil
}
