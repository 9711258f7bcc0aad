package eventlog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/pattern/eventlog"
)

// trimBite is how many records are deleted at a time, so that no statement takes long.
const trimBite = 10_000

// leftover are rows of records that are before the beginning of their partition.
type leftover struct {
	Partition   int32
	First, Next int64 // their offsets
}

// leftovers finds the first of them in each partition, and not from where the bounds were: whoever trimmed before may
// not have come to the end of it. It may step over many rows that are deleted already, and so locks nothing.
const leftovers = `SELECT p.partition, r.seq, p.oldest FROM partitions p CROSS JOIN LATERAL (
		SELECT seq FROM records WHERE topic = $1 AND partition = p.partition AND seq < p.oldest ORDER BY seq LIMIT 1) r
	WHERE p.topic = $1`

// Trim implements eventlog.Log. The bounds move first, in a moment; what is then outside of them is deleted
// afterwards and delays nobody. A call that is cut off leaves that to the next.
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
		left, err := postgres.Collect(ctx, l.db, pgx.RowToStructByPos[leftover], leftovers, pgx.QueryExecModeCacheDescribe, t.id)
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

func (l *Log) delete(ctx context.Context, t topic, rows leftover) error {
	for from := rows.First; from < rows.Next; from += trimBite {
		_, err := l.db.Exec(ctx, "DELETE FROM records WHERE topic = $1 AND partition = $2 AND seq >= $3 AND seq < $4",
			pgx.QueryExecModeCacheDescribe, t.id, rows.Partition, from, min(from+trimBite, rows.Next))
		if err != nil {
			return err
		}
	}
	return nil
}
