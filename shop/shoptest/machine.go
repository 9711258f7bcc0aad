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

// Machine tests the Orders service over a store with random commands: requests of customers, changes of stock, outages of
// the payment provider, crashes and failed calls. It checks the invariants after each command, and at the end that every
// checkout is finished. The same commands over the reference stores must have the same results and states. A failing list
// of commands is shrunk and printed with its seed.
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

// trace runs commands over a new store and returns the result and the state after each.
func trace(t *testing.T, rt *rapid.T, commands []command, open func(t *testing.T) shop.OrderStore) []string {
	var states []string
	inBubble(t, func(t *testing.T) {
		m := newMachine(t, rt, open(t))
		for _, c := range commands {
			states = append(states, m.run(c)+" "+m.state())
			m.check(shop.Audit{Orders: m.store.OrderStore})
		}
		m.settle()
	})
	return states
}

// inBubble runs f in a bubble of synctest. A failure in f is a panic of rapid, and is raised again outside of the bubble.
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

// command is one step of a test. Its kind decides which fields are used.
type command struct {
	Kind     string
	Key      int           // of place; 0 means no key
	Lines    []int         // of place: the quantity of each product; a product with 0 is left out
	Order    int           // of cancel: index of the order, modulo the number of orders
	Line     int           // of cancel; -1 means the whole order
	Quantity int64         // of cancel; of stock: units on hand
	SKU      int           // of stock: index of the product
	Wait     time.Duration // of wait
	Fault    int           // of fault: the faultKind
	Calls    int           // of fault: number of the call that fails; 1 is the next one
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

// products are the products for sale. One of them is free.
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

// machine is a shop with its store and gateway, and the results that its customers got.
type machine struct {
	t       *testing.T
	rt      *rapid.T
	faults  *faults
	store   *faultyStore
	gateway *faultyGateway
	service *shop.Orders

	requests     map[string]shop.OrderRequest // by key: the request whose order the customer got
	orderOf      map[string]string            // by key: the id of that order
	acknowledged map[string]bool              // ids of all orders that a customer got
}

func newMachine(t *testing.T, rt *rapid.T, store shop.OrderStore) *machine {
	f := &faults{}
	m := &machine{
		t: t, rt: rt, faults: f, store: &faultyStore{OrderStore: store, faults: f},
		gateway:  &faultyGateway{SimulatedGateway: shop.NewSimulatedGateway(shop.SimulatedOptions{}), faults: f},
		requests: map[string]shop.OrderRequest{}, orderOf: map[string]string{}, acknowledged: map[string]bool{},
	}
	for _, p := range products {
		setStock(t, store, 0, p.SKU)
		m.stock(p.SKU, 10)
	}
	m.start()
	return m
}

// start starts a process over the stored data.
func (m *machine) start() {
	m.faults.crashed = false
	m.service = shop.NewOrders(m.store, offers{}, m.gateway, shop.OrdersOptions{
		Hold: 10 * time.Minute, Log: slog.New(slog.DiscardHandler), Notify: func() {},
	})
}

// run runs a command and returns its result. If the process crashes during the command, run starts it again.
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
		m.runSteps()
	case "down", "up":
		m.gateway.SetDown(c.Kind == "down")
	case "fault":
		m.faults.kind, m.faults.calls = faultKind(c.Fault), c.Calls
	}
	if m.faults.crashed {
		m.start()
		return c.Kind + " crashed"
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
	if m.faults.crashed {
		return "" // the customer got no response
	}
	if err == nil || fault.Is(err, fault.Declined) {
		m.acknowledge(key, request, order)
		return string(order.State) + string(order.Reason)
	}
	known, before := m.requests[key]
	if before && fault.Is(err, fault.Conflict) || before && fmt.Sprint(known) == fmt.Sprint(request) && fault.Is(err, fault.Invalid) {
		m.rt.Fatalf("a repeat of %v with the key %q = %v, want order %s", request, key, err, m.orderOf[key])
	}
	return fault.CodeOf(err)
}

// acknowledge records the order that a customer got. It fails if an earlier request with the key got another order.
func (m *machine) acknowledge(key string, request shop.OrderRequest, order shop.Order) {
	m.acknowledged[order.ID] = true
	if key == "" {
		return
	}
	if known, before := m.requests[key]; before && (m.orderOf[key] != order.ID || fmt.Sprint(known) != fmt.Sprint(request)) {
		m.rt.Fatalf("key %q was for order %s of %v, and now for %s of %v", key, m.orderOf[key], known, order.ID, request)
	}
	m.requests[key], m.orderOf[key] = request, order.ID
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

// runSteps runs the due steps once, as the saga runner does. It runs them in the order in which the orders were placed, so
// that runs over different stores are the same.
func (m *machine) runSteps() {
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

// check fails if the audit finds a difference, a SKU is oversold, or an acknowledged order is not stored.
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
	for id := range m.acknowledged {
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

// settle ends all faults and runs all steps. It fails if units are still held, an order has an open step, the gateway's
// balance of an order differs from the order, or the read model differs from the orders.
func (m *machine) settle() {
	m.faults.kind = noFault
	m.gateway.SetDown(false)
	for range 5 {
		time.Sleep(time.Hour)
		m.runSteps()
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
			return fmt.Errorf("order %s has an unpaid refund: %+v", o.ID, o.Refunds)
		case m.gateway.Balance(o.ID) != paid:
			return fmt.Errorf("the gateway holds %d of order %s, which says %d: %+v", m.gateway.Balance(o.ID), o.ID, paid, o)
		}
		return nil
	})
	err = errors.Join(err, m.store.EachSaga(m.t.Context(), func(r saga.Record) error { return fmt.Errorf("a step is left: %+v", r) }))
	err = errors.Join(err, m.store.EachStock(m.t.Context(), func(s shop.Stock) error {
		if s.Held != 0 {
			return fmt.Errorf("%d units of %s are held without a pending order", s.Held, s.SKU)
		}
		return nil
	}))
	if err != nil {
		m.rt.Fatal(err)
	}
}

// project projects the journal into a read model. Its batches overlap, like those of an event log that is read twice.
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

// state describes the data that is the same in all stores: stocks and orders, without ids and times.
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
