package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Collect returns all rows of a query as values.
func Collect[T any](ctx context.Context, d *Database, scan func(pgx.CollectableRow) (T, error), query string, args ...any) ([]T, error) {
	rows, err := d.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, Classify(err)
	}
	all, err := pgx.CollectRows(rows, scan)
	return all, Classify(err)
}

// Each visits all rows of a query as values, all of the same moment, however long the visits take.
func Each[T any](ctx context.Context, d *Database, scan func(pgx.CollectableRow) (T, error), visit func(T) error, query string) error {
	err := pgx.BeginTxFunc(ctx, d.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			value, err := scan(rows)
			if err == nil {
				err = visit(value)
			}
			if err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return Classify(err)
}

// Exec executes one statement as a transaction and returns how many rows it changed.
func (d *Database) Exec(ctx context.Context, statement string, args ...any) (int64, error) {
	var changed int64
	err := Retry(ctx, func(ctx context.Context) error {
		tag, err := d.pool.Exec(ctx, statement, args...)
		changed = tag.RowsAffected()
		return err
	})
	return changed, err
}

// Transact executes work in a transaction, and repeats it after a deadlock or a conflict with other transactions. work
// returns the last statements of the transaction as a batch. They are sent together with the commit, so that the locks that
// they take are held for one round trip only.
func (d *Database) Transact(ctx context.Context, work func(tx pgx.Tx) (*pgx.Batch, error)) error {
	return Retry(ctx, func(ctx context.Context) error {
		conn, err := d.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release() // closes the connection if its transaction is still open
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		last, err := work(tx)
		if err != nil {
			// A failed rollback is ignored: the connection is then lost, and the server rolls back.
			_ = tx.Rollback(context.WithoutCancel(ctx))
			return err
		}
		last.Queue("COMMIT")
		return conn.SendBatch(ctx, last).Close()
	})
}
