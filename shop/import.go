package shop

import (
	"context"
	"fmt"
	"time"

	"agora/fault"
	"agora/pattern/journal"
)

// NewImportedOrder returns a paid order of another system, and its journal entry. Only the fields ID, UserID, Lines,
// PlacedAt and Reference of o are used. The units come from the account Supply, because an order of the past must not
// reduce the current stock. NewImportedOrder fails with fault.Invalid for no lines, units that are not positive, a negative
// price, two currencies and an overflow, and with fault.TooLarge for a fact of more than MaxFact bytes.
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

// NewImportedCredit returns a credit of another system, and its journal entry. The lines have positive units, and their
// prices add up to Amount. The units go to the account Supply, where the units of imported orders come from. Units and
// money of credits have accounts of their own, Returned and CreditsAccount, because the order that sold the units is
// unknown. NewImportedCredit fails as NewImportedOrder does.
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

// NewImportedStock returns the stock after a change of the units on hand, and its journal entry. It fails as Stocks.Edit
// does for a change that takes more units than there are, and with fault.TooLarge for a fact of more than MaxFact bytes.
func NewImportedStock(current Stock, change int64, note string, at time.Time) (Stock, journal.Entry, error) {
	onHand, err := StockEdit{Change: &change}.apply(current)
	if err != nil {
		return Stock{}, journal.Entry{}, err
	}
	e := stockEntry(current, onHand, note, at)
	current.OnHand = onHand
	return current, e, checkSize(e)
}

// priceOf checks lines of another system and returns their total price.
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

// Importer stores data of another system, or generated data, in large batches. No server may use the stores during an
// import.
type Importer struct {
	store   OrderStore
	views   OrderViews
	catalog *Catalog
}

// NewImporter returns an importer into the store and its read models.
func NewImporter(store OrderStore, views OrderViews, catalog *Catalog) *Importer {
	return &Importer{store: store, views: views, catalog: catalog}
}

// Progress returns the Progress of the last stored batch of the source, or nil.
func (i *Importer) Progress(ctx context.Context, source string) ([]byte, error) {
	return i.store.ImportProgress(ctx, source)
}

// Stock returns stocks by SKU. It omits SKUs without a record of stock.
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

// Import stores a batch and its progress in one transaction, and then updates the order history and the catalogue. If the
// outbox was empty before, it marks the batch's entries as relayed: the read models have them already, and relaying a
// million entries would delay the next start. After a crash before the mark, the outbox relays the entries as usual.
func (i *Importer) Import(ctx context.Context, batch ImportBatch) error {
	ctx = context.WithoutCancel(ctx) // so that an interrupted import ends after a whole batch
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

// updateReadModels saves a stored batch in the order history and the catalogue.
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
