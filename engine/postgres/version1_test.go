package postgres_test

import (
	"context"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"agora/accounts"
	"agora/engine/postgres"
	pgaccounts "agora/engine/postgres/accounts"
	pgcatalog "agora/engine/postgres/catalog"
	pglog "agora/engine/postgres/eventlog"
	pgorders "agora/engine/postgres/orders"
	"agora/engine/postgres/postgrestest"
	"agora/pattern/journal"
	"agora/pattern/journal/journaltest"
	"agora/shop"
)

// stores are all stores of a database.
type stores struct {
	db       *postgres.Database
	users    *pgaccounts.Users
	sessions *pgaccounts.Sessions
	personal *pgaccounts.Personal
	catalog  *pgcatalog.Store
	orders   *pgorders.Store
	history  *pgorders.History
	events   *pglog.Log
}

func openStores(t *testing.T, url string) stores {
	t.Helper()
	db := postgrestest.Open(t, url, postgres.Open)
	return stores{
		db:       db,
		users:    openStore(t, db, pgaccounts.OpenUsers),
		sessions: openStore(t, db, pgaccounts.OpenSessions),
		personal: openStore(t, db, pgaccounts.OpenPersonal),
		catalog:  openStore(t, db, pgcatalog.Open),
		orders:   openStore(t, db, pgorders.Open),
		history:  openStore(t, db, pgorders.OpenHistory),
		events:   openStore(t, db, pglog.Open),
	}
}

func openStore[S any](t *testing.T, db *postgres.Database, open func(context.Context, *postgres.Database) (S, error)) S {
	t.Helper()
	return postgrestest.Must[S](t)(open(t.Context(), db))
}

// version1 returns a database that holds version 1 of every schema.
func version1(t *testing.T) (url string) {
	t.Helper()
	dump := string(postgrestest.Must[[]byte](t)(os.ReadFile("testdata/version1.sql")))
	url = postgres.TestServer.EmptyDatabase(t)
	postgrestest.Execute(t, url, dump)
	return url
}

// TestVersion1MigratesToTheNewestForm compares a database that was migrated with a new one.
func TestVersion1MigratesToTheNewestForm(t *testing.T) {
	migrated := openStores(t, version1(t)).db
	fresh := openStores(t, postgres.TestServer.EmptyDatabase(t)).db
	got, want := form(t, migrated), form(t, fresh)
	if got != want {
		t.Errorf("a migrated database has the form\n%s\nand a new one\n%s", got, want)
	}
}

// form returns the description of a database without the versions and their times.
func form(t *testing.T, db *postgres.Database) string {
	t.Helper()
	form, _, _ := strings.Cut(postgrestest.Describe(t, db.Pool()), "\nmigrations_of_")
	return form
}

func TestADatabaseOfTheNewestVersionIsOpenedUnchanged(t *testing.T) {
	url := version1(t)
	before := postgrestest.Describe(t, openStores(t, url).db.Pool())
	if after := postgrestest.Describe(t, openStores(t, url).db.Pool()); after != before {
		t.Errorf("opening changed\n%s\nto\n%s", before, after)
	}
}

