package postgres

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"agora/pattern/journal"
	"agora/pattern/journal/journaltest"
	"agora/shop"
	"agora/shop/shoptest"
)

func openOrders(tb testing.TB, url string) *Orders {
	tb.Helper()
	return must[*Orders](tb)(open(tb, url).Orders(tb.Context()))
}

func TestOrders(t *testing.T) {
	t.Parallel()
	shoptest.Orders(t, func(t *testing.T) shop.OrderStore { return openOrders(t, newDatabase(t)) })
}

// journalOnly appends to the journal by itself, which Orders only does together with an order or stock.
type journalOnly struct{ *Orders }

func (j journalOnly) Append(ctx context.Context, entries ...journal.Entry) error {
	err := j.db.transact(ctx, func(tx pgx.Tx) (*pgx.Batch, error) {
		last := &pgx.Batch{}
		return last, queueEntries(ctx, tx, last, entries)
	})
	if isUnique(err) {
		return versionConflict(entries[0].Stream)
	}
	return err
}

func TestJournal(t *testing.T) {
	t.Parallel()
	journaltest.Run(t, func(t *testing.T) journaltest.Journal { return journalOnly{openOrders(t, newDatabase(t))} })
}

func TestViews(t *testing.T) {
	shoptest.Views(t, func(t *testing.T) shop.OrderViews {
		return must[*Views](t)(open(t, newDatabase(t)).Views(t.Context()))
	})
}
