package orders

import (
	"fmt"
	"testing"

	"agora/engine/postgres"
	"agora/engine/postgres/postgrestest"
	"agora/fault"
	"agora/shop"
	"agora/shop/shoptest"
)

// TestADeadlockIsTriedAgain makes two transactions wait for each other.
func TestADeadlockIsTriedAgain(t *testing.T) {
	t.Parallel()
	servers := stocked(t, 2, 10, "A", "B")
	first, err := servers[0].db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// This transaction locks B before A, which the store never does, and leaves it to the other one to find the deadlock.
	for _, statement := range []string{"SET LOCAL deadlock_timeout = '1min'", "SELECT FROM stock WHERE sku = 'B' FOR UPDATE"} {
		if _, err := first.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	placed := make(chan error, 1)
	go func() {
		_, err := servers[1].Place(t.Context(), shoptest.Placement("", "A", "B"))
		placed <- err
	}()
	if _, err := first.Exec(t.Context(), "SELECT pg_sleep(0.2)"); err != nil { // until the other transaction has locked A
		t.Fatal(err)
	}
	if _, err := first.Exec(t.Context(), "SELECT FROM stock WHERE sku = 'A' FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-placed; err != nil {
		t.Errorf("the order that was in a deadlock = %v, want it stored", err)
	}
}

func TestAStatementThatTakesTooLongIsUnavailable(t *testing.T) {
	url := server.Database(t)
	patient, hasty := openOrders(t, url), openOrders(t, url+"&statement_timeout=50ms")
	err := patient.Import(t.Context(), shop.ImportBatch{Source: "test", Progress: []byte{}, Stock: []shop.Stock{{SKU: "A", OnHand: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	holding, err := patient.db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holding.Exec(t.Context(), "SELECT FROM stock FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	if _, err := hasty.Place(t.Context(), shoptest.Placement("", "A")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("place = %v, want fault.Unavailable", err)
	}
	if err := holding.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = hasty.Place(t.Context(), shoptest.Placement("", "A"))
	for fault.Is(err, fault.Unavailable) { // a busy machine may take longer than the timeout
		_, err = hasty.Place(t.Context(), shoptest.Placement("", "A"))
	}
	if err != nil {
		t.Errorf("place = %v once the row is free", err)
	}
}

func TestConnectionsThatBrokeAreReplaced(t *testing.T) {
	s := stocked(t, 1, 10, "A")[0]
	other := postgrestest.Open(t, s.db.Pool().Config().ConnString(), postgres.Open)
	if _, err := other.Pool().Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for range s.db.Pool().Config().MaxConns + 1 {
		_, err := s.Place(t.Context(), shoptest.Placement("", "A"))
		if err == nil {
			return
		}
		if failed++; !fault.Is(err, fault.Unavailable) {
			t.Errorf("place over a broken connection = %v, want fault.Unavailable", err)
		}
	}
	t.Errorf("%d orders failed after the connections broke", failed)
}

// TestWhatCannotBeStoredFailsAlone has a key that is not text in a group of valid ones.
func TestWhatCannotBeStoredFailsAlone(t *testing.T) {
	s := stocked(t, 1, 100, "A")[0]
	group := make([]*write, 5)
	for i := range group {
		p := shoptest.Placement(fmt.Sprint("usr_1/", i), "A")
		group[i] = newWrite(p.Transition, []byte(`{"id":"`+p.Order.ID+`"}`), p.Key)
		group[i].placed = true
	}
	bad := group[2]
	bad.key = "usr_1/\xff"
	if err := s.storeGroup(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	for _, w := range group {
		if want := w == bad; fault.Is(w.Err, fault.Invalid) != want || (w.Err != nil) != want {
			t.Errorf("key %q = %v, want it refused: %v", w.key, w.Err, want)
		}
	}
	if left, err := s.Stock(t.Context(), []string{"A"}); err != nil || left[0].Held != 4 {
		t.Errorf("stock = %+v, %v; want 4 held", left, err)
	}
}

func TestClosedStoresRefuse(t *testing.T) {
	d, err := postgres.Open(t.Context(), server.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	s := postgrestest.Must[*Store](t)(Open(t.Context(), d))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Place(t.Context(), shoptest.Placement("", "A")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("place = %v, want fault.Unavailable", err)
	}
	if _, err := s.Order(t.Context(), "ord_1"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("order = %v, want fault.Unavailable", err)
	}
}
