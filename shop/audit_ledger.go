package shop

import (
	"context"
	"maps"
	"slices"
)

// unitBalances is what the ledger and the orders say of one SKU.
type unitBalances struct {
	available, held, sold, returned int64 // balances of the ledger's accounts
	pending, confirmed              int64 // units of the orders in these states
	credited                        int64 // units that came back for credits
	stocked                         bool  // there is a row of stock
}

func (r *auditing) unit(sku string) *unitBalances {
	u, ok := r.units[sku]
	if !ok {
		u = &unitBalances{}
		r.units[sku] = u
	}
	return u
}

// post takes a fact into the books as it stands there. Credits are the one movement of money that no order
// accounts for.
func (r *auditing) post(fact Fact) {
	for _, p := range fact.Postings {
		if p.SKU == "" {
			r.posted[Balance{Account: p.Account, Currency: p.Currency}] += p.Amount
			continue
		}
		switch u := r.unit(p.SKU); p.Account {
		case Available:
			u.available += p.Amount
		case Held:
			u.held += p.Amount
		case Sold:
			u.sold += p.Amount
		case Returned:
			u.returned += p.Amount
		}
	}
	if c := fact.Credit; c != nil {
		for _, u := range (Order{Lines: c.Lines}).Units() {
			r.unit(u.SKU).credited += u.Quantity
		}
		r.due.add(moveMoney(GatewayAccount, CreditsAccount, c.Amount))
	}
}

// expect takes an order into what the books should say.
func (r *auditing) expect(o Order) {
	for _, u := range o.Units() {
		switch o.State {
		case Pending:
			r.unit(u.SKU).pending += u.Quantity
		case Confirmed:
			r.unit(u.SKU).confirmed += u.Quantity
		}
	}
	r.due.add(o.moneyMoved())
}

// moneyMoved returns what all facts of an order together post to the accounts of money. What was voided was
// never posted.
func (o Order) moneyMoved() []Posting {
	if o.Payment != PaymentPaid {
		return nil
	}
	var postings []Posting
	if o.Reason == ReasonShort { // it was paid and never sold: the payment itself is what goes back
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

// add adds postings that are known to balance.
func (b Books) add(postings []Posting) {
	for _, p := range postings {
		b[Balance{p.Account, p.SKU, p.Currency}] += p.Amount
	}
}

// stock compares each row of stock with the ledger's accounts.
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

// unitsOfOrders compares the ledger's accounts with what the orders hold and took, and what came back.
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

// money compares the balances of money with what the orders and credits add up to.
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
