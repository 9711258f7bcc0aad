package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	heartbeat        = time.Second     // how often a leader asks whether its connection is there
	heartbeatTimeout = 3 * time.Second // after which it takes it for lost
	// hung is how long the server waits for the heartbeat. Then it ends the connection, and the lead with it, of a
	// process that was stopped or whose machine is gone.
	hung = "5s"
)

// Lead calls work if nobody else leads the task on the data of a table, and reports whether it did. The lead is a
// lock that belongs to a connection, which leaves the pool for that long, so that the pool serves the others with
// all that it may open.
func (d *Database) Lead(ctx context.Context, table, task string, work func(ctx context.Context) error) (bool, error) {
	conn, err := d.elect(ctx, table, task)
	if err != nil || conn == nil {
		return false, Classify(err)
	}
	leading, lose := context.WithCancelCause(ctx)
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		lose(beat(leading, conn))
	}()
	err = work(leading)
	lose(nil)
	<-beating
	resign(ctx, conn)
	if lost := context.Cause(leading); !errors.Is(lost, context.Canceled) && ctx.Err() == nil {
		return true, Classify(fmt.Errorf("the lead of %s is lost: %w", task, lost))
	}
	return true, err
}

// elect returns a connection that has the lead, or nil if another one has it. The table's number keeps apart what is
// called alike in several schemas of a database.
func (d *Database) elect(ctx context.Context, table, task string) (*pgx.Conn, error) {
	pooled, err := d.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("try to lead %s: %w", task, err)
	}
	var led bool
	err = pooled.QueryRow(ctx, "SELECT pg_try_advisory_lock(to_regclass($1)::oid::int, $2)",
		table, int32(crc32.ChecksumIEEE([]byte(task)))).Scan(&led)
	if err != nil || !led {
		pooled.Release()
		return nil, err
	}
	conn := pooled.Hijack()
	if _, err := conn.Exec(ctx, "SET idle_session_timeout = '"+hung+"'"); err != nil {
		resign(ctx, conn)
		return nil, fmt.Errorf("begin to lead %s: %w", task, err)
	}
	return conn, nil
}

// beat returns when the connection does not answer, or ctx ends.
func beat(ctx context.Context, conn *pgx.Conn) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(heartbeat):
		}
		// Not stopped by ctx, since to interrupt a question breaks the connection.
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), heartbeatTimeout)
		err := conn.Ping(asking)
		cancel()
		if err != nil {
			return err
		}
	}
}

// resign gives the lead to others before it returns, if the server answers: the end of a connection is seen there
// only some time later.
func resign(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), heartbeatTimeout)
	defer cancel()
	if !conn.IsClosed() {
		_, _ = conn.Exec(ctx, "SELECT pg_advisory_unlock_all()") // to close the connection does the same
	}
	_ = conn.Close(ctx) // nothing is left that could fail
}
