package retail

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"agora/accounts"
	"agora/ident"
	"agora/shop"
)

// survey has the results of the first pass.
type survey struct {
	hash      hash.Hash
	rejects   *rejects
	report    Report
	codes     map[string]*code
	customers map[customer]first
	opened    time.Time // time of the first imported line
	last      int       // number of the last imported line
	offers    map[string]shop.Offer
}

// code has the data of a stock code in the file.
type code struct {
	names    map[string]int // number of sold or credited lines by description
	prices   map[int64]int  // number of sold lines by price in pence, without free ones
	first    time.Time      // time of the first sale or credit
	traded   bool
	adjusted bool
}

// customer is a customer number, or the guests of a country.
type customer struct {
	number  string
	country string // "" for a customer with a number
}

// first has the country and the time of a customer's first line.
type first struct {
	country string
	at      time.Time
}

func newSurvey(rejects *rejects) *survey {
	return &survey{
		hash: sha256.New(), rejects: rejects, report: newReport(),
		codes: map[string]*code{}, customers: map[customer]first{}, offers: map[string]shop.Offer{},
	}
}

func (s *survey) reject(number int, text string, line Line, reason Reason) error {
	s.report.Total.add(1, big.NewInt(line.Amount()))
	count(s.report.Rejected, reason, line)
	return s.rejects.write(number, text, reason)
}

func (s *survey) run(r run) error {
	s.last = r.last
	if s.opened.IsZero() {
		s.opened = r.lines[0].At
	}
	parts := sorted(r.lines)
	for _, line := range r.lines {
		s.report.Total.add(1, big.NewInt(line.Amount()))
	}
	for _, line := range parts.sales {
		count(s.report.Imported, Sale, line)
		s.traded(line)
	}
	for _, line := range parts.credits {
		count(s.report.Imported, Credit, line)
		s.traded(line)
	}
	for _, line := range parts.adjustments {
		count(s.report.Imported, Adjustment, line)
		s.code(line).adjusted = true
	}
	s.report.Contents = s.report.Contents.plus(parts.contents())
	if who := customerOf(r.lines[0]); len(parts.sales)+len(parts.credits) > 0 {
		if _, known := s.customers[who]; !known {
			s.customers[who] = first{r.lines[0].Country, r.lines[0].At}
		}
	}
	return nil
}

func (s *survey) code(line Line) *code {
	c, ok := s.codes[line.Code]
	if !ok {
		c = &code{names: map[string]int{}, prices: map[int64]int{}}
		s.codes[line.Code] = c
	}
	return c
}

func (s *survey) traded(line Line) {
	c := s.code(line)
	if !c.traded {
		c.traded, c.first = true, line.At
	}
	if line.Description != "" {
		c.names[line.Description]++
	}
	if pence, _ := line.Price.Pence(); pence > 0 && line.Quantity > 0 {
		c.prices[pence]++
	}
}

// finish returns the report of the first pass.
func (s *survey) finish() Report {
	s.report.Contents.Customers = len(s.customers)
	for _, c := range s.codes {
		if c.traded {
			s.report.Contents.Products++
		}
	}
	s.report.RejectsFile = s.rejects.path
	return s.report
}

// source returns the name of the import in the shop.
func (s *survey) source() string { return "retail " + hex.EncodeToString(s.hash.Sum(nil)) }

// users returns the seller and all customers, sorted by id; none for a file without sales and credits.
func (s *survey) users() []accounts.User {
	if len(s.customers) == 0 {
		return nil
	}
	users := []accounts.User{{ID: sellerID(), Name: "Retail import", Role: accounts.Seller, CreatedAt: s.opened}}
	for who, seen := range s.customers {
		name := "Customer " + who.number
		if who.number == "" {
			name = "Guest (" + who.country + ")"
		}
		users = append(users, accounts.User{
			ID: who.id(), Name: name, Country: countryCodes[seen.country], Role: accounts.Shopper, CreatedAt: seen.at,
		})
	}
	slices.SortFunc(users, func(a, b accounts.User) int { return cmp.Compare(a.ID, b.ID) })
	return users
}

// products returns a product for each code that is sold or credited, sorted by the first time.
func (s *survey) products() []shop.Product {
	var skus []string
	for sku, c := range s.codes {
		if c.traded {
			skus = append(skus, sku)
		}
	}
	slices.SortFunc(skus, func(a, b string) int {
		return cmp.Or(s.codes[a].first.Compare(s.codes[b].first), cmp.Compare(a, b))
	})
	products := make([]shop.Product, len(skus))
	for i, sku := range skus {
		c := s.codes[sku]
		draft := shop.ProductDraft{SKU: sku, Name: c.name(sku), Price: shop.Money{Amount: c.price(), Currency: currency}}
		products[i] = shop.NewProduct(sellerID(), draft, c.first, entropy("product", sku))
	}
	return products
}

// adjusted returns the codes with changes of stock.
func (s *survey) adjusted() []string {
	var skus []string
	for sku, c := range s.codes {
		if c.adjusted {
			skus = append(skus, sku)
		}
	}
	return skus
}

// name returns the most frequent description; of equally frequent ones, the first in alphabetical order.
func (c *code) name(sku string) string {
	best := ""
	for _, name := range slices.Sorted(maps.Keys(c.names)) {
		if best == "" || c.names[name] > c.names[best] {
			best = name
		}
	}
	return cmp.Or(best, sku)
}

// price returns the median price of the sold lines in pence, the lower one of two.
func (c *code) price() int64 {
	lines := 0
	for _, n := range c.prices {
		lines += n
	}
	left := (lines + 1) / 2
	for _, price := range slices.Sorted(maps.Keys(c.prices)) {
		if left -= c.prices[price]; left <= 0 {
			return price
		}
	}
	return 0
}

func customerOf(line Line) customer {
	if line.Customer == "" {
		return customer{country: line.Country}
	}
	return customer{number: line.Customer}
}

// id returns the user's id, which is the same for every file. The time in the id is 0, because the files do not have the time of
// registration.
func (c customer) id() string { return userID(c.number, c.country) }

func sellerID() string { return userID("seller") }

func userID(name ...string) string {
	return ident.At(ident.User, time.Unix(0, 0), entropy(append([]string{"user"}, name...)...))
}

// entropy returns the random bits of an id, derived from the names of its subject.
func entropy(parts ...string) io.Reader {
	sum := sha256.Sum256([]byte("retail\x00" + strings.Join(parts, "\x00")))
	return bytes.NewReader(sum[:])
}
