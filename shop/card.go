package shop

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"
)

// Card is the part of a product that lists and search results show. Ranking and facets read no other part.
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

	Position int64 `json:"-"` // greater than those of products inserted before; never changes
}

// Card returns the product's card. Its position is 0, because only the store knows the position.
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

// EncodeCard returns the stored form of a card. Price, stock, rating and position are not part of it: stores have columns
// for these, which they search and change. Each string of the card follows its length, which is a varint. JSON would be
// the largest cost of a search, because ranking decodes hundreds of cards.
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

// DecodeCard sets the fields of the card that EncodeCard stores, and leaves its other fields unchanged. The caller may
// reuse the bytes of stored afterwards: the card's strings are slices of one copy of them.
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

// cardReader reads a stored card from its beginning. After a damaged value, all values are zero.
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

// consume skips the n bytes of a decoded varint and returns its value. An n that is not positive is damage.
func (r *cardReader) consume(v uint64, n int) uint64 {
	if n <= 0 {
		r.damaged, r.rest = true, ""
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count reads the number of the values that follow. Each has at least one byte, which bounds the memory that a damaged
// number can allocate.
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
