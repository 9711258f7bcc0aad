package shop

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"agora/fault"
)

// MemoryCatalog is the reference implementation of CatalogStore, for tests. It stores everything in memory, and a scan
// reads every product.
type MemoryCatalog struct {
	mu       sync.RWMutex
	products []*memoryProduct // by position, which is the index plus one
	byID     map[string]*memoryProduct
	bySKU    map[string]*memoryProduct
	reviews  int64 // number of the newest review
}

type memoryProduct struct {
	IndexedProduct
	position     int64
	stockVersion int64
	reviews      []Review // newest first
}

// NewMemoryCatalog returns an empty store.
func NewMemoryCatalog() *MemoryCatalog {
	return &MemoryCatalog{byID: map[string]*memoryProduct{}, bySKU: map[string]*memoryProduct{}}
}

// Insert implements CatalogStore.
func (m *MemoryCatalog) Insert(_ context.Context, products []IndexedProduct) (taken []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, indexed := range products {
		if m.bySKU[indexed.Product.SKU] != nil {
			taken = append(taken, indexed.Product.SKU)
			continue
		}
		p := &memoryProduct{IndexedProduct: indexed, position: int64(len(m.products)) + 1}
		m.products = append(m.products, p)
		m.byID[indexed.Product.ID], m.bySKU[indexed.Product.SKU] = p, p
	}
	return taken, nil
}

// Replace implements CatalogStore.
func (m *MemoryCatalog) Replace(_ context.Context, indexed IndexedProduct, expected int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.byID[indexed.Product.ID]
	if p == nil {
		return fault.ErrNotFound("product", indexed.Product.ID)
	}
	if p.Product.Version != expected {
		return ErrProductChanged()
	}
	old := p.Product
	p.IndexedProduct = indexed
	p.Product.InventoryCount, p.Product.Rating, p.Product.Revision = old.InventoryCount, old.Rating, old.Revision
	return nil
}

// Product implements CatalogStore.
func (m *MemoryCatalog) Product(_ context.Context, id string) (Product, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	p := m.byID[id]
	if p == nil {
		return Product{}, fault.ErrNotFound("product", id)
	}
	document := p.Product
	document.LatestReviews = append([]Review{}, p.reviews[:min(len(p.reviews), LatestReviews)]...)
	return document, nil
}

// CardsByID implements CatalogStore.
func (m *MemoryCatalog) CardsByID(_ context.Context, ids []string) ([]Card, error) {
	return m.cards(m.byID, ids), nil
}

// CardsBySKU implements CatalogStore.
func (m *MemoryCatalog) CardsBySKU(_ context.Context, skus []string) ([]Card, error) {
	return m.cards(m.bySKU, skus), nil
}

func (m *MemoryCatalog) cards(by map[string]*memoryProduct, keys []string) []Card {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var cards []Card
	for _, key := range keys {
		if p := by[key]; p != nil {
			cards = append(cards, p.card())
		}
	}
	return cards
}

func (p *memoryProduct) card() Card {
	card := p.Product.Card()
	card.Position = p.position
	return card
}

// Scan implements CatalogStore. It respects the limit and ignores the budget.
func (m *MemoryCatalog) Scan(_ context.Context, scan Scan) (Batch, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	follows := comparison(scan.Order)
	var found []Card
	for _, p := range m.products {
		card := p.card()
		after := scan.After == (ScanPosition{}) || follows(scan.After, card.scanPosition()) < 0
		if after && p.fulfils(scan) {
			found = append(found, card)
		}
	}
	slices.SortFunc(found, func(a, b Card) int { return follows(a.scanPosition(), b.scanPosition()) })
	if len(found) <= scan.Limit {
		return Batch{Cards: found, Done: true}, nil
	}
	found = found[:scan.Limit]
	return Batch{Cards: found, Next: found[scan.Limit-1].scanPosition()}, nil
}

// comparison returns the function that compares two scan positions in the order of a scan.
func comparison(order ScanOrder) func(a, b ScanPosition) int {
	cheapest := func(a, b ScanPosition) int {
		return cmp.Or(cmp.Compare(a.Price, b.Price), cmp.Compare(a.Position, b.Position))
	}
	switch order {
	case CheapestFirst:
		return cheapest
	case ExpensiveFirst:
		return func(a, b ScanPosition) int { return cheapest(b, a) }
	default:
		return func(a, b ScanPosition) int { return cmp.Compare(b.Position, a.Position) }
	}
}

func (p *memoryProduct) fulfils(scan Scan) bool {
	has := func(clause Clause) bool {
		if !clause.Prefix {
			return slices.Contains(p.Words, clause.Term) || slices.Contains(p.Tags, clause.Term)
		}
		return slices.ContainsFunc(p.Words, func(word string) bool { return strings.HasPrefix(word, clause.Term) })
	}
	lacks := func(clause Clause) bool { return !has(clause) }
	price := p.Product.Price
	switch {
	case slices.ContainsFunc(scan.All, lacks):
		return false
	case len(scan.Except) > 0 && !slices.ContainsFunc(scan.Except, lacks):
		return false
	case scan.Currency != "" && price.Currency != scan.Currency, price.Amount < scan.MinPrice:
		return false
	case scan.MaxPrice > 0 && price.Amount > scan.MaxPrice:
		return false
	}
	return !scan.InStock || p.Product.InventoryCount > 0
}

// AddReview implements CatalogStore.
func (m *MemoryCatalog) AddReview(_ context.Context, review Review) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.byID[review.ProductID]
	if p == nil {
		return fault.ErrNotFound("product", review.ProductID)
	}
	if slices.ContainsFunc(p.reviews, func(r Review) bool { return r.User == review.User }) {
		return ErrAlreadyReviewed()
	}
	m.reviews++
	review.Number = m.reviews
	p.reviews = slices.Insert(p.reviews, 0, review)
	rating := p.Product.Rating
	p.Product.Rating = NewRating(rating.Count+1, rating.Sum+review.Rating)
	p.Product.Revision++
	return nil
}

// Reviews implements CatalogStore.
func (m *MemoryCatalog) Reviews(_ context.Context, productID string, before int64, limit int) ([]Review, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	p := m.byID[productID]
	if p == nil {
		return nil, fault.ErrNotFound("product", productID)
	}
	reviews := []Review{}
	for _, review := range p.reviews {
		if (before == 0 || review.Number < before) && len(reviews) < limit {
			reviews = append(reviews, review)
		}
	}
	return reviews, nil
}

// SetInventory implements CatalogStore.
func (m *MemoryCatalog) SetInventory(_ context.Context, stock []Inventory) (changed []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range stock {
		p := m.bySKU[s.SKU]
		if p == nil || s.StockVersion <= p.stockVersion {
			continue
		}
		p.stockVersion = s.StockVersion
		if p.Product.InventoryCount == s.Available {
			continue
		}
		p.Product.InventoryCount = s.Available
		p.Product.Revision++
		if !slices.Contains(changed, p.Product.ID) {
			changed = append(changed, p.Product.ID)
		}
	}
	return changed, nil
}
