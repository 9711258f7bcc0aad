package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"agora/pattern/outbox"
)

var _ outbox.Leader = (*Orders)(nil)

const (
	heartbeat        = time.Second     // how often a leader asks whether its connection is there
	heartbeatTimeout = 3 * time.Second // after which it takes it for lost
)

// leadLock names the lead of this schema's outbox. The lock belongs to a connection, and so does not outlive the
// process: the server gives it back when the connection breaks, or after the time of the keepalives in params.
const leadLock = "'outbox'::regclass::oid::bigint"

// Lead implements outbox.Leader. A leader that is cut off may be at its last batch while the next one begins;
// what both carry on is the same, in the same order.
func (s *Orders) Lead(ctx context.Context, work func(ctx context.Context) error) (bool, error) {
	conn, err := s.db.pool.Acquire(ctx)
	if err != nil {
		return false, classify(fmt.Errorf("try to lead: %w", err))
	}
	defer conn.Release()
	var led bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock("+leadLock+")").Scan(&led); err != nil || !led {
		return false, classify(err)
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
	if lost := context.Cause(leading); !errors.Is(lost, context.Canceled) && ctx.Err() == nil {
		return true, classify(fmt.Errorf("the lead is lost: %w", lost))
	}
	return true, s.resign(ctx, conn, err)
}

// beat returns when the connection does not answer, or ctx ends.
func beat(ctx context.Context, conn *pgxpool.Conn) error {
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

// resign gives the lead to others. A connection that does not answer is closed, which does the same.
func (s *Orders) resign(ctx context.Context, conn *pgxpool.Conn, result error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), heartbeatTimeout)
	defer cancel()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_unlock("+leadLock+")"); err != nil {
		_ = conn.Conn().Close(ctx)
	}
	return result
}
