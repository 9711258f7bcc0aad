package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// Planned is a text parameter that is compared with a column of a join. SQLite plans a statement with a bare parameter
// there, or in its LIMIT (write ?+0), again for each value, which takes longer than most joins.
const Planned = "?||''"

// Statements prepares each query text once for each connection of the readers. The texts must come from a bounded set:
// all that a caller chooses goes into the arguments. What they read may not be durable yet.
type Statements struct {
	db       *sql.DB
	mu       sync.RWMutex
	prepared map[string]*sql.Stmt
}

// Statements returns prepared statements on the readers of the database. Close them before the database.
func (d *Database) Statements() *Statements {
	return &Statements{db: d.reader.pool, prepared: map[string]*sql.Stmt{}}
}

// Query returns the rows of a statement that reads. Collect and Each take its result.
func (s *Statements) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := s.prepare(ctx, query)
	if err != nil {
		return nil, Classify(err)
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return rows, Classify(err)
}

// QueryRow scans the only row into dest; sql.ErrNoRows says that there is none.
func (s *Statements) QueryRow(ctx context.Context, query string, args []any, dest ...any) error {
	stmt, err := s.prepare(ctx, query)
	if err != nil {
		return Classify(err)
	}
	return Classify(stmt.QueryRowContext(ctx, args...).Scan(dest...))
}

func (s *Statements) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt, ok := s.prepared[query]
	s.mu.RUnlock()
	if ok {
		return stmt, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt, ok := s.prepared[query]; ok {
		return stmt, nil
	}
	stmt, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	s.prepared[query] = stmt
	return stmt, nil
}

// Close closes the prepared statements.
func (s *Statements) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, stmt := range s.prepared {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}
