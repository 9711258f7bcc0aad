package systemtest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"agora/lab/verify"
	verifyshop "agora/lab/verify/shop"
)

const (
	shoppers = 200 // concurrent clients
	users    = 4   // users of the clients
	wanted   = 100 // units of the SKU that every shopper buys
	shelf    = 20  // other SKUs, in mixed carts
	perSKU   = 60  // units of each of these

	// watched is the number of the shelf's SKUs that are also read, edited and cancelled. Few shoppers buy these, because the check
	// of linearizability takes time that is exponential in the number of concurrent operations.
	watched  = 4
	watchers = 4 // shoppers for each watched SKU
)

// TestOversellAcrossCrashes lets many shoppers buy while the server is killed repeatedly. It checks that no unit is sold twice, and
// that every acknowledged order exists once.
func TestOversellAcrossCrashes(t *testing.T) {
	rounds, kills := 2, 4
	switch {
	case os.Getenv("STRESS") != "":
		rounds, kills = 60, 8
	case testing.Short():
		rounds, kills = 1, 3
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	m := openMarket(t, seed)
	for round := range rounds {
		m.round(t, round, kills)
		if t.Failed() {
			return
		}
		if round%2 == 0 {
			m.server.stop(t)
			m.server.verify(t, "after a stop")
		} else {
			m.server.kill(t)
			m.server.verify(t, "after a kill")
		}
		m.server.start(t)
	}
	m.meetEachOutcome(t)
	m.checkRepeats(t)
	m.checkHistory(t)
	m.server.kill(t)
	m.server.start(t)
	m.server.stop(t)
	m.server.verify(t, "after a kill, a start and a stop")
}

// market is a shop under test and its shoppers.
type market struct {
	server   *server
	admin    *client
	shoppers []*shopper
	luck     *rand.Rand
	history  *verify.Recorder
	written  bytes.Buffer // the history, after it is closed
	answers  chan struct{}
	stocked  map[string]int64 // stocked units by SKU, for SKUs whose stock was not edited
}

func openMarket(t *testing.T, seed uint64) *market {
	t.Helper()
	m := &market{
		server:  started(t, patient("simulated:?latency=2ms&decline=0.02&outage=0.02")...),
		luck:    rand.New(rand.NewPCG(seed, 0)),
		answers: make(chan struct{}, shoppers),
		stocked: map[string]int64{},
	}
	m.history = verify.NewRecorder(&m.written)
	shared := crowd(t, shoppers)
	m.admin = &client{m.server, shared, m.server.token(t)}
	registered := m.register(t)
	for i := range shoppers {
		user := registered[i%users]
		m.shoppers = append(m.shoppers, &shopper{
			client: client{m.server, shared, user.token}, market: m, number: i + 1, user: user.id,
			luck: rand.New(rand.NewPCG(seed, uint64(i+1))),
		})
	}
	return m
}

type user struct{ id, token string }

// register creates users and a token for each.
func (m *market) register(t *testing.T) []user {
	t.Helper()
	registered := make([]user, users)
	for i := range registered {
		var made struct{ ID string }
		m.admin.must(t, "POST", "/v1/users", map[string]any{
			"email": fmt.Sprintf("reader%d@example.org", i), "password": "correct horse battery", "name": "A reader", "country": "GB",
		}, http.StatusCreated, &made)
		var credential struct{ Token string }
		m.admin.must(t, "POST", "/v1/tokens", map[string]any{"user_id": made.ID}, http.StatusCreated, &credential)
		registered[i] = user{made.ID, credential.Token}
	}
	return registered
}

// round offers new products and lets all shoppers buy, while the server is killed a number of times.
func (m *market) round(t *testing.T, round, kills int) {
	t.Helper()
	hot := m.admin.offer(t, fmt.Sprintf("HOT-%d", round), wanted)
	m.stocked[hot.sku] = wanted
	var others []offered
	for i := range shelf {
		product := m.admin.offer(t, fmt.Sprintf("SHELF-%d-%d", round, i), perSKU)
		others = append(others, product)
		if i >= watched {
			m.stocked[product.sku] = perSKU
		}
	}
	all := append([]offered{hot}, others...)
	m.readEach(t, all)

	m.allShoppers(t, kills, func(ctx context.Context, s *shopper) error { return s.buy(ctx, round, hot, others) })
	m.allShoppers(t, 1, func(ctx context.Context, s *shopper) error { return s.giveBack(ctx) })
	m.readEach(t, all)
}

// allShoppers calls a function for all shoppers concurrently, while the server is killed a number of times.
func (m *market) allShoppers(t *testing.T, kills int, do func(context.Context, *shopper) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	var busy sync.WaitGroup
	for _, s := range m.shoppers {
		busy.Go(func() {
			if err := do(ctx, s); err != nil {
				t.Error(err)
				cancel()
			}
		})
	}
	go func() {
		busy.Wait()
		close(done)
	}()
	for range kills {
		m.killSoon(t, done)
	}
	<-done
}

// killSoon kills the server after some more answers, or when the shoppers are done, and starts it again. Sometimes it also kills a
// server that is starting.
func (m *market) killSoon(t *testing.T, done <-chan struct{}) {
	t.Helper()
	for range m.luck.IntN(shoppers / 2) {
		select {
		case <-m.answers:
		case <-done:
		}
	}
	time.Sleep(time.Duration(m.luck.IntN(2000)) * time.Microsecond)
	m.server.kill(t)
	if m.luck.IntN(4) == 0 {
		m.server.killStarting(t, time.Duration(m.luck.IntN(100))*time.Millisecond)
	}
	m.server.start(t)
}

// meetEachOutcome takes one shopper through every outcome of the history, also those that the crowd meets only by luck: the
// gateway is down for all payments, then declines all, then accepts all. The server is killed before each.
func (m *market) meetEachOutcome(t *testing.T) {
	t.Helper()
	s, product := m.shoppers[0], m.admin.offer(t, "EACH", perSKU)
	m.readEach(t, []offered{product})
	order := func(key string, units int64) string {
		id, err := s.order(t.Context(), key, cart{{product, units}})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	m.restartWith(t, "simulated:?outage=1")
	order("each-pending", 1)
	m.restartWith(t, "simulated:?decline=1")
	order("each-cancelled", 1)
	m.restartWith(t, "simulated:")
	order("each-short", 2*perSKU)
	err := s.cancel(t.Context(), order("each-ok", 1))
	if err == nil {
		err = s.restock(t.Context(), product, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.readEach(t, []offered{product})
}

// restartWith kills the server and starts it with another gateway.
func (m *market) restartWith(t *testing.T, gateway string) {
	t.Helper()
	m.server.kill(t)
	m.server.flags = patient(gateway)
	m.server.start(t)
}

// readEach reads the stock of each SKU without concurrent requests, as the initial state of the history.
func (m *market) readEach(t *testing.T, products []offered) {
	t.Helper()
	for _, p := range products {
		call := m.history.Call(0, verifyshop.Read, verifyshop.Input{Units: map[string]int64{p.sku: 0}})
		stock := m.admin.stock(t, p.sku)
		call.Return(verifyshop.Output{Outcome: verifyshop.OK, Available: stock.OnHand - stock.Held})
	}
}

// checkRepeats repeats every request that created an order, which has to return the same order, and reuses its key for another
// request, which has to be refused. Then it counts the units.
func (m *market) checkRepeats(t *testing.T) {
	t.Helper()
	var checking sync.WaitGroup
	for _, s := range m.shoppers {
		checking.Go(func() {
			for _, r := range s.receipts {
				if err := s.repeat(t.Context(), r); err != nil {
					t.Error(err)
				}
			}
		})
	}
	checking.Wait()
	m.countUnits(t)
}

// countUnits checks from the answers that the units for sale and those of the acknowledged orders are all units, so that no other
// order has any.
func (m *market) countUnits(t *testing.T) {
	t.Helper()
	for {
		before := m.versions(t)
		taken := map[string]int64{}
		for _, s := range m.shoppers {
			for _, r := range s.receipts {
				order, err := s.Order(t.Context(), r.order)
				if err != nil {
					t.Fatal(err)
				}
				for _, u := range order.Units() {
					taken[u.SKU] += u.Quantity
				}
			}
		}
		wrong := map[string]string{}
		for sku, units := range m.stocked {
			stock := m.admin.stock(t, sku)
			if available := stock.OnHand - stock.Held; available < 0 || available+taken[sku] != units {
				wrong[sku] = fmt.Sprintf("%d units were there; orders have %d and %d are for sale", units, taken[sku], available)
			}
		}
		if !maps.Equal(before, m.versions(t)) {
			continue // a pending order has been finished
		}
		for sku, what := range wrong {
			t.Errorf("%s: %s", sku, what)
		}
		return
	}
}

// versions returns the version of each SKU's stock.
func (m *market) versions(t *testing.T) map[string]uint64 {
	t.Helper()
	versions := map[string]uint64{}
	for sku := range m.stocked {
		versions[sku] = m.admin.stock(t, sku).Version
	}
	return versions
}

// checkHistory compares the history of the clients with the shop.
func (m *market) checkHistory(t *testing.T) {
	t.Helper()
	if err := m.history.Close(); err != nil {
		t.Fatal(err)
	}
	history, err := verifyshop.ReadHistory(&m.written)
	if err != nil {
		t.Fatal(err)
	}
	report, err := verifyshop.Check(t.Context(), history, m.admin)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := report.Print(&text); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d operations\n%s", len(history), text.String())
	if !report.OK() {
		t.Error("the history does not match the shop")
	}
	m.checkVariety(t, history)
}

// checkVariety fails the test if a kind of operation or outcome never occurred, because it was then not tested.
func (m *market) checkVariety(t *testing.T, history []verifyshop.Operation) {
	t.Helper()
	type kindOf struct {
		verify.Kind
		verify.Outcome
	}
	seen := map[kindOf]int{}
	for _, op := range history {
		seen[kindOf{op.Kind, op.Output.Outcome}]++
	}
	t.Logf("seen: %v", seen)
	for _, k := range []kindOf{
		{verifyshop.Place, verifyshop.OK}, {verifyshop.Place, verifyshop.Pending}, {verifyshop.Place, verifyshop.Cancelled}, {verifyshop.Place, verifyshop.Short},
		{verifyshop.Cancel, verifyshop.OK}, {verifyshop.Restock, verifyshop.OK}, {verifyshop.Read, verifyshop.OK},
	} {
		if seen[k] == 0 {
			t.Errorf("no %s was ever %s", k.Kind, k.Outcome)
		}
	}
	if placed := seen[kindOf{verifyshop.Place, verifyshop.Unknown}]; placed > 0 {
		t.Errorf("%d orders got no answer", placed)
	}
}
