package shop

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"agora/fault"
	"agora/pattern/audit"
	"agora/pattern/journal"
	"agora/pattern/saga"
)

// Audit recomputes the stored data of the shop from its journal and compares the two. Nothing may write to the stores
// during an audit.
//
// The journal is read twice, once in its order and once by order, so that no orders stay in memory. Memory contains
// the version of each stream and some numbers for each SKU: 100 to 200 MB for a million of either. On SQLite an audit
// takes about a minute for a million orders.
type Audit struct {
	Orders  AuditedOrders
	Views   AuditedViews   // nil: the read model is not compared
	Catalog AuditedCatalog // nil: the catalogue's stock is not compared

	// Drained says that the event log has been read to its end. If it has been, a read model that lags is a
	// difference; if not, its missing events are counted only.
	Drained bool
}

// AuditedOrders is what an audit reads of an OrderStore.
type AuditedOrders interface {
	journal.Reader
	AuditStore
}

// AuditedViews is what an audit reads of OrderViews.
type AuditedViews interface {
	EachView(ctx context.Context, visit func(Order) error) error
}

// AuditedCatalog is what an audit reads of a CatalogStore.
type AuditedCatalog interface {
	CardsBySKU(ctx context.Context, skus []string) ([]Card, error)
}

// auditing is the state of an audit while it runs.
type auditing struct {
	Audit
	report  audit.Report
	facts   map[string]orderFacts // by order
	steps   map[string]string     // steps of the saga records whose order was not read yet, by order
	units   map[string]*unitBalances
	posted  Books            // balances of money that the postings of the journal add up to
	due     Books            // balances of money that the orders and credits add up to
	stocked map[string]int64 // units for sale by SKU, as the catalogue should show them
}

// orderFacts is what the audit remembers of an order's facts.
type orderFacts struct {
	version uint64 // number of facts
	stored  bool   // the order itself is stored
}

// Run audits. An error means that the audit failed; differences are in the report. If the journal grew during the
// audit, the report may be wrong, and Run fails with the Conflict audit_disturbed.
func (a Audit) Run(ctx context.Context) (audit.Report, error) {
	r := &auditing{
		Audit: a, facts: map[string]orderFacts{}, steps: map[string]string{}, units: map[string]*unitBalances{},
		posted: Books{}, due: Books{}, stocked: map[string]int64{},
	}
	newest, relayed, err := a.Orders.Relay(ctx)
	if err != nil {
		return r.report, fmt.Errorf("audit: %w", err)
	}
	parts := []func(context.Context) error{r.journal, r.orders, r.claims, r.stock, r.unitsOfOrders, r.money}
	if a.Views != nil {
		parts = append(parts, r.views)
	}
	if a.Catalog != nil {
		parts = append(parts, r.catalog)
	}
	for _, part := range parts {
		if err := part(ctx); err != nil {
			return r.report, fmt.Errorf("audit: %w", err)
		}
	}
	r.outbox(newest, relayed)
	again, _, err := a.Orders.Relay(ctx)
	if err == nil && again != newest {
		err = fault.New(fault.Conflict, "audit_disturbed", "the shop was written to while it was audited; stop it first")
	}
	return r.report, err
}

// journal reads all facts in their order, posts them to the books, and notes the version of each stream.
func (r *auditing) journal(ctx context.Context) error {
	check := r.report.Begin("journal", "each fact can be read, follows the one before it, and its postings add up to nothing")
	linked := r.report.Begin("chain", "each entry of the journal follows from the one before it, unchanged since it was stored")
	var chain journal.Chain
	versions := map[string]uint64{} // by stream, without the streams of orders
	_, err := journal.Fold(ctx, r.Orders, journal.Snapshot[struct{}]{}, func(none struct{}, e journal.Entry) (struct{}, error) {
		check.Compared++
		if e.Hash != nil {
			linked.Compared++
		}
		if err := chain.Check(e); err != nil {
			linked.Differ("entry %d, %s, version %d: %v", e.Seq, e.Stream, e.Version, err)
		}
		before := versions[e.Stream]
		if isOrderStream(e.Stream) {
			before = r.facts[e.Stream].version
			r.facts[e.Stream] = orderFacts{version: e.Version}
		} else {
			versions[e.Stream] = e.Version
		}
		if e.Version != before+1 {
			check.Differ("%s goes from version %d to %d", e.Stream, before, e.Version)
		}
		fact, err := DecodeFact(e.Body)
		if err != nil {
			check.Differ("%s, version %d: %v", e.Stream, e.Version, err)
			return none, nil
		}
		if err := (Books{}).Post(fact.Postings); err != nil {
			check.Differ("%s, version %d: %v", e.Stream, e.Version, err)
		}
		if err := r.post(fact); err != nil {
			check.Differ("%s, version %d: %v", e.Stream, e.Version, err)
		}
		return none, nil
	})
	return err
}

