package postgres

import (
	"context"
	"testing"

	"agora/engine/postgres/postgrestest"
	"agora/fault"
)

// TestALeadThatHangsIsTakenOver leads and sends nothing any more, as a process that was stopped.
func TestALeadThatHangsIsTakenOver(t *testing.T) {
	t.Parallel()
	url := server.EmptyDatabase(t)
	postgrestest.Execute(t, url, "CREATE TABLE topics ()")
	hung, healthy := postgrestest.Open(t, url, Open), postgrestest.Open(t, url, Open)
	leading, lost := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := hung.Lead(t.Context(), "topics", "views", func(ctx context.Context) error {
			close(leading)
			<-ctx.Done()
			return nil
		})
		lost <- err
	}()
	<-leading
	hung.leads.turn <- struct{}{} // so that it sends no heartbeats
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
	<-hung.leads.turn
	if err := <-lost; !fault.Is(err, fault.Unavailable) {
		t.Errorf("Lead = %v after the process hung, want fault.Unavailable", err)
	}
}

// TestLeadsShareAConnection has a process lead tasks and join groups.
func TestLeadsShareAConnection(t *testing.T) {
	t.Parallel()
	url := server.EmptyDatabase(t)
	postgrestest.Execute(t, url, "CREATE TABLE topics ()")
	d := postgrestest.Open(t, url, Open)
	var lead func(ctx context.Context, tasks ...string) error
	lead = func(ctx context.Context, tasks ...string) error {
		if len(tasks) == 0 {
			postgrestest.EndLeads(t, url) // which fails unless it is one connection
			return nil
		}
		_, err := d.Lead(ctx, "topics", tasks[0], func(ctx context.Context) error { return lead(ctx, tasks[1:]...) })
		return err
	}
	if err := lead(t.Context(), "outbox", "views", "orders"); err != nil && !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
}
