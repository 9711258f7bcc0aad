// Package shoptest has the conformance suites and benchmarks of the shop's ports. Engines that pass the suite of a port can
// replace each other. Only tests import it.
package shoptest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"agora/fault"
	"agora/ident"
	"agora/pattern/journal"
	"agora/pattern/outbox/outboxtest"
	"agora/pattern/saga"
	"agora/pattern/saga/sagatest"
	"agora/shop"
)

// Orders is the suite of shop.OrderStore. open returns an empty store that the test's cleanup closes.
func Orders(t *testing.T, open func(t *testing.T) shop.OrderStore) {
	tests := []struct {
		name string
		test func(*testing.T, shop.OrderStore)
	}{
		{"an order is stored with its stock and journal", testPlace},
		{"short stock refuses the whole order and names every SKU", testShort},
		{"a key is claimed once", testClaim},
		{"a key is claimed once by concurrent requests", testConcurrentClaims},
		{"a transition needs the preceding version", testAdvance},
		{"a move that the stock does not cover changes nothing", testAdvanceShort},
		{"units are given back to a SKU without stock", testGiveBack},
		{"concurrent orders never oversell", testOversell},
		{"the stock becomes what decide returns", testChangeStock},
		{"no concurrent change of stock is lost", testConcurrentStock},
		{"the audit sees which messages are relayed", testRelay},
		{"an import is stored as a whole, with its progress", testImport},
		{"audits see everything", testAudit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
	t.Run("saga.Store", func(t *testing.T) {
		sagatest.Run(t, func(t *testing.T) sagatest.Fixture { return sagaFixture(t, open(t)) })
	})
	t.Run("outbox.Source", func(t *testing.T) {
		outboxtest.Run(t, func(t *testing.T) outboxtest.Fixture { return outboxFixture(open(t)) })
	})
}

// kinds returns the kinds of the journal's entries of orders.
func kinds(t *testing.T, s shop.OrderStore) []string {
	t.Helper()
	entries, err := s.All(t.Context(), 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if e.Kind != shop.StockChanged {
			all = append(all, e.Kind)
		}
	}
	return all
}

func testPlace(t *testing.T, s shop.OrderStore) {
	setStock(t, s, 5, "A", "B")
	p := Placement("", "A", "B", "A")
	mustPlace(t, s, p)
	got, err := s.Order(t.Context(), p.Order.ID)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(p.Order) {
		t.Errorf("order =\n%+v, want\n%+v", got, p.Order)
	}
	wantStock(t, s, "A", 5, 2)
	wantStock(t, s, "B", 5, 1)
	if got := kinds(t, s); !slices.Equal(got, []string{shop.OrderPlaced}) {
		t.Errorf("journal = %v, want the placement", got)
	}
	if _, err := s.Order(t.Context(), ident.New(ident.Order)); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown order = %v, want fault.NotFound", err)
	}
	if _, err := s.Place(t.Context(), p); !fault.Is(err, fault.Conflict) {
		t.Errorf("the same order again = %v, want fault.Conflict", err)
	}
	wantStock(t, s, "A", 5, 2)
}

func testShort(t *testing.T, s shop.OrderStore) {
	setStock(t, s, 1, "A", "C")
	setStock(t, s, 9, "B")
	p := Placement("key", "A", "A", "B", "C", "none")
	_, err := s.Place(t.Context(), p)
	short, ok := errors.AsType[*shop.ShortStock](err)
	if !ok {
		t.Fatalf("place = %v, want *shop.ShortStock", err)
	}
	want := []shop.Short{{SKU: "A", Requested: 2, Available: 1}, {SKU: "none", Requested: 1, Available: 0}}
	if !slices.Equal(short.Short, want) {
		t.Errorf("short = %+v, want %+v", short.Short, want)
	}
	for sku, onHand := range map[string]int64{"A": 1, "B": 9, "C": 1} {
		wantStock(t, s, sku, onHand, 0)
	}
	if _, err := s.Order(t.Context(), p.Order.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("the failed order = %v, want fault.NotFound", err)
	}
	if got := kinds(t, s); len(got) != 0 {
		t.Errorf("the journal has %v, want nothing", got)
	}
	mustPlace(t, s, Placement("key", "A"))
}

func testClaim(t *testing.T, s shop.OrderStore) {
	setStock(t, s, 5, "A")
	first := Placement("usr_1/key", "A")
	mustPlace(t, s, first)
	claim, err := s.Place(t.Context(), Placement("usr_1/key", "A", "A"))
	if err != nil || claim == nil {
		t.Fatalf("the second request = %v, %v; want the claim", claim, err)
	}
	if claim.Order.ID != first.Order.ID || string(claim.RequestHash) != "asked for A" {
		t.Errorf("claim = %s %q, want the first request's", claim.Order.ID, claim.RequestHash)
	}
	wantStock(t, s, "A", 5, 1)
	if err := s.Advance(t.Context(), Confirmation(first)); err != nil {
		t.Fatal(err)
	}
	if claim, err = s.Place(t.Context(), Placement("usr_1/key", "A")); err != nil || claim == nil || claim.Order.State != shop.Confirmed {
		t.Errorf("a later repeat = %+v, %v; want the order as it is now", claim, err)
	}
	if claim, err = s.Claimed(t.Context(), "usr_1/key"); err != nil || claim == nil || claim.Order.ID != first.Order.ID || string(claim.RequestHash) != "asked for A" {
		t.Errorf("claimed = %+v, %v; want the first request's", claim, err)
	}
	for _, key := range []string{"usr_2/key", ""} {
		if claim, err = s.Claimed(t.Context(), key); err != nil || claim != nil {
			t.Errorf("claimed under %q = %+v, %v; want none", key, claim, err)
		}
	}
	mustPlace(t, s, Placement("usr_2/key", "A"))
	mustPlace(t, s, Placement("", "A"))
	mustPlace(t, s, Placement("", "A"))
}

func testConcurrentClaims(t *testing.T, s shop.OrderStore) {
	setStock(t, s, 100, "A")
	var stored, claimed int
	var mu sync.Mutex
	inParallel(16, func(int) {
		claim, err := s.Place(t.Context(), Placement("usr_1/key", "A"))
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			t.Error(err)
		case claim == nil:
			stored++
		default:
			claimed++
		}
	})
	if stored != 1 || claimed != 15 {
		t.Errorf("%d orders were stored and %d requests got the claim, want 1 and 15", stored, claimed)
	}
	wantStock(t, s, "A", 100, 1)
}

