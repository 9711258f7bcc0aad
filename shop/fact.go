package shop

import (
	"encoding/json"
	"fmt"
	"time"

	"agora/pattern/journal"
)

// The kinds of facts in the journal, which are also the kinds of events in the event log. The comments name the fields of
// Fact that are set besides Postings.
const (
	OrderPlaced    = "order.placed"    // Order
	OrderConfirmed = "order.confirmed" // none; the order was paid
	OrderReduced   = "order.reduced"   // Lines, and Refund if they were not free
	OrderCancelled = "order.cancelled" // Reason, and Refund if money was paid for the order
	OrderRefunded  = "order.refunded"  // Refund, which was paid
	OrderVoided    = "order.voided"    // none; the payment of the cancelled order was voided
	OrderImported  = "order.imported"  // Order, from another system
	CreditImported = "credit.imported" // Credit, from another system
	StockChanged   = "stock.changed"   // SKU, Change, Note
)

// Fact is the body of a journal entry: what happened, and its postings in the ledger. The kind of the entry says which
// fields are set.
type Fact struct {
	Order    *Order      `json:"order,omitempty"`
	Credit   *Credit     `json:"credit,omitempty"`
	Reason   Reason      `json:"reason,omitempty"`
	Lines    []LineUnits `json:"lines,omitempty"`
	Refund   *Refund     `json:"refund,omitempty"`
	SKU      string      `json:"sku,omitempty"`
	Change   int64       `json:"change,omitempty"` // of the units on hand
	Note     string      `json:"note,omitempty"`   // why the stock was changed; written by the user
	Postings []Posting   `json:"postings,omitempty"`
}

// SKUs returns the SKUs whose stock the fact changed, each at least once.
func (f Fact) SKUs() []string {
	var skus []string
	for _, p := range f.Postings {
		if p.SKU != "" {
			skus = append(skus, p.SKU)
		}
	}
	if f.SKU != "" {
		skus = append(skus, f.SKU)
	}
	return skus
}

// LineUnits are units of one line of an order. Line is the index of the line.
type LineUnits struct {
	Line     int   `json:"line" minimum:"0"`
	Quantity int64 `json:"quantity" minimum:"1"`
}

// entry returns the journal entry of a fact.
func entry(stream string, version uint64, kind string, at time.Time, fact Fact) journal.Entry {
	body, err := json.Marshal(fact)
	if err != nil {
		panic("shop: a fact cannot be encoded: " + err.Error())
	}
	return journal.Entry{Stream: stream, Version: version, Kind: kind, At: at, Body: body}
}

// DecodeFact decodes the body of a journal entry.
func DecodeFact(body []byte) (Fact, error) {
	var fact Fact
	if err := json.Unmarshal(body, &fact); err != nil {
		return Fact{}, fmt.Errorf("decode a fact: %w", err)
	}
	return fact, nil
}

// now returns the current time with the precision that stores have: UTC, in whole microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
