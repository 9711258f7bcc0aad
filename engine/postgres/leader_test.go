package postgres

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres/postgrestest"
)

// TestALeadThatHangsIsTakenOver takes the lead and does nothing any more, as a process that was stopped.
func TestALeadThatHangsIsTakenOver(t *testing.T) {
	t.Parallel()
	url := server.EmptyDatabase(t)
	postgrestest.Execute(t, url, "CREATE TABLE topics ()")
	hung, healthy := postgrestest.Open(t, url, Open), postgrestest.Open(t, url, Open)
	conn := postgrestest.Must[*pgx.Conn](t)(hung.elect(t.Context(), "topics", "views"))
	if conn == nil {
		t.Fatal("nobody leads and the lead cannot be had")
	}
	defer func() { _ = conn.Close(t.Context()) }() // the server has closed it
	tries := 0
	for led := false; !led; tries++ {
		var err error
		if led, err = healthy.Lead(t.Context(), "topics", "views", func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if tries == 1 {
		t.Error("two had the lead")
	}
}
