package shop

import (
	"encoding/json"
	"fmt"
	"time"

	"agora/pattern/journal"
)

// The kinds of facts in the journal. They are also the kinds of events on the event log.
const (
	OrderPlaced    = "order.placed"    // Order
	OrderConfirmed = "order.confirmed" // it was paid
	OrderReduced   = "order.reduced"   // Lines, Refund
	OrderCancelled = "order.cancelled" // Reason, and Refund if it was paid
	OrderRefunded  = "order.refunded"  // Refund was paid
	OrderVoided    = "order.voided"    // whatever was paid for the cancelled order went back
	OrderImported  = "order.imported"  // Order, as another system had it
	CreditImported = "credit.imported" // Credit, as another system had it
	StockChanged   = "stock.changed"   // SKU, Change, Note
)

// Fact is the body of a journal entry: what happened, and the postings that it makes in the ledger. Only
// the fields that the entry's kind names are set.
type Fact struct {
	Order    *Order      `json:"order,omitempty"`
	Credit   *Credit     `json:"credit,omitempty"`
	Reason   Reason      `json:"reason,omitempty"`
	Lines    []LineUnits `json:"lines,omitempty"`
	Refund   *Refund     `json:"refund,omitempty"`
	SKU      string      `json:"sku,omitempty"`
	Change   int64       `json:"change,omitempty"` // units, of stock on hand
	Note     string      `json:"note,omitempty"`   // why, in the words of who changed the stock
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

// LineUnits are units of one line of an order; Line counts from 0.
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

// DecodeFact reads the body of a journal entry or event.
func DecodeFact(body []byte) (Fact, error) {
	var fact Fact
	if err := json.Unmarshal(body, &fact); err != nil {
		return Fact{}, fmt.Errorf("decode a fact: %w", err)
	}
	return fact, nil
}

// now returns the current time as it is stored: UTC, to the microsecond.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
