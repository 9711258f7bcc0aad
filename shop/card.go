package shop

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"
)

// Card is what a list or a search result shows of a product, and all that ranking and facets look at.
type Card struct {
	ID             string            `json:"id" example:"prd_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	SKU            string            `json:"sku" example:"LAMP-01"`
	Seller         string            `json:"seller" example:"usr_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	Name           string            `json:"name" example:"Desk lamp"`
	Price          Money             `json:"price"`
	Categories     []string          `json:"categories" example:"home-decor,lighting"`
	Attributes     map[string]string `json:"attributes" example:"{\"color\":\"red\"}"`
	Image          string            `json:"image,omitempty" doc:"The first image, if there is one"`
	InventoryCount int64             `json:"inventory_count" example:"100"`
	Rating         Rating            `json:"rating"`
	CreatedAt      time.Time         `json:"created_at"`

	Position int64 `json:"-"` // grows with each product that the store takes in; never changes
}

// Card returns the product's card, without the position that only the store knows.
func (p Product) Card() Card {
	card := Card{
		ID: p.ID, SKU: p.SKU, Seller: p.Seller, Name: p.Name, Price: p.Price, Categories: p.Categories,
		Attributes: p.Attributes, InventoryCount: p.InventoryCount, Rating: p.Rating, CreatedAt: p.CreatedAt,
	}
	if len(p.Images) > 0 {
		card.Image = p.Images[0]
	}
	return card
}

// EncodeCard returns the form in which stores keep what a card shows, but for price, stock, rating and position, which
// they have to find or change by themselves. It is the card's strings, each behind its length as a varint: ranking
// decodes hundreds of cards a search, and JSON would be its largest cost.
func EncodeCard(card Card) []byte {
	b := make([]byte, 0, 256)
	for _, s := range []string{card.ID, card.SKU, card.Seller, card.Name, card.Image} {
		b = appendString(b, s)
	}
	b = binary.AppendVarint(b, card.CreatedAt.UnixNano())
	b = binary.AppendUvarint(b, uint64(len(card.Categories)))
	for _, category := range card.Categories {
		b = appendString(b, category)
	}
	b = binary.AppendUvarint(b, uint64(len(card.Attributes)))
	for _, name := range slices.Sorted(maps.Keys(card.Attributes)) {
		b = appendString(appendString(b, name), card.Attributes[name])
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errCard = errors.New("a stored card is damaged")

// DecodeCard fills the card from what EncodeCard returned and leaves the rest of it alone. Its strings are slices of one
// copy of the stored form, which may be used for something else afterwards.
func DecodeCard(stored []byte, card *Card) error {
	r := cardReader{rest: string(stored)}
	for _, field := range []*string{&card.ID, &card.SKU, &card.Seller, &card.Name, &card.Image} {
		*field = r.text()
	}
	card.CreatedAt = time.Unix(0, r.varint()).UTC()
	card.Categories = make([]string, r.count())
	for i := range card.Categories {
		card.Categories[i] = r.text()
	}
	n := r.count()
	card.Attributes = make(map[string]string, n)
	for range n {
		name := r.text()
		card.Attributes[name] = r.text()
	}
	if r.damaged || r.rest != "" {
		return errCard
	}
	return nil
}

// cardReader takes values off the front of a stored card. After the first that does not fit all are zero.
type cardReader struct {
	rest    string
	damaged bool
}

func (r *cardReader) varint() int64 {
	v, n := binary.Varint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	return int64(r.consume(uint64(v), n))
}

func (r *cardReader) uvarint() uint64 {
	v, n := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	return r.consume(v, n)
}

func (r *cardReader) consume(v uint64, n int) uint64 {
	if n <= 0 {
		r.damaged, r.rest = true, ""
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count reads a number of things that follow, each of at least one byte.
func (r *cardReader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.damaged, r.rest = true, ""
		return 0
	}
	return int(n)
}

func (r *cardReader) text() string {
	n := r.count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}
