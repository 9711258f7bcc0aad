package postgres

import (
	"context"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/jackc/pgx/v5"

	"agora/fault"
	"agora/pattern/lead"
)

const (
	heartbeat        = time.Second     // interval of the statements that show that the connection works
	heartbeatTimeout = 3 * time.Second // after which the connection counts as lost
	// hung is how long PostgreSQL waits for a heartbeat. Then it closes the connection, and frees the leads of a process
	// that was stopped or whose machine is gone.
	hung = "5s"
)

// leads are the leads and memberships of this process: advisory locks that all belong to one connection, outside of the
// pool. It is opened by the first attempt to lead, and again by the next attempt after it was lost.
type leads struct {
	turn    chan struct{} // holds an element while a goroutine uses the fields below or the connection
	session *session      // nil while there is no connection
	held    map[advisory]bool
	closed  bool
}

func newLeads() leads {
	return leads{turn: make(chan struct{}, 1), held: map[advisory]bool{}}
}

// session is a connection with leads.
type session struct {
	conn  *pgx.Conn
	alive context.Context // ends when the connection is lost
	lose  context.CancelCauseFunc
	done  chan struct{} // closed when the last heartbeat has ended
}

// advisory identifies a lock. The table's number keeps locks of several schemas of a database apart.
type advisory struct {
	table  string
	key    int32
	shared bool // any number of connections can hold it
}

func leadOf(table, task string) advisory {
	return advisory{table: table, key: int32(crc32.ChecksumIEEE([]byte(task)))}
}

func membershipOf(table, group string) advisory {
	return advisory{table: table, key: int32(crc32.ChecksumIEEE([]byte("members of " + group))), shared: true}
}

// Lead calls work if nobody else leads the task on the data of a table, and reports whether it did: see lead.Leader.
func (d *Database) Lead(ctx context.Context, table, task string, work func(ctx context.Context) error) (bool, error) {
	lock := leadOf(table, task)
	s, won, err := d.leads.acquire(ctx, d.connectLeads, lock)
	if err != nil || !won {
		return false, Classify(wrapf(err, "try to lead %s", task))
	}
	lost, err := d.leads.hold(ctx, s, lock, work)
	if lost != nil {
		return true, Classify(fmt.Errorf("the lead of %s is lost: %w", task, lost))
	}
	return true, err
}

