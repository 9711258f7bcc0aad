package postgres

import (
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

// template is a database with all tables, which others are copied from: faster than to migrate each.
var template struct {
	once   sync.Once
	copies atomic.Int64
}

// newDatabase returns the URL of a new database with all tables and nothing in them.
func newDatabase(tb testing.TB) string {
	tb.Helper()
	base := server.URL(tb)
	template.once.Do(func() {
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
	return create(tb, " TEMPLATE agora")
}

// emptyDatabase returns the URL of a new database without tables.
func emptyDatabase(tb testing.TB) string { return create(tb, "") }

func create(tb testing.TB, like string) string {
	tb.Helper()
	name := fmt.Sprintf("copy_%d", template.copies.Add(1))
	admin(tb, "CREATE DATABASE "+name+like)
	u, err := url.Parse(server.URL(tb))
	if err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// admin runs a statement outside of the databases of the tests.
func admin(tb testing.TB, statement string) {
	tb.Helper()
	config, err := pgx.ParseConfig(server.URL(tb))
	if err != nil {
		tb.Fatal(err)
	}
	config.Database = "postgres"
	conn, err := pgx.ConnectConfig(tb.Context(), config)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = conn.Exec(tb.Context(), statement)
	if err = errors.Join(err, conn.Close(tb.Context())); err != nil {
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
