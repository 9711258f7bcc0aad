package shop

import (
	"context"
	"fmt"
	"time"

	"agora/fault"
	"agora/pattern/journal"
)

const (
	maxOnHand = 1_000_000_000
	maxNote   = 200 // bytes
)

// Stock is how many units of a SKU there are, and how many of them are promised to pending orders.
type Stock struct {
	SKU     string `json:"sku" example:"LAMP-01"`
	OnHand  int64  `json:"on_hand" doc:"Units in the warehouse" example:"100"`
	Held    int64  `json:"held" doc:"Units of OnHand that pending orders hold" example:"1"`
	Version uint64 `json:"version" example:"2"`
}

// Available returns the units that may be sold. It is 0, not less, after a count found fewer units than
// are held.
func (s Stock) Available() int64 { return max(0, s.OnHand-s.Held) }

// Move changes the stock of a SKU. A store refuses a move that would make OnHand or Held negative, and
// one that adds to Held more than is available.
type Move struct {
	SKU    string
	OnHand int64
	Held   int64
}

// Covers reports whether the stock allows the move.
func (s Stock) Covers(m Move) bool {
	return s.OnHand+m.OnHand >= 0 && s.Held+m.Held >= 0 && (m.Held <= 0 || s.OnHand-s.Held >= m.Held)
}

// StockChange is a new amount on hand, and its entry in the journal. The entry's version is for the store to give.
type StockChange struct {
	OnHand int64
	Entry  journal.Entry
}

// Stocks is the service of the units on hand.
type Stocks struct {
	store  StockStore
	offers Offers
}

// NewStocks returns the service over a store and the catalogue.
func NewStocks(store StockStore, offers Offers) *Stocks { return &Stocks{store, offers} }

// Get returns the stock of a SKU, which is all zero for a product that never had any. A SKU without a
// product is fault.NotFound, one of another seller fault.Denied.
func (s *Stocks) Get(ctx context.Context, actor Actor, sku string) (Stock, error) {
	if err := s.mayChange(ctx, actor, sku); err != nil {
		return Stock{}, err
	}
	found, err := s.store.Stock(ctx, []string{sku})
	if err != nil {
		return Stock{}, fmt.Errorf("read stock of %s: %w", sku, err)
	}
	if len(found) == 0 {
		return Stock{SKU: sku}, nil
	}
	return found[0], nil
}

// StockEdit says what happened to the units of a SKU: they were counted, or some came or went. Exactly one
// of OnHand and Change is set.
type StockEdit struct {
	OnHand *int64 `json:"on_hand,omitempty" doc:"Units that there are now" example:"100" minimum:"0" maximum:"1000000000"`
	Change *int64 `json:"change,omitempty" doc:"Units that came, or went if negative" minimum:"-1000000000" maximum:"1000000000"`
	Reason string `json:"reason,omitempty" doc:"Why, for the journal" maxLength:"200" example:"stocktaking"`
}

// Validate names every offending field.
func (e StockEdit) Validate() error {
	var c fault.Collector
	c.Check((e.OnHand == nil) != (e.Change == nil), "on_hand", "or change has to be given, and not both")
	if e.OnHand != nil {
		c.Check(*e.OnHand >= 0 && *e.OnHand <= maxOnHand, "on_hand", "is not between 0 and %d", maxOnHand)
	}
	if e.Change != nil {
		c.Check(*e.Change != 0 && max(*e.Change, -*e.Change) <= maxOnHand && *e.Change >= -maxOnHand,
			"change", "is not between -%d and %d, or is 0", maxOnHand, maxOnHand)
	}
	checkText(&c, "reason", e.Reason, maxNote, "")
	return c.Err()
}

// Edit changes the units on hand. A count below what is held is kept: orders that turn out short when they
// are paid are refunded. A change that takes more than there is fails with the Conflict insufficient_stock.
func (s *Stocks) Edit(ctx context.Context, actor Actor, sku string, edit StockEdit) (Stock, error) {
	if err := edit.Validate(); err != nil {
		return Stock{}, err
	}
	if err := s.mayChange(ctx, actor, sku); err != nil {
		return Stock{}, err
	}
	at := now()
	return s.store.ChangeStock(ctx, sku, func(current Stock) (StockChange, error) {
		onHand, err := edit.apply(current)
		if err != nil {
			return StockChange{}, err
		}
		return StockChange{OnHand: onHand, Entry: stockEntry(current, onHand, edit.Reason, at)}, nil
	})
}

// apply returns the units on hand after the edit.
func (e StockEdit) apply(current Stock) (int64, error) {
	if e.OnHand != nil {
		return *e.OnHand, nil
	}
	onHand := current.OnHand + *e.Change
	if onHand < 0 {
		return 0, errShortOnHand(current, -*e.Change)
	}
	if onHand > maxOnHand {
		return 0, fault.ErrInvalid("change", "makes more than %d units", maxOnHand)
	}
	return onHand, nil
}

// StockStream returns the name of a SKU's stream in the journal.
func StockStream(sku string) string { return "stock/" + sku }

// stockEntry returns the fact that the units on hand became onHand. Its version is given by the store.
func stockEntry(current Stock, onHand int64, note string, at time.Time) journal.Entry {
	change := onHand - current.OnHand
	fact := Fact{SKU: current.SKU, Change: change, Note: note}
	if change != 0 {
		fact.Postings = moveUnits(Supply, Available, []Units{{current.SKU, change}})
	}
	return entry(StockStream(current.SKU), 0, StockChanged, at, fact)
}

func (s *Stocks) mayChange(ctx context.Context, actor Actor, sku string) error {
	offers, err := s.offers.OffersBySKU(ctx, []string{sku})
	if err != nil {
		return fmt.Errorf("look up %s: %w", sku, err)
	}
	offer, ok := offers[sku]
	if !ok {
		return fault.ErrNotFound("SKU", sku)
	}
	return actor.mayChange("product", offer.Seller)
}
