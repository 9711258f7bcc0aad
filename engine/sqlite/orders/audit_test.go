package orders

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"agora/fault"
	"agora/pattern/audit/audittest"
	"agora/pattern/eventlog"
	"agora/pattern/journal"
	"agora/shop"
)

// audited is a shop on real files, with orders in every state and a read model that is up to date.
type audited struct {
	dir     string
	orders  *Store
	views   *History
	catalog *shop.MemoryCatalog
}

var seller = shop.Actor{ID: "usr_seller"}

func openAudited(t *testing.T) audited {
	t.Helper()
	dir := t.TempDir()
	orders, err := Open(t.Context(), filepath.Join(dir, "orders.db"))
	if err != nil {
		t.Fatal(err)
	}
	views, err := OpenHistory(t.Context(), filepath.Join(dir, "views.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(orders.Close(), views.Close()); err != nil {
			t.Error(err)
		}
	})
	a := audited{dir: dir, orders: orders, views: views, catalog: shop.NewMemoryCatalog()}
	a.fill(t)
	return a
}

// fill leaves an order that is confirmed, one reduced, one cancelled after it was paid, one that waits for its
// payment, and one whose money has still to be voided.
func (a audited) fill(t *testing.T) {
	t.Helper()
	catalog := shop.NewCatalog(a.catalog, shop.CatalogOptions{})
	draft := shop.ProductDraft{SKU: "A", Name: "A lamp", Price: shop.Money{Amount: 1500, Currency: "GBP"}, Categories: []string{"lamps"}}
	product := shop.NewProduct(seller.ID, draft, time.Now(), rand.Reader)
	if _, err := catalog.CreateMany(t.Context(), []shop.Product{product}); err != nil {
		t.Fatal(err)
	}
	onHand := int64(50)
	if _, err := shop.NewStocks(a.orders, catalog).Edit(t.Context(), seller, "A", shop.StockEdit{OnHand: &onHand}); err != nil {
		t.Fatal(err)
	}
	gateway := shop.NewSimulatedGateway(shop.SimulatedOptions{})
	orders := shop.NewOrders(a.orders, catalog, gateway, shop.OrdersOptions{
		Hold: time.Hour, Log: slog.New(slog.DiscardHandler), Notify: func() {},
	})
	place := func(key string) shop.Order {
		request := shop.OrderRequest{Lines: []shop.LineRequest{{ProductID: product.ID, Quantity: 3}}}
		o, err := orders.Place(t.Context(), "usr_1", key, request)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	cancel := func(o shop.Order, lines ...shop.LineUnits) {
		if _, err := orders.Cancel(t.Context(), shop.Actor{ID: "usr_1"}, o.ID, shop.CancelRequest{Lines: lines}); err != nil {
			t.Fatal(err)
		}
	}
	place("confirmed")
	cancel(place("reduced"), shop.LineUnits{Line: 0, Quantity: 1})
	cancel(place("cancelled"))
	gateway.SetDown(true)
	place("pending")
	cancel(place("void due"))
	a.project(t, catalog)
}

// project carries the whole journal into the read models, as the relay and the consumers do.
func (a audited) project(t *testing.T, catalog *shop.Catalog) {
	t.Helper()
	pending, err := a.orders.Pending(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	messages := make([]eventlog.Message, len(pending))
	for i, m := range pending {
		messages[i].Record = eventlog.Record{ID: m.ID, Key: m.Key, Value: m.Body, At: m.At}
	}
	events, err := shop.DecodeEvents(messages)
	if err == nil {
		err = shop.NewOrderHistory(a.views, a.orders).Project(t.Context(), events)
	}
	if err == nil {
		err = shop.NewInventorySync(a.orders, catalog, shop.InventorySyncOptions{}).Project(t.Context(), events)
	}
	if err == nil {
		err = a.orders.Relayed(t.Context(), pending[len(pending)-1].Seq)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// failing returns the names of the checks that find a difference.
func (a audited) failing(t *testing.T, drained bool) []string {
	t.Helper()
	report, err := shop.Audit{Orders: a.orders, Views: a.views, Catalog: a.catalog, Drained: drained}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := audittest.Failing(t, report)
	for _, c := range report.Checks {
		if c.Compared == 0 && report.OK() {
			t.Errorf("%s compared nothing", c.Name)
		}
	}
	if report.OK() != (len(names) == 0) {
		t.Errorf("OK = %v with differences in %v", report.OK(), names)
	}
	return names
}

// doctor executes statements on a file without its store.
func (a audited) doctor(t *testing.T, file, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(a.dir, file))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = db.ExecContext(t.Context(), statements); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// TestAuditFindsWhatWasDoctored falsifies each kind of data in the file, one at a time, and expects the check for it to
// fail.
func TestAuditFindsWhatWasDoctored(t *testing.T) {
	const confirmed = "(SELECT id FROM orders WHERE idempotency_key = 'usr_1/confirmed')"
	const pending = "(SELECT id FROM orders WHERE idempotency_key = 'usr_1/pending')"
	tests := []struct {
		name   string
		orders string // SQL on orders.db
		views  string // SQL on views.db
		want   []string
	}{
		{name: "nothing"},
		{name: "units appear on hand", orders: "UPDATE stock SET on_hand = on_hand + 1", want: []string{"stock", "catalog"}},
		{name: "units are not held", orders: "UPDATE stock SET held = 0, on_hand = on_hand - held", want: []string{"stock"}},
		{name: "a SKU has lost its stock", orders: "DELETE FROM stock", want: []string{"stock"}},
		{name: "stock that nobody brought", orders: "INSERT INTO stock VALUES ('B', 7, 0, 1)", want: []string{"stock"}},
		{
			name:   "an order says something else",
			orders: "UPDATE orders SET body = json_set(body, '$.lines[0].name', 'A chair') WHERE id = " + confirmed, want: []string{"orders"},
		},
		{
			name:   "an order costs less",
			orders: "UPDATE orders SET body = json_set(body, '$.total.amount', 1) WHERE id = " + confirmed, want: []string{"orders", "money"},
		},
		{
			name:   "an order is lost",
			orders: "DELETE FROM orders WHERE id = " + confirmed, want: []string{"orders", "units", "money"},
		},
		{
			name:   "an order's facts are lost",
			orders: "DELETE FROM journal WHERE stream = " + confirmed, want: []string{"chain", "orders", "stock", "units", "money", "views"},
		},
		{
			name:   "an order's last fact is lost",
			orders: "DELETE FROM journal WHERE stream = " + confirmed + " AND version = 2", want: []string{"chain", "orders", "stock", "units", "money", "views"},
		},
		{
			name:   "a fact in the middle is lost",
			orders: "DELETE FROM journal WHERE stream = " + confirmed + " AND version = 1", want: []string{"journal", "chain", "orders", "stock", "units", "views"},
		},
		{
			name:   "a fact cannot be read",
			orders: "UPDATE journal SET body = 'torn' WHERE stream = " + confirmed + " AND version = 2", want: []string{"journal", "chain", "orders", "stock", "units", "money", "views"},
		},
		{
			name:   "a posting is more than it was",
			orders: "UPDATE journal SET body = json_set(body, '$.postings[1].amount', 4) WHERE stream = " + confirmed + " AND version = 1",
			want:   []string{"journal", "chain", "stock", "units"},
		},
		{
			name: "a balanced posting of money is more than it was",
			orders: "UPDATE journal SET body = json_set(body, '$.postings[2].amount', -4501, '$.postings[3].amount', 4501) WHERE stream = " +
				confirmed + " AND version = 2",
			want: []string{"chain", "money"},
		},
		{name: "the stock's first fact is lost", orders: "DELETE FROM journal WHERE stream = 'stock/A'", want: []string{"chain", "stock"}},
		{
			name:   "a fact was written again, in other words",
			orders: "UPDATE journal SET body = body || ' ' WHERE stream = " + confirmed + " AND version = 2", want: []string{"chain"},
		},
		{name: "a hash is lost", orders: "UPDATE journal SET hash = NULL WHERE seq = 3", want: []string{"chain"}},
		{name: "a checkout lost its record", orders: "DELETE FROM sagas WHERE order_id = " + pending, want: []string{"checkouts"}},
		{name: "a checkout waits in another step", orders: "UPDATE sagas SET step = 'refund' WHERE order_id = " + pending, want: []string{"checkouts"}},
		{name: "a finished order has a record", orders: "INSERT INTO sagas VALUES (" + confirmed + ", 'pay', 0, 0)", want: []string{"checkouts"}},
		{name: "a record without its order", orders: "INSERT INTO sagas VALUES ('ord_none', 'pay', 0, 0)", want: []string{"checkouts"}},
		{
			name:   "a key of somebody else",
			orders: "UPDATE orders SET idempotency_key = 'usr_2/x' WHERE id = " + confirmed, want: []string{"claims"},
		},
		{
			name:   "a key for another request",
			orders: "UPDATE orders SET request_hash = x'00' WHERE id = " + confirmed, want: []string{"claims"},
		},
		{name: "the outbox is ahead", orders: "UPDATE outbox SET relayed = 1000", want: []string{"outbox"}},
		{name: "the outbox is behind", orders: "UPDATE outbox SET relayed = relayed - 1", want: []string{"outbox"}},
		{name: "a view is lost", views: "DELETE FROM views WHERE rowid = 1", want: []string{"views"}},
		{name: "a view is of another order", views: "UPDATE views SET body = json_set(body, '$.id', 'ord_none') WHERE rowid = 1", want: []string{"views"}},
		{name: "a view says something else", views: "UPDATE views SET body = json_set(body, '$.state', 'confirmed')", want: []string{"views"}},
		{name: "a view is ahead", views: "UPDATE views SET body = json_set(body, '$.version', 9) WHERE rowid = 1", want: []string{"views"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := openAudited(t)
			a.doctor(t, "orders.db", tt.orders)
			a.doctor(t, "views.db", tt.views)
			if got := a.failing(t, true); !slices.Equal(got, tt.want) {
				t.Errorf("failing checks = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAuditCountsWhatLags(t *testing.T) {
	a := openAudited(t)
	a.doctor(t, "views.db", "DELETE FROM views WHERE rowid IN (1, 2)")
	a.doctor(t, "orders.db", "UPDATE outbox SET relayed = relayed - 3")
	report, err := shop.Audit{Orders: a.orders, Views: a.views}.Run(t.Context())
	if err != nil || !report.OK() {
		t.Fatalf("an audit of a log that is still read = %+v, %v; want no difference", report, err)
	}
	lagging := map[string]int64{}
	for _, c := range report.Checks {
		lagging[c.Name] = c.Lagging
	}
	if lagging["views"] != 2 || lagging["outbox"] != 3 {
		t.Errorf("lagging = %v, want 2 views and 3 facts", lagging)
	}
}

// busy is a store that takes an order while it is audited.
type busy struct{ *Store }

func (b busy) EachStock(ctx context.Context, visit func(shop.Stock) error) error {
	_, err := b.ChangeStock(ctx, "A", func(current shop.Stock) (shop.StockChange, error) {
		return shop.StockChange{OnHand: current.OnHand, Entry: journal.Entry{
			Stream: shop.StockStream("A"), Kind: shop.StockChanged, At: time.Now(), Body: []byte("{}"),
		}}, nil
	})
	return errors.Join(err, b.Store.EachStock(ctx, visit))
}

func TestAuditRefusesAShopThatIsWrittenTo(t *testing.T) {
	_, err := shop.Audit{Orders: busy{openAudited(t).orders}}.Run(t.Context())
	if fault.CodeOf(err) != "audit_disturbed" {
		t.Errorf("error = %v, want audit_disturbed", err)
	}
}