// orders compares each order with the fold of its facts, and its open step with its saga record.
func (r *auditing) orders(ctx context.Context) error {
	err := r.Orders.EachSaga(ctx, func(record saga.Record) error {
		r.steps[record.ID] = record.Step
		return nil
	})
	if err != nil {
		return err
	}
	folds := r.report.Begin("orders", "each order is what its facts make of it, and each fact has its order")
	steps := r.report.Begin("checkouts", "each unfinished order has the record of its next step, and nothing else has one")
	err = r.Orders.EachOrder(ctx, func(o Order) error {
		folds.Compared++
		known := r.facts[o.ID]
		if err := r.refold(ctx, folds, o, known.version); err != nil {
			return err
		}
		if step := o.openStep(); step != "" || r.steps[o.ID] != "" {
			steps.Compared++
			if step != r.steps[o.ID] {
				steps.Differ("order %s waits in step %q and its record says %q", o.ID, step, r.steps[o.ID])
			}
		}
		delete(r.steps, o.ID)
		if known.stored = true; known.version > 0 {
			r.facts[o.ID] = known
		}
		if err := r.expect(o); err != nil {
			folds.Differ("order %s: %v", o.ID, err)
		}
		return nil
	})
	for id, known := range r.facts {
		if !known.stored {
			folds.Differ("order %s has facts and is not stored", id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.steps)) {
		steps.Compared++
		steps.Differ("order %s is not stored and its record says %q", id, r.steps[id])
	}
	return err
}

// refold compares an order with the fold of its facts through a version.
func (r *auditing) refold(ctx context.Context, check *audit.Check, o Order, version uint64) error {
	entries, err := r.Orders.Stream(ctx, o.ID, 0, int(min(version, maxSteps)))
	if err != nil {
		return err
	}
	folded, err := fold(entries)
	switch {
	case len(entries) == 0:
		check.Differ("order %s has no facts", o.ID)
	case err != nil:
		check.Differ("order %s: %v", o.ID, err)
	default:
		return differAsStored(check, o, folded)
	}
	return nil
}

// differAsStored records a difference if the two orders are not encoded alike.
func differAsStored(check *audit.Check, o, folded Order) error {
	got, err := EncodeOrder(o)
	if err != nil {
		return err
	}
	want, err := EncodeOrder(folded)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		check.Differ("order %s is %s and its facts make %s", o.ID, got, want)
	}
	return nil
}

// claims compares each claimed key with its order. The order's lines say what the request was.
func (r *auditing) claims(ctx context.Context) error {
	check := r.report.Begin("claims", "each Idempotency-Key belongs to its customer's order, and to the request for just that order")
	return r.Orders.EachClaim(ctx, func(key string, c Claim) error {
		check.Compared++
		request := OrderRequest{Lines: make([]LineRequest, len(c.Order.Lines))}
		for i, l := range c.Order.Lines {
			request.Lines[i] = LineRequest{ProductID: l.ProductID, Quantity: l.Quantity}
		}
		if !strings.HasPrefix(key, claimKey(c.Order.UserID, "")) {
			check.Differ("order %s of %s has the key %q, which is not that customer's", c.Order.ID, c.Order.UserID, key)
		}
		if !bytes.Equal(c.RequestHash, hashRequest(request)) {
			check.Differ("order %s was claimed by a request for something else", c.Order.ID)
		}
		return nil
	})
}

func (r *auditing) outbox(newest, relayed uint64) {
	check := r.report.Begin("outbox", "nothing is marked as relayed that is not in the journal")
	check.Compared = int64(min(newest, relayed))
	if relayed > newest {
		check.Differ("everything through %d is marked as relayed, and the newest fact is %d", relayed, newest)
		return
	}
	r.lags(check, int64(newest-relayed), "facts are not relayed yet")
}

// views compares each order of the read model with the fold of its facts through the view's own version.
func (r *auditing) views(ctx context.Context) error {
	check := r.report.Begin("views", "the read model has each order, as its facts make it")
	var current int64
	err := r.Views.EachView(ctx, func(view Order) error {
		check.Compared++
		version := r.facts[view.ID].version
		if view.Version > version {
			check.Differ("order %s is at version %d in the views and at %d in the journal", view.ID, view.Version, version)
			return nil
		}
		if view.Version == version {
			current++
		}
		return r.refold(ctx, check, view, view.Version)
	})
	r.lags(check, max(0, int64(len(r.facts))-current), "orders are missing or outdated in the views")
	return err
}

// catalog compares the stock on product pages with the units for sale. SKUs without an offer have no page.
func (r *auditing) catalog(ctx context.Context) error {
	const page = 500
	check := r.report.Begin("catalog", "product pages show as many units as there are for sale")
	var lagging int64
	for skus := range slices.Chunk(slices.Sorted(maps.Keys(r.stocked)), page) {
		cards, err := r.Catalog.CardsBySKU(ctx, skus)
		if err != nil {
			return err
		}
		for _, card := range cards {
			check.Compared++
			if card.InventoryCount == r.stocked[card.SKU] {
				continue
			}
			lagging++
			if r.Drained {
				check.Differ("%s is shown with %d units, and %d are for sale", card.SKU, card.InventoryCount, r.stocked[card.SKU])
			}
		}
	}
	check.Lagging = lagging
	return nil
}

// lags records the number of things that a read model has not processed yet. If the log was drained they differ.
func (r *auditing) lags(check *audit.Check, n int64, what string) {
	check.Lagging = n
	if r.Drained && n > 0 {
		check.Differ("%d %s", n, what)
	}
}
