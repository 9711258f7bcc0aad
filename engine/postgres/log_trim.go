package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"agora/pattern/eventlog"
)

// trimBite is how many records are deleted at a time, so that no statement takes long.
const trimBite = 10_000

// dropped are records that trim_topic gave up and that are still there.
type dropped struct {
	Partition   int32
	Count       int64 // how many the call gave up
	First, Next int64 // the offsets of what is to be deleted; more than Count where an earlier call was cut off
}

// Trim implements eventlog.Log. The bounds move first, in a moment; what is then outside of them is deleted
// afterwards and delays nobody. A call that is cut off leaves that to the next.
func (l *Log) Trim(ctx context.Context, name string, keep eventlog.Retention) (count int64, err error) {
	err = l.serve(ctx, func() error {
		t, err := l.topic(ctx, name)
		if err != nil {
			return err
		}
		ranges, err := collect(ctx, l.db, pgx.RowToStructByPos[dropped],
			"SELECT part, dropped, first, oldest FROM trim_topic($1, $2, $3)", t.id, keep.Since.UTC(), keep.Bytes)
		if err != nil {
			return fmt.Errorf("trim %s: %w", name, err)
		}
		for _, d := range ranges {
			count += d.Count
		}
		for _, d := range ranges {
			if err := l.delete(ctx, t, d); err != nil {
				return fmt.Errorf("trim %s/%d: %w", name, d.Partition, err)
			}
		}
		return nil
	})
	return count, err
}

func (l *Log) delete(ctx context.Context, t topic, d dropped) error {
	for from := d.First; from < d.Next; from += trimBite {
		_, err := l.db.exec(ctx, "DELETE FROM records WHERE topic = $1 AND partition = $2 AND seq >= $3 AND seq < $4",
			pgx.QueryExecModeCacheDescribe, t.id, d.Partition, from, min(from+trimBite, d.Next))
		if err != nil {
			return err
		}
	}
	return nil
}