// Join makes this process a member of a group on the data of a table while work runs: see lead.Divider.
func (d *Database) Join(ctx context.Context, table, group string, work func(ctx context.Context, members lead.Count) error) error {
	lock := membershipOf(table, group)
	s, joined, err := d.leads.acquire(ctx, d.connectLeads, lock)
	if err != nil {
		return Classify(fmt.Errorf("join %s: %w", group, err))
	}
	if !joined {
		return lead.ErrJoined(group)
	}
	members := func(ctx context.Context) (n int, err error) {
		err = d.pool.QueryRow(ctx, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND classid = to_regclass($1)::oid AND objid = $2::bigint::oid AND objsubid = 2`, table, int64(uint32(lock.key))).Scan(&n)
		return n, Classify(wrapf(err, "count the members of %s", group))
	}
	lost, err := d.leads.hold(ctx, s, lock, func(ctx context.Context) error { return work(ctx, members) })
	if lost != nil {
		return Classify(fmt.Errorf("the membership in %s is lost: %w", group, lost))
	}
	return err
}

func wrapf(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// connectLeads opens the connection of the leads.
func (d *Database) connectLeads(ctx context.Context) (*pgx.Conn, error) {
	config := d.pool.Config().ConnConfig
	config.RuntimeParams["idle_session_timeout"] = hung
	return pgx.ConnectConfig(ctx, config)
}

// acquire takes a lock, unless another process has it, or this one has.
func (l *leads) acquire(ctx context.Context, connect func(context.Context) (*pgx.Conn, error), lock advisory) (*session, bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if l.closed {
		return nil, false, ErrClosed()
	}
	if l.held[lock] {
		return nil, false, nil
	}
	if l.session == nil {
		conn, err := connect(ctx)
		if err != nil {
			return nil, false, err
		}
		l.begin(conn)
	}
	statement := "SELECT pg_try_advisory_lock(to_regclass($1)::oid::int, $2)"
	if lock.shared {
		statement = "SELECT pg_try_advisory_lock_shared(to_regclass($1)::oid::int, $2)"
	}
	s, won := l.session, false
	err := l.use(ctx, func(ctx context.Context) error {
		return s.conn.QueryRow(ctx, statement, lock.table, lock.key).Scan(&won)
	})
	if err != nil || !won {
		return nil, false, err
	}
	l.held[lock] = true
	return s, true, nil
}

// hold does the work under a lock and gives it up. It returns why the lock was lost, if it was, or the error of the work.
func (l *leads) hold(ctx context.Context, s *session, lock advisory, work func(ctx context.Context) error) (lost, err error) {
	held, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.alive, func() { cancel(context.Cause(s.alive)) })
	err = work(held)
	stop()
	cancel(nil)
	l.release(ctx, s, lock)
	if s.alive.Err() != nil && ctx.Err() == nil {
		return context.Cause(s.alive), nil
	}
	return nil, err
}

// release gives a lock up before it returns, so that another process can take it at once.
func (l *leads) release(ctx context.Context, s *session, lock advisory) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	delete(l.held, lock)
	if l.session != s {
		return // the connection was lost, with its locks
	}
	statement := "SELECT pg_advisory_unlock(to_regclass($1)::oid::int, $2)"
	if lock.shared {
		statement = "SELECT pg_advisory_unlock_shared(to_regclass($1)::oid::int, $2)"
	}
	err := l.use(ctx, func(ctx context.Context) error {
		_, err := s.conn.Exec(ctx, statement, lock.table, lock.key)
		return err
	})
	if err != nil {
		l.end(s, err) // this frees the lock too
	}
}

// use sends a statement over the connection. The context does not stop it, because an interrupted statement breaks the
// connection and loses all leads.
func (l *leads) use(ctx context.Context, send func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), heartbeatTimeout)
	defer cancel()
	s := l.session
	err := send(ctx)
	if s.conn.IsClosed() {
		l.end(s, err)
	}
	return err
}

// begin sends heartbeats over a new connection until its session ends.
func (l *leads) begin(conn *pgx.Conn) {
	alive, lose := context.WithCancelCause(context.Background())
	s := &session{conn: conn, alive: alive, lose: lose, done: make(chan struct{})}
	l.session = s
	go func() {
		defer close(s.done)
		for {
			select {
			case <-s.alive.Done():
				return
			case <-time.After(heartbeat):
			}
			if !l.beat(s) {
				return
			}
		}
	}()
}

// beat sends a heartbeat, and reports whether the session goes on.
func (l *leads) beat(s *session) bool {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-s.alive.Done():
		return false
	}
	if l.session != s {
		return false
	}
	if err := l.use(s.alive, s.conn.Ping); err != nil {
		l.end(s, err)
		return false
	}
	return true
}

// end ends a session, and with it all leads, unless it has ended.
func (l *leads) end(s *session, cause error) {
	if l.session != s {
		return
	}
	l.session = nil
	s.lose(fault.Wrap(fault.Unavailable, cause, "the connection of the leads is lost"))
	ctx, cancel := context.WithTimeout(context.Background(), heartbeatTimeout)
	defer cancel()
	_ = s.conn.Close(ctx) // the leads are lost, whether or not this succeeds
}

// close ends the session and prevents another one.
func (l *leads) close() {
	l.turn <- struct{}{}
	l.closed = true
	s := l.session
	if s != nil {
		l.end(s, ErrClosed())
	}
	<-l.turn
	if s != nil {
		<-s.done
	}
}
