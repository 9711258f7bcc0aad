package shop_test

import (
	"maps"
	"strings"
	"testing"

	"agora/shop"
)

// TestBooksDoNotWrap posts ten sales of 10^18 each. The balance after the tenth does not fit into 64 bits.
func TestBooksDoNotWrap(t *testing.T) {
	const sale = 1_000_000_000_000_000_000
	books := shop.Books{}
	post := func(account string, amount int64) error {
		return books.Post([]shop.Posting{
			{Account: shop.Held, SKU: "A", Amount: -1}, {Account: shop.Sold, SKU: "A", Amount: 1},
			{Account: shop.GatewayAccount, Currency: "GBP", Amount: amount}, {Account: account, Currency: "GBP", Amount: -amount},
		})
	}
	for range 9 {
		if err := post(shop.Sales, sale); err != nil {
			t.Fatal(err)
		}
	}
	before := maps.Clone(books)
	for account, amount := range map[string]int64{shop.Sales: sale, shop.Refunds: sale} {
		err := post(account, amount)
		if err == nil || !strings.Contains(err.Error(), "overflows") {
			t.Errorf("posting the tenth to %s = %v, want an overflow", account, err)
		}
		if !maps.Equal(books, before) {
			t.Errorf("the failed posting to %s left %v, want %v", account, books, before)
		}
	}
}

func TestPostingsThatWrapToZeroAreNotBalanced(t *testing.T) {
	const half = -1 << 62
	postings := make([]shop.Posting, 4)
	for i := range postings {
		postings[i] = shop.Posting{Account: shop.Sales, Currency: "GBP", Amount: half}
	}
	if err := (shop.Books{}).Post(postings); err == nil {
		t.Error("postings that add up to -2^64 are accepted as balanced")
	}
}
