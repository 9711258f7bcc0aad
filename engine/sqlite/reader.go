package sqlite

import (
	"context"
	"database/sql"
)

// reader reads a database through a pool of connections that see the last commit. It waits until what it returns is
// durable, so that no caller relies on a commit that a crash could undo.
type reader struct {
	pool    *sql.DB
	durable *durability
}

func (r reader) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	// The driver steps to the first row at once, which fixes the commit that the rows are of.
	rows, err := r.pool.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	if err := r.durable.waitForVisible(); err != nil {
		_ = rows.Close() // the error of the disk explains more
		return nil, err
	}
	return rows, nil
}

// queryRow scans the only row into dest; sql.ErrNoRows says that there is none.
func (r reader) queryRow(ctx context.Context, query string, args []any, dest ...any) error {
	err := r.pool.QueryRowContext(ctx, query, args...).Scan(dest...)
	if failure := r.durable.waitForVisible(); failure != nil {
		return failure
	}
	return err
}
