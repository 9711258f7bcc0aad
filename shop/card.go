package shop

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"
)

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
	return int64(r.took(uint64(v), n))
}

func (r *cardReader) uvarint() uint64 {
	v, n := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	return r.took(v, n)
}

func (r *cardReader) took(v uint64, n int) uint64 {
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
