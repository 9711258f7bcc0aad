package orders

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/engine/postgres/postgrestest"
	"agora/pattern/journal"
	"agora/pattern/journal/journaltest"
	"agora/shop"
	"agora/shop/shoptest"
)

func openOrders(tb testing.TB, url string) *Store {
	tb.Helper()
	return postgrestest.Must[*Store](tb)(Open(tb.Context(), postgrestest.Open(tb, url, postgres.Open)))
}

func TestOrders(t *testing.T) {
	t.Parallel()
	shoptest.Orders(t, func(t *testing.T) shop.OrderStore { return openOrders(t, server.Database(t)) })
}

// journalOnly appends to the journal alone. Orders appends only together with a change of an order or of stock.
type journalOnly struct{ *Store }

func (j journalOnly) Append(ctx context.Context, entries ...journal.Entry) error {
	err := j.db.Transact(ctx, func(tx pgx.Tx) (*pgx.Batch, error) {
		last := &pgx.Batch{}
		return last, queueEntries(ctx, tx, last, entries)
	})
	if postgres.IsUnique(err) {
		return errVersionConflict(entries[0].Stream)
	}
	return err
}

func TestJournal(t *testing.T) {
	t.Parallel()
	journaltest.Run(t, func(t *testing.T) journaltest.Journal { return journalOnly{openOrders(t, server.Database(t))} })
}

func TestViews(t *testing.T) {
	shoptest.Views(t, func(t *testing.T) shop.OrderViews {
		return postgrestest.Must[*History](t)(OpenHistory(t.Context(), postgrestest.Open(t, server.Database(t), postgres.Open)))
	})
}
