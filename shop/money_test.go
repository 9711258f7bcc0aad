package shop_test

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"agora/fault"
	"agora/shop"
)

func TestMoneyCheck(t *testing.T) {
	tests := []struct {
		money shop.Money
		want  int
	}{
		{shop.Money{Amount: 0, Currency: "GBP"}, 0},
		{shop.Money{Amount: math.MaxInt64, Currency: "JPY"}, 0},
		{shop.Money{Amount: -1, Currency: "GBP"}, 1},
		{shop.Money{Amount: 1, Currency: "gbp"}, 1},
		{shop.Money{Amount: 1, Currency: ""}, 1},
		{shop.Money{Amount: -1, Currency: "GBPX"}, 2},
	}
	for _, tt := range tests {
		var c fault.Collector
		tt.money.Check(&c, "price")
		got := 0
		if e, ok := errors.AsType[*fault.Error](c.Err()); ok {
			got = len(e.Fields)
		}
		if got != tt.want {
			t.Errorf("%+v: %d offending fields, want %d", tt.money, got, tt.want)
		}
	}
}

// TestMoneyNeverWraps compares Add and Times with arbitrary-precision arithmetic.
func TestMoneyNeverWraps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		quantity := rapid.Int64Min(0).Draw(t, "quantity")
		sum, err := shop.Money{Amount: a, Currency: "GBP"}.Add(shop.Money{Amount: b, Currency: "GBP"})
		exact(t, "sum", sum, err, new(big.Int).Add(big.NewInt(a), big.NewInt(b)))
		product, err := shop.Money{Amount: a, Currency: "GBP"}.Times(quantity)
		exact(t, "product", product, err, new(big.Int).Mul(big.NewInt(a), big.NewInt(quantity)))
	})
}

func exact(t *rapid.T, what string, got shop.Money, err error, want *big.Int) {
	switch {
	case err == nil && (!want.IsInt64() || got.Amount != want.Int64()):
		t.Fatalf("%s = %d, want %s", what, got.Amount, want)
	case err != nil && want.IsInt64() && want.Int64() != math.MinInt64:
		t.Fatalf("%s of %s fails: %v", what, want, err)
	}
}

func TestMoneyRefusesMixedCurrencies(t *testing.T) {
	_, err := shop.Money{Amount: 1, Currency: "GBP"}.Add(shop.Money{Amount: 1, Currency: "EUR"})
	if fault.CodeOf(err) != "currency_mismatch" {
		t.Errorf("Add = %v, want currency_mismatch", err)
	}
}
