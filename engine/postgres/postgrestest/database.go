package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Database returns the URL of a database for this test alone. It has the tables that Prepare makes, and no rows but
// those of Rows. After the test it is emptied for the next test, because a new database takes longer: PostgreSQL copies
// seven megabytes of its own tables into each.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	template := s.URL(tb)
	s.prepared.Do(func() {
		if err := s.Prepare(tb.Context(), template); err != nil {
			tb.Fatal(err)
		}
	})
	database, found := s.takeFree()
	if !found {
		database = s.create(tb, " TEMPLATE agora")
	}
	tb.Cleanup(func() { // which runs after the cleanups of those who open the database
		if !tb.Failed() {
			Execute(tb, database, truncate)
			Execute(tb, database, s.Rows)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.free = append(s.free, database)
		}
	})
	return database
}

// EmptyDatabase returns the URL of a new database without tables.
func (s *Server) EmptyDatabase(tb testing.TB) string {
	tb.Helper()
	s.URL(tb)
	return s.create(tb, "")
}

func (s *Server) takeFree() (database string, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) == 0 {
		return "", false
	}
	database = s.free[0]
	s.free = s.free[1:]
	return database, true
}

func (s *Server) create(tb testing.TB, options string) string {
	tb.Helper()
	u, err := url.Parse(s.url)
	if err != nil {
		tb.Fatal(err)
	}
	name := fmt.Sprintf("copy_%d", s.copies.Add(1))
	u.Path = "/postgres"
	Execute(tb, u.String(), "CREATE DATABASE "+name+options)
	u.Path = "/" + name
	return u.String()
}

// truncate removes the rows of all tables but those of the migrations, and begins all sequences again.
const truncate = `DO $$
DECLARE
	name     text;
	anything boolean;
BEGIN
	FOR name IN SELECT oid::regclass FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname NOT LIKE 'migrations_of_%' LOOP
		EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO anything;
		IF anything THEN
			EXECUTE 'TRUNCATE ' || name || ' CASCADE';
		END IF;
	END LOOP;
	PERFORM setval(oid::regclass, 1, false) FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' AND relname NOT LIKE 'migrations_of_%';
END $$`

// Execute runs statements over a connection of its own, also in the cleanup of a test.
func Execute(tb testing.TB, url, statements string) {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context())
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = conn.Exec(ctx, statements)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		tb.Fatal(err)
	}
}

// EndLeads ends the one connection that has leads in the database at a URL, as PostgreSQL does when a process dies.
func EndLeads(tb testing.TB, url string) {
	tb.Helper()
	Execute(tb, url, `DO $$ BEGIN
		ASSERT (SELECT count(pg_terminate_backend(pid)) FROM (SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) leaders) = 1, 'not one connection has a lead';
	END $$`)
}

// Open opens the database at a URL with postgres.Open, which this package cannot import, and closes it with the test.
func Open[D io.Closer](tb testing.TB, url string, open func(ctx context.Context, url string) (D, error)) D {
	tb.Helper()
	d := Must[D](tb)(open(tb.Context(), url))
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Error(err)
		}
	})
	return d
}

// Must returns a function that returns its value, or fails the test if there is an error.
func Must[T any](tb testing.TB) func(T, error) T {
	return func(value T, err error) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return value
	}
}

// InParallel calls do n times at the same time, and returns after all of them.
func InParallel(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// Describe returns all that a database has: its tables with columns, indexes and constraints, its functions, and the
// versions of its schemas. Two databases with the same description are of the same form.
func Describe(tb testing.TB, pool *pgxpool.Pool) string {
	tb.Helper()
	const query = `
		SELECT format('column %s.%s %s null=%s default=%s identity=%s collate=%s', table_name, column_name, data_type,
			is_nullable, column_default, identity_generation, collation_name)
			FROM information_schema.columns WHERE table_schema = 'public'
		UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
		UNION ALL SELECT format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid))
			FROM pg_constraint WHERE connamespace = 'public'::regnamespace
		UNION ALL SELECT format('options %s %s', oid::regclass, reloptions)
			FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
		UNION ALL SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
		ORDER BY 1`
	rows, err := pool.Query(tb.Context(), query)
	if err != nil {
		tb.Fatal(err)
	}
	lines := Must[[]string](tb)(pgx.CollectRows(rows, pgx.RowTo[string]))
	rows, err = pool.Query(tb.Context(), `SELECT table_name::text FROM information_schema.tables
		WHERE table_schema = 'public' AND table_name LIKE 'migrations_of_%' ORDER BY 1`)
	if err != nil {
		tb.Fatal(err)
	}
	for _, table := range Must[[]string](tb)(pgx.CollectRows(rows, pgx.RowTo[string])) {
		var versions string
		err := pool.QueryRow(tb.Context(), "SELECT string_agg(version_id || ' at ' || tstamp, ', ' ORDER BY id) FROM "+table).Scan(&versions)
		if err != nil {
			tb.Fatal(err)
		}
		lines = append(lines, table+": "+versions)
	}
	return strings.Join(lines, "\n")
}
