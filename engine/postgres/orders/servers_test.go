package orders

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/engine/postgres/postgrestest"
	"agora/pattern/journal"
	"agora/pattern/journal/journaltest"
	"agora/pattern/lead/leadtest"
	"agora/shop"
	"agora/shop/shoptest"
)

// stocked opens n servers on one new database that has units of each SKU.
func stocked(t *testing.T, n int, onHand int64, skus ...string) []*Store {
	t.Helper()
	url := server.Database(t)
	servers := make([]*Store, n)
	for i := range servers {
		servers[i] = openOrders(t, url)
	}
	batch := shop.ImportBatch{Source: "test", Progress: []byte{}}
	for _, sku := range skus {
		batch.Stock = append(batch.Stock, shop.Stock{SKU: sku, OnHand: onHand})
	}
	if err := servers[0].Import(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return servers
}

func TestServersDoNotOversellTogether(t *testing.T) {
	const units, buyers = 50, 128
	servers := stocked(t, 3, units, "A", "B")
	var mu sync.Mutex
	sold := 0
	postgrestest.InParallel(buyers, func(i int) {
		s := servers[i%len(servers)]
		p := shoptest.Placement("", "A", "B")
		_, err := s.Place(t.Context(), p)
		if _, short := errors.AsType[*shop.ShortStock](err); short {
			return
		}
		if err == nil {
			err = servers[(i+1)%len(servers)].Advance(t.Context(), shoptest.Confirmation(p))
		}
		mu.Lock()
		defer mu.Unlock()
		if sold++; err != nil {
			t.Error(err)
		}
	})
	left, err := servers[0].Stock(t.Context(), []string{"A", "B"})
	if err != nil || sold != units || left[0].OnHand != 0 || left[0].Held != 0 || left[1].OnHand != 0 || left[1].Held != 0 {
		t.Errorf("sold %d, left %+v, %v; want %d and nothing", sold, left, err, units)
	}
}

func TestServersShareClaims(t *testing.T) {
	servers := stocked(t, 3, 1000, "A")
	for round := range 20 {
		key := fmt.Sprint("usr_1/", round)
		var mu sync.Mutex
		orders := map[string]bool{}
		postgrestest.InParallel(9, func(i int) {
			p := shoptest.Placement(key, "A")
			claim, err := servers[i%len(servers)].Place(t.Context(), p)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case claim != nil:
				orders[claim.Order.ID] = true
			default:
				orders[p.Order.ID] = true
			}
		})
		if len(orders) != 1 {
			t.Fatalf("the key %s was for %d orders", key, len(orders))
		}
	}
}

// TestAnEntryNeverAppearsBeforeOneThatWasRead holds a transaction open that has appended to the journal already, while
// another server places an order.
func TestAnEntryNeverAppearsBeforeOneThatWasRead(t *testing.T) {
	servers := stocked(t, 2, 10, "A")
	slow, err := servers[0].db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	batch := &pgx.Batch{}
	entry := journal.Entry{Stream: "stock/Z", Kind: shop.StockChanged, At: time.Now(), Body: []byte("{}")}
	if err := queueEntries(t.Context(), slow, batch, []journal.Entry{entry}); err != nil {
		t.Fatal(err)
	}
	if err := slow.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatal(err)
	}
	placed := make(chan error, 1)
	go func() {
		_, err := servers[1].Place(t.Context(), shoptest.Placement("", "A"))
		placed <- err
	}()
	waitForLock(t, servers[0].db, placed)
	before := read(t, servers[1])
	if err := slow.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-placed; err != nil {
		t.Fatal(err)
	}
	after := read(t, servers[1])
	if len(after) != len(before)+2 || after[len(before)].Stream != "stock/Z" {
		t.Errorf("%d entries were read before and then %v, want the slow one first of two more", len(before), after)
	}
}

func read(t *testing.T, s *Store) []journal.Entry {
	t.Helper()
	return postgrestest.Must[[]journal.Entry](t)(s.All(t.Context(), 0, 1000))
}

// waitForLock returns when a connection waits for an advisory lock. It fails the test if the order is placed without.
func waitForLock(t *testing.T, d *postgres.Database, placed chan error) {
	t.Helper()
	for {
		var waits bool
		err := d.Pool().QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)").Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
		if waits {
			return
		}
		select {
		case err := <-placed:
			t.Fatalf("an order was appended to the journal before a transaction that had appended earlier: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
}

// TestAReaderOfTheJournalMissesNothing follows the journal while several servers write to it, also as the version before did.
func TestAReaderOfTheJournalMissesNothing(t *testing.T) {
	const writers, each = 24, 20
	servers := stocked(t, 3, 1_000_000, "A", "B", "C")
	var written atomic.Bool
	seen := make(chan int)
	go func() {
		var seq uint64
		n := 0
		for {
			ended := written.Load() // read before the journal, in which entries may appear after the read
			entries, err := servers[0].All(t.Context(), seq, 50)
			if err != nil {
				t.Error(err)
			}
			if len(entries) > 0 {
				n, seq = n+len(entries), entries[len(entries)-1].Seq
			} else if ended || err != nil {
				seen <- n
				return
			}
		}
	}()
	postgrestest.InParallel(writers, func(i int) {
		for j := range each {
			s := servers[(i+j)%len(servers)]
			var err error
			switch j % 5 {
			case 0:
				_, err = s.ChangeStock(t.Context(), "C", func(st shop.Stock) (shop.StockChange, error) {
					return shop.StockChange{OnHand: st.OnHand + 1, Entry: journal.Entry{
						Stream: shop.StockStream("C"), Kind: shop.StockChanged, At: time.Now(), Body: []byte("{}"),
					}}, nil
				})
			case 1:
				err = appendAsVersion2(t.Context(), s.db, fmt.Sprint(i, "/", j))
			default:
				_, err = s.Place(t.Context(), shoptest.Placement("", []string{"A", "B", "C"}[j%3]))
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	written.Store(true)
	if n := <-seen; n != writers*each {
		t.Errorf("the reader saw %d of %d entries", n, writers*each)
	}
	journaltest.CheckChain(t, read(t, servers[0]))
}

func TestServersThatStartTogetherMigrateOnce(t *testing.T) {
	t.Parallel()
	url := server.EmptyDatabase(t)
	postgrestest.InParallel(3, func(int) {
		d, err := postgres.Open(t.Context(), url)
		if err != nil {
			t.Error(err)
			return
		}
		_, err = Open(t.Context(), d)
		if err = errors.Join(err, d.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestOneServerLeadsATask(t *testing.T) {
	t.Parallel()
	leadtest.Run(t, func(t *testing.T) (first, second *Store, crash func()) {
		servers := stocked(t, 2, 1)
		return servers[0], servers[1], func() { postgrestest.EndLeads(t, servers[1].db.Pool().Config().ConnString()) }
	})
}
