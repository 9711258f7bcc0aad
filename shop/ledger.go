package shop

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"agora/pattern/journal"
)

// The accounts of the ledger (double-entry bookkeeping). Units and money move between accounts, so that the balances of
// each SKU and of each currency add up to 0. The balances of Supply, Returned, Sales and RefundsDue are negative.
const (
	Supply    = "supply"    // units outside of the shop
	Available = "available" // units for sale
	Held      = "held"      // units that pending orders hold
	Sold      = "sold"      // units of confirmed orders
	Returned  = "returned"  // units given back for credits

	GatewayAccount = "gateway"     // money at the payment provider
	Sales          = "sales"       // price of the units sold
	Refunds        = "refunds"     // price of the sold units that were given back
	RefundsDue     = "refunds_due" // refunds that are not paid yet
	CreditsAccount = "credits"     // credits of another system
)

// Posting adds an amount to an account, or takes a negative one out of it. The amount is in units of a SKU, or in the
// minor unit of a currency.
type Posting struct {
	Account  string `json:"account"`
	SKU      string `json:"sku,omitempty"`
	Currency string `json:"currency,omitempty"`
	Amount   int64  `json:"amount"`
}

// moveUnits returns the postings that move units between two accounts.
func moveUnits(from, to string, units []Units) []Posting {
	postings := make([]Posting, 0, 2*len(units))
	for _, u := range units {
		postings = append(postings,
			Posting{Account: from, SKU: u.SKU, Amount: -u.Quantity}, Posting{Account: to, SKU: u.SKU, Amount: u.Quantity})
	}
	return postings
}

// moveMoney returns the postings that move an amount between two accounts, or none for the amount 0.
func moveMoney(from, to string, m Money) []Posting {
	if m.Amount == 0 {
		return nil
	}
	return []Posting{{Account: from, Currency: m.Currency, Amount: -m.Amount}, {Account: to, Currency: m.Currency, Amount: m.Amount}}
}

// Balance names a balance of the books: that of an account in a SKU or in a currency.
type Balance struct {
	Account, SKU, Currency string
}

// Books are the balances of all accounts after the facts of a journal.
type Books map[Balance]int64

// Post adds the postings of one fact. It fails, changing nothing, if the amounts of a SKU or currency do not add up to 0,
// or if a balance overflows.
func (b Books) Post(postings []Posting) error {
	sums := Books{}
	for _, p := range postings {
		if err := sums.add(Posting{SKU: p.SKU, Currency: p.Currency, Amount: p.Amount}); err != nil {
			return err
		}
	}
	for of, sum := range sums {
		if sum != 0 {
			return fmt.Errorf("postings of %s%s add up to %d instead of 0", of.SKU, of.Currency, sum)
		}
	}
	return b.add(postings...)
}

// add adds the postings to the balances, or none of them if a balance overflows.
func (b Books) add(postings ...Posting) error {
	for i, p := range postings {
		of := Balance{p.Account, p.SKU, p.Currency}
		sum, ok := add(b[of], p.Amount)
		if !ok {
			for _, undo := range postings[:i] {
				b[Balance{undo.Account, undo.SKU, undo.Currency}] -= undo.Amount
			}
			return fmt.Errorf("the balance of %s in %s%s overflows", p.Account, p.SKU, p.Currency)
		}
		b[of] = sum
	}
	return nil
}

// ApplyEntry posts a journal entry and returns the books. journal.Fold computes the current books with it.
func (b Books) ApplyEntry(e journal.Entry) (Books, error) {
	fact, err := DecodeFact(e.Body)
	if err != nil {
		return b, err
	}
	return b, b.Post(fact.Postings)
}

// Money returns the balances of the money accounts, ordered by account and currency.
func (b Books) Money() []Posting {
	var all []Posting
	for of, amount := range b {
		if of.Currency != "" {
			all = append(all, Posting{Account: of.Account, Currency: of.Currency, Amount: amount})
		}
	}
	slices.SortFunc(all, func(x, y Posting) int {
		return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.Currency, y.Currency))
	})
	return all
}

// Credit is money that another system paid back without naming an order.
type Credit struct {
	ID        string    `json:"id"`
	UserID    string    `json:"user_id"`
	Lines     []Line    `json:"lines"`
	Amount    Money     `json:"amount"`
	At        time.Time `json:"at"`
	Reference string    `json:"reference"`
}
