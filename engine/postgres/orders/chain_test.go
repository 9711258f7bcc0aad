package orders

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"agora/engine/postgres"
	"agora/engine/postgres/postgrestest"
	"agora/pattern/journal/journaltest"
	"agora/shop"
	"agora/shop/shoptest"
)

// appendAsVersion2 appends an entry to a stream of its own, as programs did that know version 2 of the schema.
func appendAsVersion2(ctx context.Context, db *postgres.Database, stream string) error {
	return db.Transact(ctx, func(pgx.Tx) (*pgx.Batch, error) {
		last := &pgx.Batch{}
		last.Queue("SELECT lock_journal()")
		last.Queue("INSERT INTO journal (stream, version, kind, at, body) VALUES ($1, 1, 'kind', $2, '{}')", stream, time.Now())
		return last, nil
	})
}

// upTo returns the migrations of the orders up to a version.
func upTo(t *testing.T, all embed.FS, versions int) fs.FS {
	t.Helper()
	paths := postgrestest.Must[[]string](t)(fs.Glob(all, "migrations/orders/*.sql"))
	older := fstest.MapFS{}
	for _, path := range paths[:versions] {
		older[path] = &fstest.MapFile{Data: postgrestest.Must[[]byte](t)(all.ReadFile(path))}
	}
	return older
}

func TestAJournalOfVersion2IsContinued(t *testing.T) {
	t.Parallel()
	url := server.EmptyDatabase(t)
	db := postgrestest.Open(t, url, postgres.Open)
	if err := db.Migrate(t.Context(), upTo(t, migrations, 2), "orders"); err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"a", "b"} {
		if err := appendAsVersion2(t.Context(), db, stream); err != nil {
			t.Fatal(err)
		}
	}
	s := openOrders(t, url)
	if err := s.Import(t.Context(), shop.ImportBatch{Source: "test", Progress: []byte{}, Stock: []shop.Stock{{SKU: "A", OnHand: 1}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Place(t.Context(), shoptest.Placement("", "A")); err != nil {
		t.Fatal(err)
	}
	all := read(t, s)
	if len(all) != 3 {
		t.Errorf("the journal has %d entries, want 3", len(all))
	}
	journaltest.CheckChain(t, all)
}

func TestAGroupIsChainedWithoutWhatItRefused(t *testing.T) {
	s := stocked(t, 1, 10, "A")[0]
	var group []*write
	for _, sku := range []string{"sold out", "A", "sold out", "A", "A"} {
		group = append(group, newWrite(shoptest.Placement("", sku).Transition, []byte("{}"), ""))
		group[len(group)-1].placed = true
	}
	if err := s.storeTogether(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	all := read(t, s)
	if len(all) != 3 || all[0].Seq+2 != all[2].Seq {
		t.Fatalf("the journal has %d entries %+v, want 3 without a gap", len(all), all)
	}
	journaltest.CheckChain(t, all)
	for i, want := range []*write{group[1], group[3], group[4]} {
		if all[i].Stream != want.Order.ID {
			t.Errorf("entry %d is of %s, want %s", i, all[i].Stream, want.Order.ID)
		}
	}
	if _, short := errors.AsType[*shop.ShortStock](group[2].Err); !short || group[3].Err != nil {
		t.Errorf("the writes were answered %v and %v, want short stock and nothing", group[2].Err, group[3].Err)
	}
}
