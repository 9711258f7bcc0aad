package orders

import (
	"context"
	"path/filepath"
	"testing"

	"agora/engine/sqlite"
	"agora/pattern/journal"
	"agora/pattern/journal/journaltest"
	"agora/shop"
	"agora/shop/shoptest"
)

func openOrders(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "orders.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestOrders(t *testing.T) {
	shoptest.Orders(t, func(t *testing.T) shop.OrderStore { return openOrders(t) })
}

// journalOnly appends to the journal alone. Orders appends only together with a change of an order or of stock.
type journalOnly struct{ *Store }

func (j journalOnly) Append(ctx context.Context, entries ...journal.Entry) error {
	return j.db.Write(ctx, func(t *sqlite.Tx) error {
		for _, e := range entries {
			if err := j.appendEntry(t, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestJournal(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journaltest.Journal { return journalOnly{openOrders(t)} })
}

func BenchmarkOrders(b *testing.B) {
	shoptest.BenchmarkOrders(b, func(b *testing.B) shop.OrderStore {
		s, err := Open(b.Context(), filepath.Join(b.TempDir(), "orders.db"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
		return s
	})
}
