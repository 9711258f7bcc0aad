package shop

import (
	"context"
)

// CatalogStore keeps product documents, their cards, their reviews and an inverted index over their terms.
// It stores and finds; what is indexed, how hits are ranked and who may change what is decided by Catalog.
//
// A store gives every product a position, a positive number that grows with each product taken in and stays
// with the product. All methods may be called concurrently.
type CatalogStore interface {
	// Insert stores the entries whose SKU is still free, in their order, and returns the SKUs of the others.
	// All are stored or, with an error, none.
	Insert(ctx context.Context, entries []IndexedProduct) (taken []string, err error)

	// Replace stores a new state of a product whose current version is expected. It fails with
	// fault.NotFound for an unknown product and fault.Stale for another version. Stock and reviews, and
	// the revision that counts their changes, stay as they are.
	Replace(ctx context.Context, entry IndexedProduct, expected int64) error

	// Product returns a document with its stock, rating and latest reviews of one moment, or fault.NotFound.
	Product(ctx context.Context, id string) (Product, error)

	// CardsByID and CardsBySKU return the cards of those products that exist, in any order, in one round trip.
	CardsByID(ctx context.Context, ids []string) ([]Card, error)
	CardsBySKU(ctx context.Context, skus []string) ([]Card, error)

	// Scan returns the next cards of a search. What it costs must depend on Limit and Budget, not on how many
	// products match.
	Scan(ctx context.Context, scan Scan) (Batch, error)

	// AddReview stores a review and counts it in its product's rating. It fails with fault.NotFound for
	// an unknown product and with a Conflict of the code already_reviewed for a second review by the same user.
	AddReview(ctx context.Context, review Review) error

	// Reviews returns at most limit reviews of a product, newest first: those whose number is smaller than
	// before, or the newest for 0. An unknown product is fault.NotFound.
	Reviews(ctx context.Context, productID string, before int64, limit int) ([]Review, error)

	// SetInventory takes over stock in the order given, leaving alone what has a stock version that is not
	// newer than the one stored. A SKU without a product is skipped. It returns the identifiers of the
	// products whose document changed, each once, in any order.
	SetInventory(ctx context.Context, stock []Inventory) (changed []string, err error)
}

// IndexedProduct is a product as a store takes it in: the document and the terms under which Scan finds it.
// Terms are opaque to the store; they consist of letters and digits only, are at most 64 bytes long, and no tag begins
// with the letter of a word.
type IndexedProduct struct {
	Product Product
	Words   []string // each once; may be asked for by prefix
	Tags    []string // each once; asked for as a whole only
}

// Clause is fulfilled by a product that has the term or, with Prefix, any word that begins with it. Of more than 32
// words with a prefix a store may take 32, preferably those that most products have.
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

// Scan asks for the cards that fulfil every clause of All and not every clause of Except (an empty Except excludes
// nothing), pass the filters, and follow After in the order; the zero After is the beginning.
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
	Budget int // products that may be looked at, about; 0 is for the store to choose
}

// ScanPosition is a point in a scan: the next product is the one after it. Price is used by scans in the order of prices only.
type ScanPosition struct {
	Price    int64
	Position int64
}

// Batch is what a scan found: cards in the scan's order, and whether it came to the end. If Done is
// false, more may follow Next, however few cards there are: the limit or the budget was reached.
type Batch struct {
	Cards []Card
	Next  ScanPosition
	Done  bool
}

// scanPosition returns the position after the card.
func (c Card) scanPosition() ScanPosition {
	return ScanPosition{Price: c.Price.Amount, Position: c.Position}
}
