package cassandratest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Rows executes a statement in the keyspace of URL, and returns the rows of a SELECT JSON, sorted, one a line.
func (s *Server) Rows(tb testing.TB, statement string) string {
	tb.Helper()
	iter := s.session.Query(statement).SetKeyspace(keyspace).IterContext(tb.Context())
	var (
		row  string
		rows []string
	)
	for len(iter.Columns()) > 0 && iter.Scan(&row) {
		rows = append(rows, row+"\n")
	}
	if err := iter.Close(); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
	slices.Sort(rows)
	return strings.Join(rows, "")
}

// Columns describes the columns of tables in the keyspace of URL, one a line.
func (s *Server) Columns(tb testing.TB, tables ...string) string {
	tb.Helper()
	var lines []string
	for _, table := range tables {
		iter := s.session.Query(`SELECT column_name, kind, position, clustering_order, type FROM system_schema.columns
			WHERE keyspace_name = ? AND table_name = ?`, keyspace, table).IterContext(tb.Context())
		var (
			name, kind, order, of string
			position              int
		)
		for iter.Scan(&name, &kind, &position, &order, &of) {
			lines = append(lines, fmt.Sprintf("%s.%s %s: %s %d %s\n", table, name, of, kind, position, order))
		}
		if err := iter.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	return strings.Join(lines, "")
}
