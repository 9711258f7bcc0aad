package shoptest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"agora/fault"
	"agora/pattern/eventlog"
	"agora/pattern/saga"
	"agora/shop"
)

// Machine runs random commands of customers, the warehouse, the payment provider and fate against the
// Orders service over a store, and checks after each of them what must always hold, and at the end what must
// hold once everything came to rest. A further store is a reference: the same commands over it have to give
// the same answers and the same states. A failure is shrunk and printed with its seed.
func Machine(t *testing.T, open func(t *testing.T) shop.OrderStore, references ...func(t *testing.T) shop.OrderStore) {
	rapid.Check(t, func(rt *rapid.T) {
		commands := rapid.SliceOfN(commandGenerator(), 1, 25).Draw(rt, "commands")
		got := trace(t, rt, commands, open)
		for _, reference := range references {
			want := trace(t, rt, commands, reference)
			for i, c := range commands {
				if got[i] != want[i] {
					rt.Fatalf("after command %d, %+v:\n%s, and the reference\n%s", i, c, got[i], want[i])
				}
			}
		}
	})
}

// trace runs commands over a new store and returns what came of each.
func trace(t *testing.T, rt *rapid.T, commands []command, open func(t *testing.T) shop.OrderStore) []string {
	var states []string
	inBubble(t, func(t *testing.T) {
		m := newMachine(t, rt, open(t))
		for _, c := range commands {
			states = append(states, m.run(c)+" "+m.state())
			m.check(shop.Audit{Orders: m.store.OrderStore})
		}
		m.comeToRest()
	})
	return states
}

// inBubble runs f in a bubble of its own time. A failure inside, which is a panic of rapid, goes on outside.
func inBubble(t *testing.T, f func(t *testing.T)) {
	var failure any
	synctest.Test(t, func(t *testing.T) {
		defer func() { failure = recover() }()
		f(t)
	})
	if failure != nil {
		panic(failure)
	}
}

// command is one thing that happens. Which fields count depends on the kind.
type command struct {
	Kind     string
	Key      int           // of place: 0 is none
	Lines    []int         // of place: quantities of the products, 0 leaves one out
	Order    int           // of cancel: which of the orders so far
	Line     int           // of cancel: -1 is the whole order
	Quantity int64         // of cancel and stock
	SKU      int           // of stock
	Wait     time.Duration // of wait
	Fault    int           // of fault: how
	Calls    int           // of fault: at which call from now on
}

func commandGenerator() *rapid.Generator[command] {
	return rapid.Custom(func(rt *rapid.T) command {
		return command{
			Kind:     rapid.SampledFrom([]string{"place", "place", "place", "cancel", "cancel", "stock", "wait", "down", "up", "fault", "fault"}).Draw(rt, "kind"),
			Key:      rapid.IntRange(0, 4).Draw(rt, "key"),
			Lines:    rapid.SliceOfN(rapid.IntRange(0, 8), len(products), len(products)).Draw(rt, "lines"),
			Order:    rapid.IntRange(0, 30).Draw(rt, "order"),
			Line:     rapid.IntRange(-1, 2).Draw(rt, "line"),
			Quantity: rapid.Int64Range(0, 12).Draw(rt, "quantity"),
			SKU:      rapid.IntRange(0, len(products)-1).Draw(rt, "sku"),
			Wait:     rapid.SampledFrom([]time.Duration{2 * time.Minute, 20 * time.Minute, 2 * time.Hour}).Draw(rt, "wait"),
			Fault:    rapid.IntRange(0, 3).Draw(rt, "fault"),
			Calls:    rapid.IntRange(1, 6).Draw(rt, "calls"),
		}
	})
}

// products are what the machine sells, one of them for nothing.
var products = []shop.Offer{
	{ProductID: "prd_01jd8q6m3k9v2n4x7y5z8w1t0c", SKU: "A", Price: shop.Money{Amount: 100, Currency: "GBP"}},
	{ProductID: "prd_01jd8q6m3k9v2n4x7y5z8w1t0d", SKU: "B", Price: shop.Money{Amount: 250, Currency: "GBP"}},
	{ProductID: "prd_01jd8q6m3k9v2n4x7y5z8w1t0e", SKU: "C", Price: shop.Money{Currency: "GBP"}},
}

type offers struct{}

func (offers) OffersByID(_ context.Context, ids []string) (map[string]shop.Offer, error) {
	found := map[string]shop.Offer{}
	for _, p := range products {
		if slices.Contains(ids, p.ProductID) {
			found[p.ProductID] = p
		}
	}
	return found, nil
}

func (offers) OffersBySKU(_ context.Context, skus []string) (map[string]shop.Offer, error) {
	found := map[string]shop.Offer{}
	for _, p := range products {
		if slices.Contains(skus, p.SKU) {
			found[p.SKU] = p
		}
	}
	return found, nil
}

