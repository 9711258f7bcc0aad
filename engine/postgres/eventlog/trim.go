package eventlog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/pattern/eventlog"
)

// trimStep is how many records one statement deletes, so that no statement takes long.
const trimStep = 10_000

// trimmed is a range of records that are below the oldest offset of their partition and still have rows.
type trimmed struct {
	Partition   int32
	First, Next int64 // offsets
}

// selectTrimmed returns the range of each partition. The range may begin below the bounds before this call, because an
// earlier call may have been interrupted. The statement may step over many deleted rows, and so takes no locks.
const selectTrimmed = `SELECT p.partition, r.seq, p.oldest FROM partitions p CROSS JOIN LATERAL (
		SELECT seq FROM records WHERE topic = $1 AND partition = p.partition AND seq < p.oldest ORDER BY seq LIMIT 1) r
	WHERE p.topic = $1`

// Trim implements eventlog.Log. It moves the bounds first, in one short statement, and then deletes the rows
// outside of the bounds, which delays no other call. If a call is interrupted, the next one deletes the rest.
func (l *Log) Trim(ctx context.Context, name string, keep eventlog.Retention) (dropped int64, err error) {
	err = l.serve(ctx, func() error {
		t, err := l.topic(ctx, name)
		if err != nil {
			return err
		}
		err = l.db.Pool().QueryRow(ctx, "SELECT trim_topic($1, $2, $3)", t.id, keep.Since.UTC(), keep.Bytes).Scan(&dropped)
		if err != nil {
			return fmt.Errorf("trim %s: %w", name, err)
		}
		left, err := postgres.Collect(ctx, l.db, pgx.RowToStructByPos[trimmed], selectTrimmed, pgx.QueryExecModeCacheDescribe, t.id)
		if err != nil {
			return fmt.Errorf("trim %s: %w", name, err)
		}
		for _, rows := range left {
			if err := l.delete(ctx, t, rows); err != nil {
				return fmt.Errorf("trim %s/%d: %w", name, rows.Partition, err)
			}
		}
		return nil
	})
	return dropped, err
}

func (l *Log) delete(ctx context.Context, t topic, rows trimmed) error {
	for from := rows.First; from < rows.Next; from += trimStep {
		_, err := l.db.Exec(ctx, "DELETE FROM records WHERE topic = $1 AND partition = $2 AND seq >= $3 AND seq < $4",
			pgx.QueryExecModeCacheDescribe, t.id, rows.Partition, from, min(from+trimStep, rows.Next))
		if err != nil {
			return err
		}
	}
	return nil
}
