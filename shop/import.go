package shop

import (
	"context"
	"fmt"
	"time"

	"agora/fault"
	"agora/pattern/journal"
)

// NewImportedOrder returns an order that another system took and was paid for, and its fact. Of the order
// it wants who, what, when and the reference; the rest follows. Its units come straight from the supply:
// what that system had in stock is not known, so an order of the past takes nothing from the stock of today.
// It fails with fault.Invalid for no lines, units that are not positive, a negative price, two currencies and an
// overflow, and with fault.TooLarge for a fact of more than MaxFact.
func NewImportedOrder(o Order) (Order, journal.Entry, error) {
	total, err := priceOf(o.Lines)
	if err != nil {
		return Order{}, journal.Entry{}, err
	}
	o.State, o.Payment, o.Version, o.Total = Confirmed, PaymentPaid, 1, total
	o.UpdatedAt, o.HoldUntil = o.PlacedAt, o.PlacedAt
	postings := append(moveUnits(Supply, Sold, o.Units()), moveMoney(Sales, GatewayAccount, total)...)
	fact := entry(o.ID, 1, OrderImported, o.PlacedAt, Fact{Order: &o, Postings: postings})
	return o, fact, checkSize(fact)
}

// NewImportedCredit returns money that another system gave back, and its fact. Amount follows from the lines,
// which hold positive units. They go back to the supply, where those of imported orders came from, and out of an
// account of their own: which order they were sold in is not known, so they are not taken off what is sold,
// as the money is not taken off the sales. It fails as NewImportedOrder does.
func NewImportedCredit(c Credit) (Credit, journal.Entry, error) {
	amount, err := priceOf(c.Lines)
	if err != nil {
		return Credit{}, journal.Entry{}, err
	}
	c.Amount = amount
	units := Order{Lines: c.Lines}.Units()
	postings := append(moveUnits(Returned, Supply, units), moveMoney(GatewayAccount, CreditsAccount, amount)...)
	fact := entry("credit/"+c.ID, 1, CreditImported, c.At, Fact{Credit: &c, Postings: postings})
	return c, fact, checkSize(fact)
}

// NewImportedStock returns the stock after units came (or went, if negative), and its fact. A change that
// takes more than there is fails as Stocks.Edit does, and a note of more than MaxFact with fault.TooLarge.
func NewImportedStock(current Stock, change int64, note string, at time.Time) (Stock, journal.Entry, error) {
	onHand, err := StockEdit{Change: &change}.apply(current)
	if err != nil {
		return Stock{}, journal.Entry{}, err
	}
	e := stockEntry(current, onHand, note, at)
	current.OnHand = onHand
	return current, e, checkSize(e)
}

// priceOf returns what the lines cost together, after it has checked what another system wrote into them.
func priceOf(lines []Line) (Money, error) {
	if len(lines) == 0 {
		return Money{}, fault.ErrInvalid("lines", "are missing")
	}
	for i, l := range lines {
		if l.Quantity <= 0 || l.Quantity > maxOnHand || l.Price.Amount < 0 {
			return Money{}, fault.ErrInvalid(fmt.Sprintf("lines[%d]", i), "has a negative price, or not between 1 and %d units", maxOnHand)
		}
	}
	return totalOf(lines)
}

// Importer takes over what another system had, or generated data, in large batches. It needs the stores for
// itself: no server may be running on them.
type Importer struct {
	store   OrderStore
	views   OrderViews
	catalog *Catalog
}

// NewImporter returns an importer into the store and the read models that follow it.
func NewImporter(store OrderStore, views OrderViews, catalog *Catalog) *Importer {
	return &Importer{store: store, views: views, catalog: catalog}
}

// Progress returns what the last kept batch of the source noted, or nil.
func (i *Importer) Progress(ctx context.Context, source string) ([]byte, error) {
	return i.store.ImportProgress(ctx, source)
}

// Stock returns the stock of those of the SKUs that have any, by SKU.
func (i *Importer) Stock(ctx context.Context, skus []string) (map[string]Stock, error) {
	found, err := i.store.Stock(ctx, skus)
	if err != nil {
		return nil, fmt.Errorf("read stock: %w", err)
	}
	bySKU := make(map[string]Stock, len(found))
	for _, s := range found {
		bySKU[s.SKU] = s
	}
	return bySKU, nil
}

// Import stores a batch whole, with its progress, or nothing of it; then it shows it in order history and
// catalogue. If the outbox was empty before, its entries are marked as relayed, because all that the
// event log would do with them is done: a million imported facts do not delay the next start. After a crash between
// the two steps, what is not marked goes the ordinary way.
func (i *Importer) Import(ctx context.Context, batch ImportBatch) error {
	ctx = context.WithoutCancel(ctx) // an interrupt comes between batches, not between the two steps
	before, relayed, err := i.store.Relay(ctx)
	if err != nil {
		return fmt.Errorf("read the outbox: %w", err)
	}
	if err := i.store.Import(ctx, batch); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	if err := i.updateReadModels(ctx, batch); err != nil {
		return err
	}
	if before != relayed {
		return nil
	}
	if err := i.store.Relayed(ctx, before+uint64(len(batch.Entries))); err != nil {
		return fmt.Errorf("mark as relayed: %w", err)
	}
	return nil
}

// updateReadModels takes a batch that was kept into the read models.
func (i *Importer) updateReadModels(ctx context.Context, batch ImportBatch) error {
	if len(batch.Orders) > 0 {
		if err := i.views.SaveViews(ctx, batch.Orders); err != nil {
			return fmt.Errorf("save order views: %w", err)
		}
	}
	if len(batch.Stock) == 0 {
		return nil
	}
	skus := make([]string, len(batch.Stock))
	for n, s := range batch.Stock {
		skus[n] = s.SKU
	}
	stock, err := i.store.Stock(ctx, skus)
	if err != nil {
		return fmt.Errorf("read stock: %w", err)
	}
	if _, err := i.catalog.SetInventory(ctx, inventoryOf(stock)); err != nil {
		return fmt.Errorf("set inventory: %w", err)
	}
	return nil
}
