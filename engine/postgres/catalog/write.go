package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/fault"
	"agora/shop"
)

// productColumns are products as columns, so that one statement inserts any number of them.
type productColumns struct {
	offsets, versions, amounts []int64 // an offset is the distance from the first position
	currencies, ids, skus      []string
	cards                      [][]byte
	terms                      []string
	documents                  [][]byte
}

func (r *productColumns) add(offset int, e shop.IndexedProduct) error {
	p := e.Product
	r.offsets, r.versions = append(r.offsets, int64(offset)), append(r.versions, p.Version)
	r.amounts = append(r.amounts, p.Price.Amount)
	r.currencies, r.ids, r.skus = append(r.currencies, p.Price.Currency), append(r.ids, p.ID), append(r.skus, p.SKU)
	r.cards = append(r.cards, shop.EncodeCard(p.Card()))
	// The document is what the seller wrote: stock and reviews have columns and rows of their own.
	p.InventoryCount, p.Rating, p.LatestReviews = 0, shop.Rating{}, nil
	document, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode product %s: %w", p.ID, err)
	}
	r.terms, r.documents = append(r.terms, joinTerms(e)), append(r.documents, document)
	return nil
}

// Insert implements shop.CatalogStore.
func (c *Store) Insert(ctx context.Context, entries []shop.IndexedProduct) (taken []string, err error) {
	if len(entries) == 0 {
		return nil, nil
	}
	rows := &productColumns{}
	for i, e := range entries {
		if err := rows.add(i, e); err != nil {
			return nil, err
		}
	}
	// Built before the transaction, because nearly always all products are inserted.
	all := newPostings(entries, slices.Repeat([]bool{true}, len(entries)))
	err = c.db.Transact(ctx, func(tx pgx.Tx) (*pgx.Batch, error) {
		first, stored, err := rows.insertCards(ctx, tx)
		if err != nil {
			return nil, err
		}
		index := all
		if taken = takenOf(entries, stored); len(taken) > 0 {
			index = newPostings(entries, stored)
		}
		last := &pgx.Batch{}
		last.Queue(`INSERT INTO documents SELECT $1 + o, terms, document
			FROM unnest($2::bigint[], $3::text[], $4::bytea[], $5::boolean[]) u(o, terms, document, stored) WHERE stored`,
			first, rows.offsets, rows.terms, rows.documents, stored)
		index.move(first).insert(last)
		return last, nil
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

func takenOf(entries []shop.IndexedProduct, stored []bool) (skus []string) {
	for i, e := range entries {
		if !stored[i] {
			skus = append(skus, e.Product.SKU)
		}
	}
	return skus
}

// insertCards inserts the cards whose SKU is free, at positions from first on, and returns which cards these are. It
// inserts in the order of the SKUs, so that two servers that insert the same products cannot wait for each other.
func (r *productColumns) insertCards(ctx context.Context, tx pgx.Tx) (first int64, stored []bool, err error) {
	if err := tx.QueryRow(ctx, "SELECT take_positions($1)", len(r.ids)).Scan(&first); err != nil {
		return 0, nil, err
	}
	rows, err := tx.Query(ctx, `INSERT INTO cards (position, version, amount, currency, id, sku, card)
		SELECT $1 + o, version, amount, currency, id, sku, card
		FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bytea[])
			u(o, version, amount, currency, id, sku, card)
		ORDER BY sku, o ON CONFLICT DO NOTHING RETURNING position`,
		first, r.offsets, r.versions, r.amounts, r.currencies, r.ids, r.skus, r.cards)
	if err != nil {
		return 0, nil, err
	}
	stored = make([]bool, len(r.ids))
	var position int64
	_, err = pgx.ForEachRow(rows, []any{&position}, func() error {
		stored[position-first] = true
		return nil
	})
	return first, stored, err
}

// Replace implements shop.CatalogStore.
func (c *Store) Replace(ctx context.Context, entry shop.IndexedProduct, expected int64) error {
	rows := &productColumns{}
	if err := rows.add(0, entry); err != nil {
		return err
	}
	return c.db.Transact(ctx, func(tx pgx.Tx) (*pgx.Batch, error) {
		position, before, err := lockProduct(ctx, tx, entry.Product.ID, expected)
		if err != nil {
			return nil, err
		}
		last := &pgx.Batch{}
		last.Queue("UPDATE cards SET version = $2, currency = $3, amount = $4, card = $5 WHERE position = $1",
			position, rows.versions[0], rows.currencies[0], rows.amounts[0], rows.cards[0])
		last.Queue("UPDATE documents SET terms = $2, document = $3 WHERE position = $1",
			position, rows.terms[0], rows.documents[0])
		if before == rows.terms[0] {
			return last, nil
		}
		return last, reindex(ctx, tx, last, position, indexed(splitTerms(before)), indexed(entry.Words, entry.Tags))
	})
}

// lockProduct locks a product that has the expected version, and returns its position and terms. A second statement reads
// the terms, because it sees what was committed while the first one waited for the lock.
func lockProduct(ctx context.Context, tx pgx.Tx, id string, expected int64) (position int64, terms string, err error) {
	var version int64
	err = tx.QueryRow(ctx, "SELECT position, version FROM cards WHERE id = $1 FOR UPDATE", id).Scan(&position, &version)
	if err != nil {
		return 0, "", postgres.OrMissing(err, fault.ErrNotFound("product", id))
	}
	if version != expected {
		return 0, "", shop.ErrProductChanged()
	}
	err = tx.QueryRow(ctx, "SELECT terms FROM documents WHERE position = $1", position).Scan(&terms)
	return position, terms, err
}

// reindex queues the statements that change the index from a product's old terms to its new ones. Rows of a term must not
// overlap, so that a position is added to the row that spans it, or else becomes a new row.
func reindex(ctx context.Context, tx pgx.Tx, last *pgx.Batch, position int64, before, after []string) error {
	removed, added := without(before, after), without(after, before)
	rows, err := lockPostings(ctx, tx, slices.Concat(removed, added), position)
	if err != nil {
		return err
	}
	inserts, updates, deletes := &postings{}, &postings{}, &postings{}
	for _, term := range removed {
		row := rows[term]
		if at, found := slices.BinarySearch(row.positions, position); found {
			row.positions = slices.Delete(row.positions, at, at+1)
		}
		if len(row.positions) == 0 {
			deletes.add(term, row)
		} else {
			updates.add(term, row)
		}
	}
	for _, term := range added {
		row := rows[term]
		at, _ := slices.BinarySearch(row.positions, position)
		if at == len(row.positions) {
			inserts.add(term, postingRow{position, []int64{position}})
			continue
		}
		row.positions = slices.Insert(row.positions, at, position)
		updates.add(term, row)
	}
	deletes.delete(last)
	updates.update(last)
	inserts.insert(last)
	return nil
}

// without returns the terms that are not in others.
func without(terms, others []string) []string {
	excluded := make(map[string]bool, len(others))
	for _, term := range others {
		excluded[term] = true
	}
	return slices.DeleteFunc(slices.Clone(terms), func(term string) bool { return excluded[term] })
}

// insert queues the statement that inserts the rows.
func (p *postings) insert(batch *pgx.Batch) {
	batch.Queue(`INSERT INTO postings (term, first, n, gaps)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::int[], $4::bytea[])`, p.terms, p.firsts, p.counts, p.gaps)
}

// update queues the statement that replaces the positions of existing rows.
func (p *postings) update(batch *pgx.Batch) {
	batch.Queue(`UPDATE postings p SET n = u.n, gaps = u.gaps
		FROM unnest($1::text[], $2::bigint[], $3::int[], $4::bytea[]) u(term, first, n, gaps)
		WHERE p.term = u.term AND p.first = u.first`, p.terms, p.firsts, p.counts, p.gaps)
}

// delete queues the statement that deletes the rows.
func (p *postings) delete(batch *pgx.Batch) {
	batch.Queue(`DELETE FROM postings p USING unnest($1::text[], $2::bigint[]) u(term, first)
		WHERE p.term = u.term AND p.first = u.first`, p.terms, p.firsts)
}

// lockPostings locks and returns the row of each term that spans the position, or that ends before it. Every server locks
// rows in the order of their terms.
func lockPostings(ctx context.Context, tx pgx.Tx, terms []string, position int64) (map[string]postingRow, error) {
	slices.Sort(terms)
	rows, err := tx.Query(ctx, `SELECT u.term, p.first, p.gaps FROM unnest($1::text[]) u(term) CROSS JOIN LATERAL (
			SELECT first, gaps FROM postings WHERE term = u.term AND first <= $2 ORDER BY first DESC LIMIT 1 FOR UPDATE) p`,
		terms, position)
	if err != nil {
		return nil, err
	}
	locked := make(map[string]postingRow, len(terms))
	var term string
	var row postingRow
	var gaps []byte
	_, err = pgx.ForEachRow(rows, []any{&term, &row.first, &gaps}, func() error {
		positions, err := decodeGaps(nil, row.first, gaps)
		locked[term] = postingRow{row.first, positions}
		return err
	})
	return locked, err
}
