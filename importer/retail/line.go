package retail

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Header is the first line of every file.
const Header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

// Reason is the reason for which a line is rejected.
type Reason string

// The reasons for which a line is rejected.
const (
	Malformed      Reason = "malformed"             // not eight fields of CSV, not UTF-8, or over 64 KiB
	BadQuantity    Reason = "bad_quantity"          // not a whole number, zero, or over a million
	BadPrice       Reason = "bad_price"             // not a decimal number of at most six places, or over a million
	BadDate        Reason = "bad_date"              // not of the form 2010-12-01 08:26:00
	BadCode        Reason = "bad_stock_code"        // empty, too long or not printable
	BadText        Reason = "bad_text"              // description, customer or country too long or with control characters
	NotAnInvoice   Reason = "not_an_invoice"        // the number is not digits after an optional C; bad debts begin with A
	NegativePrice  Reason = "negative_price"        // the unit price is below zero
	PartOfAPenny   Reason = "part_of_a_penny"       // the unit price is not a whole number of pence
	SaleOfNothing  Reason = "sale_without_units"    // the quantity of a sale is negative
	CreditWithGain Reason = "credit_that_takes_pay" // the quantity of a cancellation is positive
)

const (
	maxQuantity = 1_000_000
	maxPrice    = 1_000_000 * micro
	maxInvoice  = 20  // bytes
	maxCode     = 64  // bytes
	maxText     = 160 // bytes; fits a product's name, and a note on stock after the invoice's number
)

// Line is one line of a file. Customer is empty for a guest.
type Line struct {
	Invoice     string
	Code        string
	Description string
	Quantity    int64
	At          time.Time
	Price       Price
	Customer    string
	Country     string
}

// Amount returns the price of the line, in millionths of a pound. It cannot overflow, because quantity and price are bounded.
func (l Line) Amount() int64 { return int64(l.Price) * l.Quantity }

// Price is an amount in millionths of a pound.
type Price int64

const (
	micro = 1_000_000
	penny = Price(micro / 100)
)

// Pence returns the price in pence, and whether it is a whole number of them.
func (p Price) Pence() (int64, bool) { return int64(p / penny), p%penny == 0 }

// ParseLine parses a line without its line feed. If it returns a reason, the line has its quantity and price if both are valid, so
// that its amount still counts in the sum of all lines; otherwise both are 0.
func ParseLine(text string) (Line, Reason) {
	fields, ok := split(text)
	if !ok || !utf8.ValidString(text) {
		return Line{}, Malformed
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	l := Line{
		Invoice: fields[0], Code: strings.Join(strings.Fields(fields[1]), "-"), Description: fields[2],
		Customer: fields[6], Country: fields[7],
	}
	quantity, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil || quantity == 0 || quantity > maxQuantity || quantity < -maxQuantity {
		return l, BadQuantity
	}
	price, err := ParsePrice(fields[5])
	if err != nil {
		return l, BadPrice
	}
	l.Quantity, l.Price = quantity, price
	if l.At, err = time.Parse(time.DateTime, fields[4]); err != nil {
		return l, BadDate
	}
	return l, l.wrong()
}

// wrong returns the reason to reject a line with valid numbers and date, or "".
func (l Line) wrong() Reason {
	_, whole := l.Price.Pence()
	switch {
	case !isInvoice(l.Invoice):
		return NotAnInvoice
	case l.Code == "" || !printable(l.Code, maxCode):
		return BadCode
	case !printable(l.Description, maxText) || !printable(l.Customer, maxInvoice) || !printable(l.Country, maxText):
		return BadText
	case l.Price < 0:
		return NegativePrice
	case !whole:
		return PartOfAPenny
	}
	return ""
}

// isCredit reports whether the line belongs to a cancellation.
func (l Line) isCredit() bool { return l.Invoice[0] == 'C' }

func isInvoice(number string) bool {
	digits := strings.TrimPrefix(number, "C")
	other := func(r rune) bool { return r < '0' || r > '9' }
	return digits != "" && len(number) <= maxInvoice && !strings.ContainsFunc(digits, other)
}

func printable(text string, limit int) bool {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	return len(text) <= limit && !strings.ContainsFunc(text, unprintable)
}

// split returns the eight fields of a line. Most lines have no quotes, and splitting those at commas is faster than a CSV reader.
func split(text string) ([]string, bool) {
	if !strings.Contains(text, `"`) {
		fields := strings.Split(text, ",")
		return fields, len(fields) == 8
	}
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = 8
	fields, err := r.Read()
	if err != nil {
		return nil, false
	}
	return fields, r.InputOffset() == int64(len(text))
}

// ParsePrice parses a decimal number with at most six decimal places.
func ParsePrice(s string) (Price, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	if len(fraction) > 6 {
		return 0, fmt.Errorf("%q has more than six decimal places", s)
	}
	n, err := strconv.ParseUint(whole+fraction+"000000"[len(fraction):], 10, 63)
	if err != nil || whole == "" || n > maxPrice {
		return 0, fmt.Errorf("%q is not a price of at most a million", s)
	}
	if negative {
		return -Price(n), nil
	}
	return Price(n), nil
}
