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

// Stock is the number of units of a SKU, and how many of them pending orders hold.
type Stock struct {
	SKU     string `json:"sku" example:"LAMP-01"`
	OnHand  int64  `json:"on_hand" doc:"Units in the warehouse" example:"100"`
	Held    int64  `json:"held" doc:"Units of OnHand that pending orders hold" example:"1"`
	Version uint64 `json:"version" example:"2"`
}

// Available returns the units for sale. It is 0 if more units are held than are on hand, which is possible after a
// stocktaking.
func (s Stock) Available() int64 { return max(0, s.OnHand-s.Held) }

// Move is a change of the stock of a SKU, which adds to OnHand and Held. A store refuses a move that would make one of them
// negative, and a move that holds more units than are available.
type Move struct {
	SKU    string
	OnHand int64
	Held   int64
}

// Covers reports whether a store may apply the move to the stock.
func (s Stock) Covers(m Move) bool {
	return s.OnHand+m.OnHand >= 0 && s.Held+m.Held >= 0 && (m.Held <= 0 || s.OnHand-s.Held >= m.Held)
}

// StockChange is a new number of units on hand, and its journal entry. The store sets the version of the entry.
type StockChange struct {
	OnHand int64
	Entry  journal.Entry
}

// Stocks is the service for the stock of SKUs.
type Stocks struct {
	store  StockStore
	offers Offers
}

// NewStocks returns the service over a store and the catalogue.
func NewStocks(store StockStore, offers Offers) *Stocks { return &Stocks{store, offers} }

// Get returns the stock of a SKU, with zero units for a product that never had stock. It fails with fault.NotFound if no
// product has the SKU, and with fault.Denied if the actor may not change the product.
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

// StockEdit is a new number of units on hand after a stocktaking, or a change of their number. Exactly one of OnHand and
// Change is set.
type StockEdit struct {
	OnHand *int64 `json:"on_hand,omitempty" doc:"Units that there are now" example:"100" minimum:"0" maximum:"1000000000"`
	Change *int64 `json:"change,omitempty" doc:"Units that came, or went if negative" minimum:"-1000000000" maximum:"1000000000"`
	Reason string `json:"reason,omitempty" doc:"Why, for the journal" maxLength:"200" example:"stocktaking"`
}

// Validate returns one Invalid fault that names every offending field, or nil.
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

// Edit changes the units on hand. OnHand may be less than the held units: pending orders that the stock does not cover are
// refunded after their payment. Edit fails with the Conflict insufficient_stock if Change takes more units than there are.
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

// stockEntry returns the journal entry of a change to onHand units, without a version.
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
