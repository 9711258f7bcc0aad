package retail

import (
	"fmt"
	"math/big"
	"time"
)

// Kind is the kind of an imported line.
type Kind string

// The kinds of imported lines.
const (
	Sale       Kind = "sale"        // a line of an order
	Credit     Kind = "credit"      // a line of a cancellation
	Adjustment Kind = "stock_count" // units that were found or lost, without a customer or a price
)

// Count is a number of lines and the sum of their amounts.
type Count struct {
	Lines int `json:"lines"`
	Sum   Sum `json:"sum"`
}

// Report has the contents of a file, how much of them is new in the shop, and the rejected lines.
type Report struct {
	Total    Count            `json:"total"`    // all lines read
	Imported map[Kind]Count   `json:"imported"` // by this import and earlier ones
	Rejected map[Reason]Count `json:"rejected"`

	// Contents are the results of all imported lines.
	Contents Contents `json:"contents"`
	// Added is the part of Contents that this import added; all zero if the file was imported before.
	Added Contents `json:"added"`

	RejectsFile string        `json:"rejects_file,omitempty"` // path of the rejected lines; empty if there are none
	Took        time.Duration `json:"took_ns"`
}

// Contents are the results of lines. An invoice whose lines are not adjacent becomes several orders.
type Contents struct {
	Products     int `json:"products"`
	Customers    int `json:"customers"` // guests of one country are one customer
	Orders       int `json:"orders"`
	Credits      int `json:"credits"`
	StockChanges int `json:"stock_changes"` // without bookings of opening stock
}

func newReport() Report {
	return Report{Imported: map[Kind]Count{}, Rejected: map[Reason]Count{}}
}

// Balanced reports whether every line is either imported or rejected, and the sums agree.
func (r Report) Balanced() bool {
	var parts Count
	for _, c := range r.Imported {
		parts.add(c.Lines, &c.Sum.millionths)
	}
	for _, c := range r.Rejected {
		parts.add(c.Lines, &c.Sum.millionths)
	}
	return parts.Lines == r.Total.Lines && parts.Sum.millionths.Cmp(&r.Total.Sum.millionths) == 0
}

// count adds a line to a part of the report.
func count[K comparable](parts map[K]Count, key K, line Line) {
	c := parts[key]
	c.add(1, big.NewInt(line.Amount()))
	parts[key] = c
}

// add replaces the sum of c instead of changing it, because copies of c share it.
func (c *Count) add(lines int, millionths *big.Int) {
	c.Lines += lines
	c.Sum = Sum{*new(big.Int).Add(&c.Sum.millionths, millionths)}
}

// Sum is an exact amount of pounds.
type Sum struct{ millionths big.Int }

// String returns the exact amount with at least two decimal places, such as 9747747.934.
func (s Sum) String() string {
	sign, rest := "", new(big.Int).Abs(&s.millionths)
	if s.millionths.Sign() < 0 {
		sign = "-"
	}
	pounds, fraction := new(big.Int).QuoRem(rest, big.NewInt(micro), new(big.Int))
	places := fmt.Sprintf("%06d", fraction)
	for len(places) > 2 && places[len(places)-1] == '0' {
		places = places[:len(places)-1]
	}
	return sign + pounds.String() + "." + places
}

// MarshalText implements encoding.TextMarshaler.
func (s Sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
