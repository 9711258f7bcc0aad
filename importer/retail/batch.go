package retail

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"agora/ident"
	"agora/shop"
)

// parts are the lines of a run by their kinds.
type parts struct {
	sales, credits, adjustments []Line
}

// sorted sorts lines by their kinds.
func sorted(lines []Line) parts {
	charges := slices.ContainsFunc(lines, func(l Line) bool { return l.Price > 0 })
	var p parts
	for _, l := range lines {
		found := l.Customer == "" && l.Price == 0 && !charges
		switch {
		case l.isCredit():
			p.credits = append(p.credits, l)
		case l.Quantity < 0 || found:
			p.adjustments = append(p.adjustments, l)
		default:
			p.sales = append(p.sales, l)
		}
	}
	return p
}

func (p parts) contents() Contents {
	return Contents{Orders: min(1, len(p.sales)), Credits: min(1, len(p.credits)), StockChanges: len(p.adjustments)}
}

func (c Contents) plus(other Contents) Contents {
	return Contents{
		Products: c.Products + other.Products, Customers: c.Customers + other.Customers, Orders: c.Orders + other.Orders,
		Credits: c.Credits + other.Credits, StockChanges: c.StockChanges + other.StockChanges,
	}
}

// batch collects the data of one transaction.
type batch struct {
	source string
	offers map[string]shop.Offer // by SKU
	stock  map[string]shop.Stock // current stock of all SKUs that the file changes
	next   shop.ImportBatch
	lines  int
	last   int
	moved  map[string]bool // SKUs whose stock this batch changes
	added  Contents
}

// add adds a run to the batch.
func (b *batch) add(r run) error {
	parts := sorted(r.lines)
	if err := b.sell(parts.sales, r.piece); err != nil {
		return err
	}
	if err := b.credit(parts.credits, r.piece); err != nil {
		return err
	}
	for _, line := range parts.adjustments {
		if err := b.adjust(line); err != nil {
			return err
		}
	}
	b.added = b.added.plus(parts.contents())
	b.lines += len(r.lines)
	b.last = r.last
	return nil
}

func (b *batch) sell(lines []Line, piece int) error {
	if len(lines) == 0 {
		return nil
	}
	order, fact, err := shop.NewImportedOrder(shop.Order{
		ID: documentID(ident.Order, lines, piece), UserID: customerOf(lines[0]).id(), Lines: b.orderLines(lines),
		PlacedAt: lines[0].At, Reference: lines[0].Invoice,
	})
	if err != nil {
		return err
	}
	b.next.Orders = append(b.next.Orders, order)
	b.next.Entries = append(b.next.Entries, fact)
	return nil
}

func (b *batch) credit(lines []Line, piece int) error {
	if len(lines) == 0 {
		return nil
	}
	_, fact, err := shop.NewImportedCredit(shop.Credit{
		ID: documentID(ident.Refund, lines, piece), UserID: customerOf(lines[0]).id(), Lines: b.orderLines(lines),
		At: lines[0].At, Reference: lines[0].Invoice,
	})
	if err != nil {
		return err
	}
	b.next.Entries = append(b.next.Entries, fact)
	return nil
}

// orderLines returns the lines of an order or a credit, with positive quantities.
func (b *batch) orderLines(lines []Line) []shop.Line {
	all := make([]shop.Line, len(lines))
	for i, l := range lines {
		offer := b.offers[l.Code]
		pence, _ := l.Price.Pence()
		all[i] = shop.Line{
			ProductID: offer.ProductID, SKU: offer.SKU, Seller: offer.Seller, Name: cmp.Or(l.Description, offer.Name),
			Quantity: max(l.Quantity, -l.Quantity), Price: shop.Money{Amount: pence, Currency: currency},
		}
	}
	return all
}

// adjust changes the stock of a SKU. Units that were lost without being in stock are booked as opening stock first.
func (b *batch) adjust(line Line) error {
	current := b.stock[line.Code]
	current.SKU = line.Code
	if lacking := -line.Quantity - current.OnHand; lacking > 0 {
		var err error
		if current, err = b.change(current, lacking, "opening stock", line); err != nil {
			return err
		}
	}
	_, err := b.change(current, line.Quantity, line.Description, line)
	return err
}

func (b *batch) change(current shop.Stock, units int64, why string, line Line) (shop.Stock, error) {
	note := "invoice " + line.Invoice
	if why != "" {
		note += ": " + why
	}
	after, fact, err := shop.NewImportedStock(current, units, note, line.At)
	if err != nil {
		return current, err
	}
	b.stock[line.Code] = after
	if b.moved == nil {
		b.moved = map[string]bool{}
	}
	b.moved[line.Code] = true
	b.next.Entries = append(b.next.Entries, fact)
	return after, nil
}

// take returns the batch and its contents, and empties it.
func (b *batch) take() (shop.ImportBatch, Contents, error) {
	progress, err := json.Marshal(reached{Line: b.last})
	if err != nil {
		return shop.ImportBatch{}, Contents{}, fmt.Errorf("encode the position of the import: %w", err)
	}
	next, added := b.next, b.added
	next.Source, next.Progress = b.source, progress
	for _, sku := range slices.Sorted(maps.Keys(b.moved)) {
		next.Stock = append(next.Stock, b.stock[sku])
	}
	b.next, b.added, b.moved, b.lines = shop.ImportBatch{}, Contents{}, nil, 0
	return next, added, nil
}

// documentID returns an id that depends only on the lines, so that an invoice has the same id in every file.
func documentID(prefix string, lines []Line, piece int) string {
	var content []string
	for _, l := range lines {
		content = append(content, l.Code, strconv.FormatInt(l.Quantity, 10), strconv.FormatInt(int64(l.Price), 10))
	}
	first := lines[0]
	content = append(content, prefix, first.Invoice, strconv.Itoa(piece), first.Customer, first.Country)
	return ident.At(prefix, first.At, entropy(content...))
}
