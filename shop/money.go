package shop

import (
	"fmt"
	"math/bits"

	"golang.org/x/text/currency"

	"agora/fault"
)

// Money is an amount in the minor unit of a currency, such as 1999 and "USD" for 19.99 US dollars. Amounts are whole
// numbers, which are only added and multiplied by whole numbers, so that no amount is rounded.
type Money struct {
	Amount   int64  `json:"amount" doc:"Amount in the currency's minor unit" example:"1999"`
	Currency string `json:"currency" doc:"ISO 4217 code" example:"USD" minLength:"3" maxLength:"3"`
}

// Check records a price's unknown currency and its negative amount under the field's name.
func (m Money) Check(c *fault.Collector, field string) {
	c.Check(m.Amount >= 0, field+".amount", "is negative")
	if unit, err := currency.ParseISO(m.Currency); err != nil || unit.String() != m.Currency {
		c.Add(field+".currency", "is not an ISO 4217 code in upper case")
	}
}

// Add returns the sum. It fails with fault.Invalid for two currencies or an overflow.
func (m Money) Add(other Money) (Money, error) {
	if m.Currency != other.Currency {
		return Money{}, fault.New(fault.Invalid, "currency_mismatch",
			fmt.Sprintf("%s and %s cannot be added", m.Currency, other.Currency))
	}
	sum, ok := add(m.Amount, other.Amount)
	if !ok {
		return Money{}, fault.New(fault.Invalid, "amount_overflow", "the sum is over the largest amount")
	}
	return Money{sum, m.Currency}, nil
}

// add returns the sum, and false if it overflows.
func add(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0)
}

// Times returns the price of a quantity, which must not be negative. It fails with fault.Invalid on overflow.
func (m Money) Times(quantity int64) (Money, error) {
	high, low := bits.Mul64(uint64(max(m.Amount, -m.Amount)), uint64(quantity))
	if quantity < 0 || high != 0 || int64(low) < 0 {
		return Money{}, fault.New(fault.Invalid, "amount_overflow", "the price of the quantity is over the largest amount")
	}
	if m.Amount < 0 {
		return Money{-int64(low), m.Currency}, nil
	}
	return Money{int64(low), m.Currency}, nil
}

// Negated returns the amount with the other sign.
func (m Money) Negated() Money { return Money{-m.Amount, m.Currency} }
