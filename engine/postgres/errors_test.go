package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"agora/fault"
	"agora/shop"
	"agora/shop/shoptest"
)

func TestErrorsOfTheDriverAreClassified(t *testing.T) {
	for code, want := range map[string]fault.Kind{
		"40001": fault.Unavailable, "40P01": fault.Unavailable, "55P03": fault.Unavailable, "57014": fault.Unavailable,
		"25006": fault.Unavailable, "08006": fault.Unavailable, "53300": fault.Unavailable, "57P01": fault.Unavailable,
		"58030": fault.Unavailable, "42601": fault.Internal, "23514": fault.Internal,
	} {
		if got := fault.KindOf(classify(&pgconn.PgError{Code: code})); got != want {
			t.Errorf("%s is %v, want %v", code, got, want)
		}
	}
	for err, want := range map[error]fault.Kind{
		io.ErrUnexpectedEOF: fault.Unavailable, &pgconn.ConnectError{}: fault.Unavailable,
		context.DeadlineExceeded: fault.Timeout, errors.New("a bug"): fault.Internal, fault.ErrNotFound("order", "1"): fault.NotFound,
	} {
		if got := fault.KindOf(classify(err)); got != want {
			t.Errorf("%v is %v, want %v", err, got, want)
		}
	}
}

func TestTransactionsAreTriedAgainWithinBounds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fails int
		err   error
		calls int
		want  fault.Kind
	}{
		{"in the way once", 1, &pgconn.PgError{Code: "40001"}, 2, 0},
		{"a deadlock", 2, &pgconn.PgError{Code: "40P01"}, 3, 0},
		{"in the way for ever", 99, &pgconn.PgError{Code: "40001"}, attempts, fault.Unavailable},
		{"refused", 99, fault.ErrInvalid("x", "is wrong"), 1, fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			err := retrying(t.Context(), func(context.Context) error {
				if calls++; calls <= tt.fails {
					return tt.err
				}
				return nil
			})
			if calls != tt.calls || (err != nil) != (tt.want != 0) || err != nil && fault.KindOf(err) != tt.want {
				t.Errorf("%d calls and %v, want %d and %v", calls, err, tt.calls, tt.want)
			}
		})
	}
}

// TestADeadlockIsTriedAgain makes two transactions wait for each other.
func TestADeadlockIsTriedAgain(t *testing.T) {
	t.Parallel()
	servers := stocked(t, 2, 10, "A", "B")
	first, err := servers[0].db.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// This one takes B before A, which nothing in this package does, and is in no hurry to find the deadlock.
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
	if _, err := first.Exec(t.Context(), "SELECT pg_sleep(0.2)"); err != nil { // until the other has A
		t.Fatal(err)
	}
	if _, err := first.Exec(t.Context(), "SELECT FROM stock WHERE sku = 'A' FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-placed; err != nil {
		t.Errorf("the order that was in a deadlock = %v, want it kept", err)
	}
}

func TestAStatementThatTakesTooLongIsUnavailable(t *testing.T) {
	url := newDatabase(t)
	patient, hasty := openOrders(t, url), openOrders(t, url+"&statement_timeout=50ms")
	err := patient.Import(t.Context(), shop.ImportBatch{Source: "test", Progress: []byte{}, Stock: []shop.Stock{{SKU: "A", OnHand: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	holding, err := patient.db.pool.Begin(t.Context())
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
	if _, err := hasty.Place(t.Context(), shoptest.Placement("", "A")); err != nil {
		t.Errorf("place = %v once the row is free", err)
	}
}

func TestConnectionsThatBrokeAreReplaced(t *testing.T) {
	s := stocked(t, 1, 10, "A")[0]
	other := open(t, s.db.pool.Config().ConnString())
	if _, err := other.pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for range s.db.pool.Config().MaxConns + 1 {
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

func TestAServerThatIsAwayIsUnavailable(t *testing.T) {
	_, err := Open(t.Context(), "postgres://agora:hunter2@127.0.0.1:1/agora")
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("open = %v, want fault.Unavailable", err)
	}
	for _, bad := range []string{"postgres://agora:hunter2@db:none/agora", "postgres://agora:hunter2@db/agora?sslmode=perhaps"} {
		_, malformed := Open(t.Context(), bad)
		if malformed == nil {
			t.Errorf("%s was opened", bad)
		}
		err = errors.Join(err, malformed)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("an error shows the password: %v", err)
	}
}

// TestWhatCannotBeStoredFailsAlone puts a key that is no text among good ones.
func TestWhatCannotBeStoredFailsAlone(t *testing.T) {
	s := stocked(t, 1, 100, "A")[0]
	group := make([]*write, 5)
	for i := range group {
		p := shoptest.Placement(fmt.Sprint("usr_1/", i), "A")
		group[i] = &write{Transition: p.Transition, placed: true, key: p.Key, body: []byte(`{"id":"` + p.Order.ID + `"}`)}
	}
	bad := group[2]
	bad.key = "usr_1/\xff"
	if err := s.keep(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	for _, w := range group {
		if want := w == bad; fault.Is(w.err, fault.Invalid) != want || (w.err != nil) != want {
			t.Errorf("key %q = %v, want it refused: %v", w.key, w.err, want)
		}
	}
	if left, err := s.Stock(t.Context(), []string{"A"}); err != nil || left[0].Held != 4 {
		t.Errorf("stock = %+v, %v; want 4 held", left, err)
	}
}

func TestClosedStoresRefuse(t *testing.T) {
	d, err := Open(t.Context(), newDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	s := must[*Orders](t)(d.Orders(t.Context()))
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