// TestTheRowsOfVersion1AreRead reads what the program of version 1 stored: one row at least of every table.
func TestTheRowsOfVersion1AreRead(t *testing.T) {
	const (
		ada     = "usr_01m8cpze35my2awzydjz922k82"
		product = "prd_01hk155qk0z0m73e1xgetr0ssg"
		order   = "ord_01m8cpzeg9gf2yhxtnpq0zgkp7"
	)
	ctx := t.Context()
	s := openStores(t, version1(t))

	user, err := s.users.User(ctx, ada)
	if err != nil || user.Name != "Ada" || user.Country != "GB" || user.Role != accounts.Shopper {
		t.Errorf("user = %+v, %v", user, err)
	}
	if hash, err := s.users.PasswordHash(ctx, ada); err != nil || !strings.HasPrefix(hash, "$argon2id$") {
		t.Errorf("password hash = %q, %v", hash, err)
	}
	token := postgrestest.Must[[]byte](t)(hex.DecodeString("37f862a5b19e169d0e06e5a436cea19c1c2a44f94ed6af28b48503439bc4c03d"))
	session, err := s.sessions.Session(ctx, accounts.TokenHash(token))
	if err != nil || session.UserID != ada || session.Kind != accounts.SignedIn {
		t.Errorf("session = %+v, %v", session, err)
	}
	if id, err := s.personal.UserIDByEmail(ctx, "ada@example.com"); err != nil || id != ada {
		t.Errorf("user of the e-mail address = %q, %v", id, err)
	}

	page, err := s.catalog.Product(ctx, product)
	if err != nil || page.SKU != "BAT-0000003" || page.Price.Amount != 3499 {
		t.Errorf("product = %+v, %v", page, err)
	}
	found, err := s.catalog.Scan(ctx, shop.Scan{All: []shop.Clause{{Term: "nlinen"}}, Limit: 10})
	if err != nil || len(found.Cards) != 1 || found.Cards[0].ID != product {
		t.Errorf("a search found %+v, %v; want %s", found.Cards, err, product)
	}
	reviews := 0
	for _, card := range postgrestest.Must[shop.Batch](t)(s.catalog.Scan(ctx, shop.Scan{Limit: 10})).Cards {
		list, err := s.catalog.Reviews(ctx, card.ID, 0, 10)
		if err != nil {
			t.Error(err)
		}
		reviews += len(list)
	}
	if reviews != 1 {
		t.Errorf("%d reviews, want 1", reviews)
	}

	stock, err := s.orders.Stock(ctx, []string{"BAT-0000003"})
	if err != nil || len(stock) != 1 || stock[0].OnHand == 0 || stock[0].Version == 0 {
		t.Errorf("stock = %+v, %v", stock, err)
	}
	claim, err := s.orders.Claimed(ctx, ada+"/k1")
	if err != nil || claim == nil || claim.Order.ID != order || claim.Order.Total.Amount != 3499 || claim.Order.HoldUntil.IsZero() {
		t.Errorf("claim = %+v, %v", claim, err)
	}
	if entries, err := s.orders.All(ctx, 0, 100); err != nil || len(entries) != 11 || len(entries[10].Body) == 0 {
		t.Errorf("%d journal entries, %v; want 11", len(entries), err)
	}
	if pending, err := s.orders.Pending(ctx, 100); err != nil || len(pending) != 0 {
		t.Errorf("%d entries wait to be relayed, %v; want none", len(pending), err)
	}

	seen, err := s.history.ViewsByUser(ctx, ada, "", 10)
	if err != nil || len(seen) != 1 || seen[0].ID != order || seen[0].Version != 2 {
		t.Errorf("history = %+v, %v", seen, err)
	}
	records, err := s.events.Read(ctx, "shop", 6, 0, 10)
	if err != nil || len(records) != 2 || records[1].Kind != "order.confirmed" || records[1].Key != order {
		t.Errorf("events = %+v, %v", records, err)
	}
	if next, ok, err := s.events.Committed(ctx, "orders", "shop", 6); next != 2 || !ok || err != nil {
		t.Errorf("committed = %d, %v, %v; want 2", next, ok, err)
	}
}

func TestTheChainBeginsAfterTheRowsOfVersion1(t *testing.T) {
	ctx := t.Context()
	orders := openStores(t, version1(t)).orders
	for range 2 {
		if _, err := orders.ChangeStock(ctx, "BAT-0000003", func(st shop.Stock) (shop.StockChange, error) {
			return shop.StockChange{OnHand: st.OnHand + 1, Entry: journal.Entry{
				Stream: shop.StockStream(st.SKU), Kind: shop.StockChanged, At: time.Now(), Body: []byte("{}"),
			}}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	all := postgrestest.Must[[]journal.Entry](t)(orders.All(ctx, 0, 100))
	if len(all) != 13 || all[10].Hash != nil {
		t.Fatalf("the journal has %d entries, want 13, of which the first 11 have no hash", len(all))
	}
	journaltest.CheckChain(t, all[11:])
}
