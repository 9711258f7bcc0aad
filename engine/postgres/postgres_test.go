package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres/postgrestest"
)

var server postgrestest.Server

func TestMain(m *testing.M) { server.Main(m) }

// databases are what tests have had. One that a test is done with is emptied for another, as that is faster than to copy
// one, of which PostgreSQL itself fills seven megabytes.
var databases struct {
	template sync.Once // makes the one with all tables
	copies   atomic.Int64

	mu   sync.Mutex
	free []string // URLs
}

// newDatabase returns the URL of a database with all tables and nothing in them, for this test alone.
func newDatabase(tb testing.TB) string {
	tb.Helper()
	base := server.URL(tb)
	databases.template.Do(func() {
		d, err := Open(tb.Context(), base)
		if err != nil {
			tb.Fatal(err)
		}
		for _, schema := range []string{"accounts", "personal", "catalog", "orders", "views", "events"} {
			err = errors.Join(err, d.migrate(tb.Context(), schema))
		}
		if err = errors.Join(err, d.Close()); err != nil {
			tb.Fatal(err)
		}
	})
	url, found := freeDatabase()
	if !found {
		url = create(tb, " TEMPLATE agora")
	}
	tb.Cleanup(func() { // which comes after those of who opens it
		if !tb.Failed() {
			execute(tb, url, emptied)
			databases.mu.Lock()
			defer databases.mu.Unlock()
			databases.free = append(databases.free, url)
		}
	})
	return url
}

func freeDatabase() (url string, found bool) {
	databases.mu.Lock()
	defer databases.mu.Unlock()
	if len(databases.free) == 0 {
		return "", false
	}
	url = databases.free[0]
	databases.free = databases.free[1:]
	return url, true
}

// emptied brings all tables and sequences to where the migrations left them.
const emptied = `DO $$
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
	INSERT INTO outbox VALUES (true, 0);
END $$`

// emptyDatabase returns the URL of a new database without tables.
func emptyDatabase(tb testing.TB) string { return create(tb, "") }

func create(tb testing.TB, like string) string {
	tb.Helper()
	u, err := url.Parse(server.URL(tb))
	if err != nil {
		tb.Fatal(err)
	}
	name := fmt.Sprintf("copy_%d", databases.copies.Add(1))
	u.Path = "/postgres"
	execute(tb, u.String(), "CREATE DATABASE "+name+like)
	u.Path = "/" + name
	return u.String()
}

// execute runs a statement over a connection of its own, also at the end of a test.
func execute(tb testing.TB, url, statement string) {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context())
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = conn.Exec(ctx, statement)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		tb.Fatal(err)
	}
}

// open opens a database and closes it with the test.
func open(tb testing.TB, url string) *Database {
	tb.Helper()
	d, err := Open(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Error(err)
		}
	})
	return d
}

// must returns a value that came without an error.
func must[T any](tb testing.TB) func(T, error) T {
	return func(value T, err error) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return value
	}
}
