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

// productRows are entries as columns of their tables, so that one statement stores any number of them.
type productRows struct {
	offsets, versions, amounts []int64 // offsets are from the first position
	currencies, ids, skus      []string
	cards                      [][]byte
	terms                      []string
	documents                  [][]byte
}

func (r *productRows) add(offset int, e shop.IndexedProduct) error {
	p := e.Product
	r.offsets, r.versions = append(r.offsets, int64(offset)), append(r.versions, p.Version)
	r.amounts = append(r.amounts, p.Price.Amount)
	r.currencies, r.ids, r.skus = append(r.currencies, p.Price.Currency), append(r.ids, p.ID), append(r.skus, p.SKU)
	r.cards = append(r.cards, shop.EncodeCard(p.Card()))
	// Stock and reviews have columns and rows of their own: the document is what the seller wrote.
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
	rows := &productRows{}
	for i, e := range entries {
		if err := rows.add(i, e); err != nil {
			return nil, err
		}
	}
	// Made before the transaction, for nearly always all of them are stored.
	all := index(entries, slices.Repeat([]bool{true}, len(entries)))
	err = c.db.Transact(ctx, func(tx pgx.Tx) (*pgx.Batch, error) {
		first, stored, err := rows.insertCards(ctx, tx)
		if err != nil {
			return nil, err
		}
		found := all
		if taken = takenOf(entries, stored); len(taken) > 0 {
			found = index(entries, stored)
		}
		last := &pgx.Batch{}
		last.Queue(`INSERT INTO documents SELECT $1 + o, terms, document
			FROM unnest($2::bigint[], $3::text[], $4::bytea[], $5::boolean[]) u(o, terms, document, stored) WHERE stored`,
			first, rows.offsets, rows.terms, rows.documents, stored)
		found.move(first).insert(last)
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

// insertCards stores the cards whose SKU is free and says which these are. It goes in the order of the SKUs, so that two
// servers that store the same ones cannot wait for each other.
func (r *productRows) insertCards(ctx context.Context, tx pgx.Tx) (first int64, stored []bool, err error) {
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
	rows := &productRows{}
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

// lockProduct returns the position and the terms of a product that has the version that is expected, and keeps others
// from changing it. The terms are read by a further statement, which sees what was committed while this one waited.
func lockProduct(ctx context.Context, tx pgx.Tx, id string, expected int64) (position int64, terms string, err error) {
	var version int64
	err = tx.QueryRow(ctx, "SELECT position, version FROM cards WHERE id = $1 FOR UPDATE", id).Scan(&position, &version)
	if err != nil {
		return 0, "", postgres.OrMissing(err, fault.ErrNotFound("product", id))
	}
	if version != expected {
		return 0, "", shop.ChangedMeanwhile()
	}
	err = tx.QueryRow(ctx, "SELECT terms FROM documents WHERE position = $1", position).Scan(&terms)
	return position, terms, err
}

// reindex adds to a transaction's last batch what brings the index from a product's old terms to its new ones. A
// position goes into the row that spans it, as rows of a term must not overlap, and otherwise into one of its own.
func reindex(ctx context.Context, tx pgx.Tx, last *pgx.Batch, position int64, before, after []string) error {
	gone, come := without(before, after), without(after, before)
	rows, err := lockPostings(ctx, tx, slices.Concat(gone, come), position)
	if err != nil {
		return err
	}
	added, updated, emptied := &postings{}, &postings{}, &postings{}
	for _, term := range gone {
		row := rows[term]
		if at, found := slices.BinarySearch(row.positions, position); found {
			row.positions = slices.Delete(row.positions, at, at+1)
		}
		if len(row.positions) == 0 {
			emptied.add(term, row)
		} else {
			updated.add(term, row)
		}
	}
	for _, term := range come {
		row := rows[term]
		at, _ := slices.BinarySearch(row.positions, position)
		if at == len(row.positions) {
			added.add(term, postingRow{position, []int64{position}})
			continue
		}
		row.positions = slices.Insert(row.positions, at, position)
		updated.add(term, row)
	}
	emptied.remove(last)
	updated.update(last)
	added.insert(last)
	return nil
}

// without returns those terms that are not among others.
func without(terms, others []string) []string {
	not := make(map[string]bool, len(others))
	for _, term := range others {
		not[term] = true
	}
	return slices.DeleteFunc(slices.Clone(terms), func(term string) bool { return not[term] })
}

// insert adds to a batch what stores new rows.
func (p *postings) insert(batch *pgx.Batch) {
	batch.Queue(`INSERT INTO postings (term, first, n, gaps)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::int[], $4::bytea[])`, p.terms, p.firsts, p.counts, p.gaps)
}

// update adds to a batch what stores the positions of rows that are there.
func (p *postings) update(batch *pgx.Batch) {
	batch.Queue(`UPDATE postings p SET n = u.n, gaps = u.gaps
		FROM unnest($1::text[], $2::bigint[], $3::int[], $4::bytea[]) u(term, first, n, gaps)
		WHERE p.term = u.term AND p.first = u.first`, p.terms, p.firsts, p.counts, p.gaps)
}

// remove adds to a batch what deletes the rows.
func (p *postings) remove(batch *pgx.Batch) {
	batch.Queue(`DELETE FROM postings p USING unnest($1::text[], $2::bigint[]) u(term, first)
		WHERE p.term = u.term AND p.first = u.first`, p.terms, p.firsts)
}

// lockPostings returns of each term the row that has the position, or would have to if any has, and keeps others
// from changing them. Every server locks rows in the order of their terms.
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
