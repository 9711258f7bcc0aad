package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"agora/shop"
)

// A card is stored as its strings, each behind its length as a varint, in the order of encodeCard. Ranking decodes
// hundreds of cards a search; JSON would be its largest cost. Price, stock and rating are columns.

// encodeCard returns the stored form of a card.
func encodeCard(card shop.Card) []byte {
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

// decodeCard fills the card from its stored form. Its strings are slices of one copy of it.
func decodeCard(stored []byte, card *shop.Card) error {
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

// cardColumns are what scanCards reads, of cards as c and live as l.
const cardColumns = `c.position, c.currency, c.amount, c.card,
	coalesce(l.available, 0), coalesce(l.rating_count, 0), coalesce(l.rating_sum, 0)`

// scanCards reads all rows of cardColumns, given the answer to a query for them.
func scanCards(rows *sql.Rows, err error) ([]shop.Card, error) {
	var stored sql.RawBytes
	return collect(rows, err, func(rows *sql.Rows) (card shop.Card, err error) {
		var count, sum int64
		if err := rows.Scan(&card.Position, &card.Price.Currency, &card.Price.Amount, &stored,
			&card.InventoryCount, &count, &sum); err != nil {
			return card, err
		}
		card.Rating = shop.NewRating(count, sum)
		err = decodeCard(stored, &card)
		return card, err
	})
}

// CardsByID implements shop.CatalogStore.
func (c *Catalog) CardsByID(ctx context.Context, ids []string) ([]shop.Card, error) {
	return c.cardsOf(ctx, "id", ids)
}

// CardsBySKU implements shop.CatalogStore.
func (c *Catalog) CardsBySKU(ctx context.Context, skus []string) ([]shop.Card, error) {
	return c.cardsOf(ctx, "sku", skus)
}

// cardsOf passes several keys as one JSON array, so that the statement is the same for any number of them.
// The usual one key, that of an order's only line, needs no array.
func (c *Catalog) cardsOf(ctx context.Context, column string, keys []string) ([]shop.Card, error) {
	query := `SELECT ` + cardColumns + `
		FROM products p JOIN cards c USING (position) LEFT JOIN live l USING (position) WHERE p.` + column
	if len(keys) == 1 {
		return scanCards(c.statements.query(ctx, query+" = "+planned, keys[0]))
	}
	list, err := json.Marshal(keys)
	if err != nil {
		return nil, fmt.Errorf("encode keys: %w", err)
	}
	cards, err := scanCards(c.statements.query(ctx, query+" IN (SELECT value FROM json_each("+planned+"))", string(list)))
	if err != nil {
		return nil, fmt.Errorf("read cards: %w", err)
	}
	return cards, nil
}
