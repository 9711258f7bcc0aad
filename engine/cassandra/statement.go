package cassandra

import (
	"context"
	"errors"

	gocql "github.com/apache/cassandra-gocql-driver/v2"
	"golang.org/x/sync/errgroup"
)

// Statement is a statement of CQL with its values. It is prepared when it is used for the first time, and goes to a node that
// has its partition.
type Statement struct {
	CQL    string
	Values []any
}

// Of returns a statement with its values.
func Of(cql string, values ...any) Statement { return Statement{cql, values} }

// Write executes statements that write rows of one partition. All of them take effect at once: a read has all or none.
func (k *Keyspace) Write(ctx context.Context, statements ...Statement) error {
	if len(statements) == 0 {
		return nil
	}
	if err := k.begin(ctx); err != nil {
		return err
	}
	defer k.end()
	if s := statements[0]; len(statements) == 1 {
		return classify(k.session.Query(s.CQL, s.Values...).ExecContext(ctx))
	}
	batch := k.session.Batch(gocql.UnloggedBatch)
	for _, s := range statements {
		batch.Query(s.CQL, s.Values...)
	}
	return classify(batch.ExecContext(ctx))
}

// WriteAll writes several partitions at the same time, each as Write does. Some may be written when it fails.
func (k *Keyspace) WriteAll(ctx context.Context, partitions ...[]Statement) error {
	return Each(ctx, len(partitions), func(ctx context.Context, i int) error { return k.Write(ctx, partitions[i]...) })
}

// Read executes a statement that reads, and calls row after the columns of each row are in dest. A dest that is a []byte or a
// map is used again for the next row.
func (k *Keyspace) Read(ctx context.Context, s Statement, dest []any, row func() error) error {
	if err := k.begin(ctx); err != nil {
		return err
	}
	defer k.end()
	return scan(k.session.Query(s.CQL, s.Values...).IterContext(ctx), dest, row)
}

// ReadSerial is Read that sees all conditional writes that have ended, and ends those that a node has left half done.
func (k *Keyspace) ReadSerial(ctx context.Context, s Statement, dest []any, row func() error) error {
	if err := k.begin(ctx); err != nil {
		return err
	}
	defer k.end()
	return scan(k.session.Query(s.CQL, s.Values...).Consistency(gocql.LocalSerial).IterContext(ctx), dest, row)
}

func scan(iter *gocql.Iter, dest []any, row func() error) error {
	var err error
	for err == nil && iter.Scan(dest...) {
		err = row()
	}
	if closed := iter.Close(); err == nil {
		err = classify(closed)
	}
	return err
}

// Get reads one row; ok is false if there is none.
func (k *Keyspace) Get(ctx context.Context, s Statement, dest ...any) (ok bool, err error) {
	err = k.Read(ctx, s, dest, func() error {
		ok = true
		return nil
	})
	return ok, err
}

// WriteIf executes a conditional write (a lightweight transaction), and reports whether the condition held. If it did not, and
// dest is given, the row that is there is in dest. An error with Uncertain means that the write may have taken effect, now or later:
// ReadSerial shows it.
func (k *Keyspace) WriteIf(ctx context.Context, s Statement, dest ...any) (applied bool, err error) {
	if err := k.begin(ctx); err != nil {
		return false, err
	}
	defer k.end()
	applied, err = k.session.Query(s.CQL, s.Values...).Idempotent(false).ScanCASContext(ctx, dest...)
	return applied, classify(err)
}

// Uncertain reports whether a write that failed may have taken effect, or may take effect later.
func Uncertain(err error) bool {
	answer, answered := errors.AsType[gocql.RequestError](err)
	if !answered {
		return err != nil && !errors.Is(err, gocql.ErrNoConnections)
	}
	switch answer.Code() {
	case gocql.ErrCodeWriteTimeout, gocql.ErrCodeReadTimeout, gocql.ErrCodeWriteFailure, gocql.ErrCodeCASWriteUnknown, gocql.ErrCodeServer:
		return true
	default:
		return false
	}
}

// Each calls do for 0 to n-1, several at a time, and returns the first error. The others may not be called then.
func Each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	if n == 1 {
		return do(ctx, 0)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(inProgressOfCall)
	for i := range n {
		if groupCtx.Err() != nil {
			break
		}
		group.Go(func() error { return do(groupCtx, i) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// begin waits until there are few enough requests in progress, so that a burst waits here and not in the nodes.
func (k *Keyspace) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case k.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *Keyspace) end() { <-k.slots }
