package shop

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// unitBalances are the units of one SKU according to the ledger and to the orders.
type unitBalances struct {
	available, held, sold, returned int64 // balances of the ledger's accounts
	pending, confirmed              int64 // units of the orders in these states
	credited                        int64 // units that were given back for credits
	stocked                         bool  // its stock is stored
}

func (r *auditing) unit(sku string) *unitBalances {
	u, ok := r.units[sku]
	if !ok {
		u = &unitBalances{}
		r.units[sku] = u
	}
	return u
}

// post adds the postings of a fact to the balances, and the money of a credit to what is due: no order accounts for
// it. It fails if a balance overflows.
func (r *auditing) post(fact Fact) error {
	for _, p := range fact.Postings {
		if err := r.postOne(p); err != nil {
			return err
		}
	}
	c := fact.Credit
	if c == nil {
		return nil
	}
	for _, u := range (Order{Lines: c.Lines}).Units() {
		if err := addUnits(&r.unit(u.SKU).credited, u); err != nil {
			return err
		}
	}
	return r.due.add(moveMoney(GatewayAccount, CreditsAccount, c.Amount)...)
}

func (r *auditing) postOne(p Posting) error {
	if p.SKU == "" {
		return r.posted.add(p)
	}
	moved := Units{p.SKU, p.Amount}
	switch u := r.unit(p.SKU); p.Account {
	case Available:
		return addUnits(&u.available, moved)
	case Held:
		return addUnits(&u.held, moved)
	case Sold:
		return addUnits(&u.sold, moved)
	case Returned:
		return addUnits(&u.returned, moved)
	}
	return nil
}

func addUnits(to *int64, u Units) error {
	sum, ok := add(*to, u.Quantity)
	if !ok {
		return fmt.Errorf("the units of %s overflow", u.SKU)
	}
	*to = sum
	return nil
}

// expect adds an order to the expected balances. It fails if one of them overflows.
func (r *auditing) expect(o Order) error {
	for _, u := range o.Units() {
		to := &r.unit(u.SKU).pending
		switch o.State {
		case Confirmed:
			to = &r.unit(u.SKU).confirmed
		case Cancelled:
			continue
		}
		if err := addUnits(to, u); err != nil {
			return err
		}
	}
	return r.due.add(o.moneyMoved()...)
}

// moneyMoved returns the postings of money that the facts of an order add up to. A payment that was voided was never
// posted.
func (o Order) moneyMoved() []Posting {
	if o.Payment != PaymentPaid {
		return nil
	}
	var postings []Posting
	if o.Reason == ReasonShort { // the units were never sold, so that the payment is refunded without a sale
		postings = moveMoney(RefundsDue, GatewayAccount, o.Total)
	} else {
		postings = append(moveMoney(Sales, GatewayAccount, o.Total), moveMoney(RefundsDue, Refunds, o.Refunded())...)
	}
	for _, refund := range o.Refunds {
		if refund.Paid {
			postings = append(postings, moveMoney(GatewayAccount, RefundsDue, refund.Amount)...)
		}
	}
	return postings
}

// stock compares the stock of each SKU with the ledger's accounts.
func (r *auditing) stock(ctx context.Context) error {
	check := r.report.Begin("stock", "units on hand and held of each SKU are the balances of the ledger's accounts")
	err := r.Orders.EachStock(ctx, func(s Stock) error {
		check.Compared++
		u := r.unit(s.SKU)
		u.stocked = true
		r.stocked[s.SKU] = s.Available()
		if s.OnHand-s.Held != u.available || s.Held != u.held {
			check.Differ("%s has %d on hand and %d held; the ledger has %d available and %d held", s.SKU, s.OnHand, s.Held, u.available, u.held)
		}
		return nil
	})
	for _, sku := range slices.Sorted(maps.Keys(r.units)) {
		if u := r.units[sku]; !u.stocked && (u.available != 0 || u.held != 0) {
			check.Differ("%s has no stock; the ledger has %d available and %d held", sku, u.available, u.held)
		}
	}
	return err
}

// unitsOfOrders compares the ledger's units with those of the orders and credits.
func (r *auditing) unitsOfOrders(context.Context) error {
	check := r.report.Begin("units", "the ledger's units held, sold and returned of each SKU are those of the orders and credits")
	for _, sku := range slices.Sorted(maps.Keys(r.units)) {
		check.Compared++
		if u := r.units[sku]; u.held != u.pending || u.sold != u.confirmed || u.returned != -u.credited {
			check.Differ("%s: the ledger has %d held, %d sold and %d returned; the orders and credits have %d, %d and %d",
				sku, u.held, u.sold, u.returned, u.pending, u.confirmed, -u.credited)
		}
	}
	return nil
}

// money compares the ledger's balances of money with the sums over orders and credits.
func (r *auditing) money(context.Context) error {
	check := r.report.Begin("money", "the ledger's balance of each account and currency is what the orders and credits add up to")
	all := maps.Clone(r.posted)
	maps.Copy(all, r.due)
	for _, b := range all.Money() {
		check.Compared++
		of := Balance{Account: b.Account, Currency: b.Currency}
		if r.posted[of] != r.due[of] {
			check.Differ("%s has %d %s; the orders and credits add up to %d", b.Account, r.posted[of], b.Currency, r.due[of])
		}
	}
	return nil
}
