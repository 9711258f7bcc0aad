package shop

import (
	"context"
)

// CatalogStore stores product documents, their cards, their reviews and an inverted index of their terms. Catalog decides
// which terms a product has, ranks the hits and checks permissions.
//
// A store gives every product a position: a positive number that is greater than those of all earlier products and never
// changes. All methods may be called concurrently.
type CatalogStore interface {
	// Insert stores the products whose SKU is free, in their order, and returns the SKUs of the others. If it fails,
	// no product is stored.
	Insert(ctx context.Context, products []IndexedProduct) (taken []string, err error)

	// Replace stores a new state of a product whose current version is expected. It fails with
	// fault.NotFound for an unknown product and fault.Stale for another version. It does not change stock and reviews,
	// nor the revision that counts their changes.
	Replace(ctx context.Context, product IndexedProduct, expected int64) error

	// Product returns a document with stock, rating and latest reviews as of the same time, or fault.NotFound.
	Product(ctx context.Context, id string) (Product, error)

	// CardsByID and CardsBySKU return the cards of those products that exist, in any order, in one round trip.
	CardsByID(ctx context.Context, ids []string) ([]Card, error)
	CardsBySKU(ctx context.Context, skus []string) ([]Card, error)

	// Scan returns the next cards of a search. Its cost must depend on Limit and Budget only, however many products
	// match.
	Scan(ctx context.Context, scan Scan) (Batch, error)

	// AddReview stores a review and counts it in its product's rating. It fails with fault.NotFound for
	// an unknown product and with a Conflict of the code already_reviewed for a second review by the same user.
	AddReview(ctx context.Context, review Review) error

	// Reviews returns at most limit reviews of a product, newest first: those whose number is smaller than
	// before, or the newest for 0. It fails with fault.NotFound for an unknown product.
	Reviews(ctx context.Context, productID string, before int64, limit int) ([]Review, error)

	// SetInventory stores the units for sale, in the order of the list. It skips a stock version that is not newer than
	// the stored one, and a SKU without a product. It returns the identifiers of the products whose documents changed,
	// each once, in any order.
	SetInventory(ctx context.Context, stock []Inventory) (changed []string, err error)
}

// IndexedProduct is a product with the terms by which Scan finds it. Stores do not interpret the terms, which consist of
// letters and digits and have at most 64 bytes. The first letter of a tag is never that of a word.
type IndexedProduct struct {
	Product Product
	Words   []string // each once; a clause may name a prefix
	Tags    []string // each once; a clause names the whole tag
}

// Clause selects the products that have the term or, with Prefix, a word that begins with the term. If more than 32 words
// begin with it, a store may use 32 of them, preferably those that most products have.
type Clause struct {
	Term   string
	Prefix bool
}

// ScanOrder is the order of a scan. Equal prices are ordered by position, in the same direction.
type ScanOrder uint8

const (
	NewestFirst    ScanOrder = iota // descending position
	CheapestFirst                   // ascending price, then ascending position
	ExpensiveFirst                  // descending price, then descending position
)

// Scan selects the cards that match every clause of All and pass the filters, without those that match every clause of
// Except (an empty Except excludes nothing). It begins after the position After in the order; the zero position is the
// beginning.
type Scan struct {
	All    []Clause
	Except []Clause

	Currency string // only prices in this currency; needed with a range or an order of prices
	MinPrice int64  // minor units
	MaxPrice int64  // minor units; 0 is no bound
	InStock  bool   // only products with units for sale

	Order  ScanOrder
	After  ScanPosition
	Limit  int // cards at most
	Budget int // about how many products may be read; the store chooses for 0
}

// ScanPosition is the position of a card in a scan. Only scans in the order of prices use Price.
type ScanPosition struct {
	Price    int64
	Position int64
}

// Batch is the result of a scan: cards in the scan's order. Done says that no cards follow. Otherwise the limit or the
// budget was reached, and cards may follow the position Next, even if the batch is empty.
type Batch struct {
	Cards []Card
	Next  ScanPosition
	Done  bool
}

// scanPosition returns the position of the card in a scan.
func (c Card) scanPosition() ScanPosition {
	return ScanPosition{Price: c.Price.Amount, Position: c.Position}
}