// machine is a shop, its surroundings, and what its customers were told.
type machine struct {
	t       *testing.T
	rt      *rapid.T
	fate    *fate
	store   *fatedStore
	gateway *fatedGateway
	service *shop.Orders
	asked   map[string]shop.OrderRequest // by key: of which the customer knows the order
	told    map[string]string            // the order of a key
	orders  map[string]bool              // every order that a customer was told of
}

func newMachine(t *testing.T, rt *rapid.T, store shop.OrderStore) *machine {
	f := &fate{}
	m := &machine{
		t: t, rt: rt, fate: f, store: &fatedStore{OrderStore: store, fate: f},
		gateway: &fatedGateway{SimulatedGateway: shop.NewSimulatedGateway(shop.SimulatedOptions{}), fate: f},
		asked:   map[string]shop.OrderRequest{}, told: map[string]string{}, orders: map[string]bool{},
	}
	for _, p := range products {
		stocked(t, store, 0, p.SKU)
		m.stock(p.SKU, 10)
	}
	m.start()
	return m
}

// start begins a new process over what the last one left.
func (m *machine) start() {
	m.fate.dead = false
	m.service = shop.NewOrders(m.store, offers{}, m.gateway, shop.OrdersOptions{
		Hold: 10 * time.Minute, Log: slog.New(slog.DiscardHandler), Notify: func() {},
	})
}

// run makes one thing happen and returns what came of it. A process that died meanwhile is started again.
func (m *machine) run(c command) string {
	var outcome string
	switch c.Kind {
	case "place":
		outcome = m.place(c)
	case "cancel":
		outcome = m.cancel(c)
	case "stock":
		outcome = m.stock(products[c.SKU].SKU, c.Quantity)
	case "wait":
		time.Sleep(c.Wait)
		m.drive()
	case "down", "up":
		m.gateway.SetDown(c.Kind == "down")
	case "fault":
		m.fate.strikes, m.fate.calls = strike(c.Fault), c.Calls
	}
	if m.fate.dead {
		m.start()
		return c.Kind + " died"
	}
	return c.Kind + " " + outcome
}

func (m *machine) place(c command) string {
	request := shop.OrderRequest{}
	for i, quantity := range c.Lines {
		if quantity > 0 {
			request.Lines = append(request.Lines, shop.LineRequest{ProductID: products[i].ProductID, Quantity: int64(quantity)})
		}
	}
	key := ""
	if c.Key > 0 {
		key = fmt.Sprint("key ", c.Key)
	}
	order, err := m.service.Place(m.t.Context(), "usr_1", key, request)
	if m.fate.dead {
		return "" // the customer was told nothing
	}
	if err == nil || fault.Is(err, fault.Declined) {
		m.remember(key, request, order)
		return string(order.State) + string(order.Reason)
	}
	known, before := m.asked[key]
	if before && fault.Is(err, fault.Conflict) || before && fmt.Sprint(known) == fmt.Sprint(request) && fault.Is(err, fault.Invalid) {
		m.rt.Fatalf("a repeat of %v under %q = %v, want order %s", request, key, err, m.told[key])
	}
	return fault.CodeOf(err)
}

// remember notes what a customer was told, which has to be the same for the same request each time.
func (m *machine) remember(key string, request shop.OrderRequest, order shop.Order) {
	m.orders[order.ID] = true
	if key == "" {
		return
	}
	if known, before := m.asked[key]; before && (m.told[key] != order.ID || fmt.Sprint(known) != fmt.Sprint(request)) {
		m.rt.Fatalf("key %q was for order %s of %v, and now for %s of %v", key, m.told[key], known, order.ID, request)
	}
	m.asked[key], m.told[key] = request, order.ID
}

func (m *machine) cancel(c command) string {
	if len(m.store.placed) == 0 {
		return ""
	}
	request := shop.CancelRequest{}
	if c.Line >= 0 {
		request.Lines = []shop.LineUnits{{Line: c.Line, Quantity: c.Quantity}}
	}
	order, err := m.service.Cancel(m.t.Context(), shop.Actor{ID: "usr_1"}, m.store.placed[c.Order%len(m.store.placed)], request)
	if err != nil {
		return fault.CodeOf(err)
	}
	return string(order.State) + string(order.Reason)
}

func (m *machine) stock(sku string, onHand int64) string {
	after, err := shop.NewStocks(m.store, offers{}).Edit(m.t.Context(), shop.Actor{Admin: true}, sku, shop.StockEdit{OnHand: &onHand})
	return fmt.Sprint(after.OnHand, after.Held, fault.Is(err, fault.Unavailable))
}