func inParallel(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

func testAdvance(t *testing.T, s shop.OrderStore) {
	setStock(t, s, 5, "A")
	p := Placement("", "A")
	if err := s.Advance(t.Context(), Confirmation(p)); !fault.Is(err, fault.NotFound) {
		t.Errorf("an order that is not there = %v, want fault.NotFound", err)
	}
	mustPlace(t, s, p)
	if err := s.Advance(t.Context(), Confirmation(p)); err != nil {
		t.Fatal(err)
	}
	wantStock(t, s, "A", 4, 0)
	if got, _ := s.Order(t.Context(), p.Order.ID); got.State != shop.Confirmed || got.Version != 2 {
		t.Errorf("order = %s at version %d, want confirmed at 2", got.State, got.Version)
	}
	if err := s.Advance(t.Context(), Confirmation(p)); !fault.Is(err, fault.Stale) {
		t.Errorf("the same transition again = %v, want fault.Stale", err)
	}
	wantStock(t, s, "A", 4, 0)
	if got, want := kinds(t, s), []string{shop.OrderPlaced, shop.OrderConfirmed}; !slices.Equal(got, want) {
		t.Errorf("journal = %v, want %v", got, want)
	}
	history, err := s.Stream(t.Context(), p.Order.ID, 1, 10)
	if err != nil || len(history) != 1 || history[0].Kind != shop.OrderConfirmed {
		t.Errorf("history after version 1 = %+v, %v; want the confirmation", history, err)
	}
}

func testAdvanceShort(t *testing.T, s shop.OrderStore) {
	setStock(t, s, 5, "A", "B")
	p := Placement("", "A", "B")
	mustPlace(t, s, p)
	setStock(t, s, 0, "B")
	err := s.Advance(t.Context(), Confirmation(p))
	if _, short := errors.AsType[*shop.ShortStock](err); !short {
		t.Errorf("confirm = %v, want *shop.ShortStock", err)
	}
	wantStock(t, s, "A", 5, 1)
	wantStock(t, s, "B", 0, 1)
	if got, _ := s.Order(t.Context(), p.Order.ID); got.State != shop.Pending {
		t.Errorf("order = %s, want it still pending", got.State)
	}
}

// testGiveBack cancels an imported order, whose units were never in the stock.
func testGiveBack(t *testing.T, s shop.OrderStore) {
	p := Placement("", "A")
	p.Order.State = shop.Confirmed
	batch := shop.ImportBatch{Source: "file", Progress: []byte("1"), Orders: []shop.Order{p.Order}, Entries: []journal.Entry{p.Entry}}
	if err := s.Import(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	cancellation := Confirmation(p)
	cancellation.Moves = []shop.Move{{SKU: "A", OnHand: 1}}
	if err := s.Advance(t.Context(), cancellation); err != nil {
		t.Fatal(err)
	}
	wantStock(t, s, "A", 1, 0)
}

func testOversell(t *testing.T, s shop.OrderStore) {
	const units, buyers = 20, 64
	setStock(t, s, units, "A")
	var sold int
	var mu sync.Mutex
	inParallel(buyers, func(int) {
		p := Placement("", "A")
		_, err := s.Place(t.Context(), p)
		if _, short := errors.AsType[*shop.ShortStock](err); short {
			return
		}
		if err == nil {
			err = s.Advance(t.Context(), Confirmation(p))
		}
		mu.Lock()
		defer mu.Unlock()
		if sold++; err != nil {
			t.Error(err)
		}
	})
	if sold != units {
		t.Errorf("%d orders were stored, want %d", sold, units)
	}
	wantStock(t, s, "A", 0, 0)
}

func testChangeStock(t *testing.T, s shop.OrderStore) {
	var seen shop.Stock
	after, err := s.ChangeStock(t.Context(), "A", func(current shop.Stock) (shop.StockChange, error) {
		seen = current
		return setTo(7)(current)
	})
	if err != nil || seen != (shop.Stock{SKU: "A"}) || after != (shop.Stock{SKU: "A", OnHand: 7, Version: 1}) {
		t.Errorf("first change saw %+v and gave %+v, %v", seen, after, err)
	}
	mustPlace(t, s, Placement("", "A"))
	if after, err = s.ChangeStock(t.Context(), "A", setTo(0)); err != nil || after.OnHand != 0 || after.Held != 1 || after.Available() != 0 {
		t.Errorf("a count below what is held gave %+v, %v", after, err)
	}
	refused := fault.ErrInvalid("change", "is not wanted")
	_, err = s.ChangeStock(t.Context(), "A", func(shop.Stock) (shop.StockChange, error) { return shop.StockChange{}, refused })
	if !errors.Is(err, refused) {
		t.Errorf("error = %v, want decide's own", err)
	}
	wantStock(t, s, "A", 0, 1)
	entries, err := s.Stream(t.Context(), shop.StockStream("A"), 0, 10)
	if err != nil || len(entries) != 2 || entries[1].Version != 2 {
		t.Errorf("stream = %+v, %v; want versions 1 and 2", entries, err)
	}
}

func testConcurrentStock(t *testing.T, s shop.OrderStore) {
	inParallel(32, func(int) {
		_, err := s.ChangeStock(t.Context(), "A", func(c shop.Stock) (shop.StockChange, error) { return setTo(c.OnHand + 1)(c) })
		if err != nil {
			t.Error(err)
		}
	})
	wantStock(t, s, "A", 32, 0)
}

func testImport(t *testing.T, s shop.OrderStore) {
	if progress, err := s.ImportProgress(t.Context(), "file"); err != nil || progress != nil {
		t.Fatalf("progress before = %q, %v; want none", progress, err)
	}
	p := Placement("", "A")
	p.Order.State = shop.Confirmed
	batch := shop.ImportBatch{
		Source: "file", Progress: []byte("line 2"), Orders: []shop.Order{p.Order},
		Stock:   []shop.Stock{{SKU: "A", OnHand: 12}},
		Entries: []journal.Entry{p.Entry, {Stream: shop.StockStream("A"), Kind: shop.StockChanged, At: start, Body: []byte(`{}`)}},
	}
	if err := s.Import(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	wantStock(t, s, "A", 12, 0)
	if progress, err := s.ImportProgress(t.Context(), "file"); err != nil || string(progress) != "line 2" {
		t.Errorf("progress = %q, %v; want line 2", progress, err)
	}
	again := batch
	again.Progress = []byte("line 4")
	if err := s.Import(t.Context(), again); !fault.Is(err, fault.Conflict) {
		t.Errorf("the same orders again = %v, want fault.Conflict", err)
	}
	if progress, _ := s.ImportProgress(t.Context(), "file"); string(progress) != "line 2" {
		t.Errorf("a failed batch left the progress %q", progress)
	}
	if got := kinds(t, s); len(got) != 1 {
		t.Errorf("journal = %v, want one entry of the order", got)
	}
}

func testAudit(t *testing.T, s shop.OrderStore) {
	setStock(t, s, 50, "A", "B")
	placed := map[string]bool{}
	for i := range 30 {
		p := Placement(fmt.Sprint("key ", i), "A")
		placed[p.Order.ID] = true
		mustPlace(t, s, p)
	}
	ctx := t.Context()
	if n := count(t, ctx, s.EachOrder, func(o shop.Order) bool { return placed[o.ID] }); n != 30 {
		t.Errorf("visited %d of the 30 orders", n)
	}
	if n := count(t, ctx, s.EachStock, func(st shop.Stock) bool { return st.OnHand == 50 }); n != 2 {
		t.Errorf("visited %d of the 2 SKUs", n)
	}
	if n := count(t, ctx, s.EachSaga, func(r saga.Record) bool { return placed[r.ID] && r.Step == "pay" }); n != 30 {
		t.Errorf("visited %d of the 30 sagas", n)
	}
	claims := map[string]bool{}
	err := s.EachClaim(ctx, func(key string, c shop.Claim) error {
		if placed[c.Order.ID] && len(c.Order.Lines) == 1 && string(c.RequestHash) == "asked for A" {
			claims[key] = true
		}
		return nil
	})
	if err != nil || len(claims) != 30 {
		t.Errorf("visited %d of the 30 claims, %v", len(claims), err)
	}
	stop := errors.New("stop")
	if err := s.EachOrder(ctx, func(shop.Order) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error = %v, want the visitor's", err)
	}
}

// count visits all values and counts the expected ones.
func count[T any](t *testing.T, ctx context.Context, each func(context.Context, func(T) error) error, expected func(T) bool) int {
	t.Helper()
	n := 0
	err := each(ctx, func(value T) error {
		if expected(value) {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