// drive does once what the saga runner does, but in an order that does not depend on ids or luck.
func (m *machine) drive() {
	records, err := m.store.Due(m.t.Context(), time.Now(), 1000)
	if err != nil {
		m.rt.Fatal(err)
	}
	slices.SortFunc(records, func(a, b saga.Record) int {
		return cmp.Compare(slices.Index(m.store.placed, a.ID), slices.Index(m.store.placed, b.ID))
	})
	steps := m.service.Steps()
	for _, r := range records {
		if err := steps[r.Step](m.t.Context(), r); err != nil {
			r.Attempt, r.Due = r.Attempt+1, time.Now().Add(time.Minute)
			if err := m.store.Postpone(m.t.Context(), r); err != nil {
				m.rt.Fatal(err)
			}
		}
	}
}

// check fails unless an audit is clean, no SKU is oversold, and every order that a customer was told of is there.
func (m *machine) check(audit shop.Audit) {
	report, err := audit.Run(m.t.Context())
	if err != nil {
		m.rt.Fatal(err)
	}
	for _, c := range report.Checks {
		if c.Differences > 0 {
			m.rt.Fatalf("audit of %s: %v", c.Name, c.Findings)
		}
	}
	for id := range m.orders {
		if _, err := m.store.OrderStore.Order(m.t.Context(), id); err != nil {
			m.rt.Fatalf("order %s was acknowledged: %v", id, err)
		}
	}
	for _, p := range products {
		found, err := m.store.Stock(m.t.Context(), []string{p.SKU})
		if err != nil || found[0].OnHand < 0 || found[0].Held < 0 {
			m.rt.Fatalf("stock of %s = %+v, %v", p.SKU, found, err)
		}
	}
}

// comeToRest lets everything be finished that was begun. Then nothing is held, no order waits, the gateway
// has just the money that the orders say it has, and the read model shows every order as it is.
func (m *machine) comeToRest() {
	m.fate.strikes = none
	m.gateway.SetDown(false)
	for range 5 {
		time.Sleep(time.Hour)
		m.drive()
	}
	m.check(shop.Audit{Orders: m.store.OrderStore, Views: m.project(), Drained: true})
	err := m.store.EachOrder(m.t.Context(), func(o shop.Order) error {
		var paid int64
		if o.Payment == shop.PaymentPaid {
			paid = o.Total.Amount - o.Refunded().Amount
		}
		switch {
		case o.State == shop.Pending, o.Payment == shop.PaymentOpen, o.Payment == shop.PaymentVoidDue:
			return fmt.Errorf("order %s is %s and its payment %s", o.ID, o.State, o.Payment)
		case slices.ContainsFunc(o.Refunds, func(r shop.Refund) bool { return !r.Paid }):
			return fmt.Errorf("order %s waits for a refund: %+v", o.ID, o.Refunds)
		case m.gateway.Balance(o.ID) != paid:
			return fmt.Errorf("the gateway holds %d of order %s, which says %d: %+v", m.gateway.Balance(o.ID), o.ID, paid, o)
		}
		return nil
	})
	err = errors.Join(err, m.store.EachSaga(m.t.Context(), func(r saga.Record) error { return fmt.Errorf("a step is left: %+v", r) }))
	err = errors.Join(err, m.store.EachStock(m.t.Context(), func(s shop.Stock) error {
		if s.Held != 0 {
			return fmt.Errorf("%d units of %s are held for nobody", s.Held, s.SKU)
		}
		return nil
	}))
	if err != nil {
		m.rt.Fatal(err)
	}
}

// project carries the journal into a read model, in batches that overlap as those of a log read twice do.
func (m *machine) project() *shop.MemoryViews {
	views := shop.NewMemoryViews()
	history := shop.NewOrderHistory(views, m.store)
	pending, err := m.store.Pending(m.t.Context(), 10_000)
	if err != nil {
		m.rt.Fatal(err)
	}
	messages := make([]eventlog.Message, len(pending))
	for i, p := range pending {
		messages[i].Record = eventlog.Record{ID: p.ID, Key: p.Key, Value: p.Body, At: p.At}
	}
	events, err := shop.DecodeEvents(messages)
	for from := 0; err == nil && from < len(events); from += 3 {
		err = history.Project(m.t.Context(), events[from:min(from+5, len(events))])
	}
	if err == nil {
		err = m.store.Relayed(m.t.Context(), pending[len(pending)-1].Seq)
	}
	if err != nil {
		m.rt.Fatal(err)
	}
	return views
}

// state describes all that two stores have to agree on, without ids and times.
func (m *machine) state() string {
	text := ""
	for _, p := range products {
		found, err := m.store.Stock(m.t.Context(), []string{p.SKU})
		text += fmt.Sprintf("%s %d/%d@%d %v; ", p.SKU, found[0].OnHand, found[0].Held, found[0].Version, err)
	}
	for _, id := range m.store.placed {
		o, err := m.store.OrderStore.Order(m.t.Context(), id)
		if err != nil {
			text += "none; "
			continue
		}
		text += fmt.Sprintf("%s%s %s v%d refunds %d of %d balance %d; ", o.State, o.Reason, o.Payment, o.Version, o.Refunded().Amount, o.Total.Amount, m.gateway.Balance(id))
	}
	return text
}
