package httpapi_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/feed"
	"agora/httpapi"
	accountsapi "agora/httpapi/accounts"
	feedapi "agora/httpapi/feed"
	shopapi "agora/httpapi/shop"
	"agora/ident"
	"agora/pattern/cache"
	"agora/pattern/journal"
	"agora/pattern/saga"
	"agora/shop"
	"agora/telemetry"
)

// The objects in the examples of the documentation.
const (
	exampleProduct  = "prd_01jd8q6m3k9v2n4x7y5z8w1t0c"
	exampleOrder    = "ord_01jd8q6m3k9v2n4x7y5z8w1t0c"
	exampleUser     = "usr_01jd8q6m3k9v2n4x7y5z8w1t0c"
	examplePost     = "pst_01jd8q6m3k9v2n4x7y5z8w1t0c"
	exampleSKU      = "LAMP-01"
	exampleEmail    = "reader@example.org"
	examplePassword = "correct horse battery"
)

// market is the whole API with the real services and memory stores. The owner has the given role and owns the objects of the
// examples; the stranger has the same role and owns nothing.
type market struct {
	server *httpapi.Server
	url    string
	till   *till
	behind bool // the read model is not updated

	owner, stranger, admin string // tokens
	ownerID                string

	accounts *accounts.Service
	sessions *accounts.MemorySessions
	users    []string
	names    *accounts.MemoryUsers
	personal *accounts.MemoryPersonal
	products *shop.MemoryCatalog
	orders   *busyOrders
	views    *shop.MemoryViews
	shop     shopapi.Services
	feed     *feed.Node
}

// till is a gateway whose payments a test can intercept.
type till struct {
	*shop.SimulatedGateway
	authorize, capture func() error
}

func (g *till) Authorize(ctx context.Context, p shop.Payment) error {
	if err := g.authorize(); err != nil {
		return err
	}
	return g.SimulatedGateway.Authorize(ctx, p)
}

func (g *till) Capture(ctx context.Context, orderID string) error {
	return errors.Join(g.SimulatedGateway.Capture(ctx, orderID), g.capture())
}

// busyOrders is a store that reports a concurrent change at every update while busy is set.
type busyOrders struct {
	*shop.MemoryOrders
	busy bool
}

func (o *busyOrders) Advance(ctx context.Context, t shop.Transition) error {
	if o.busy {
		return fault.New(fault.Stale, "", "the order has changed")
	}
	return o.MemoryOrders.Advance(ctx, t)
}

func nothing() error { return nil }

// newMarket returns a market that has users only.
func newMarket(t testing.TB, role accounts.Role) *market {
	t.Helper()
	m := &market{
		till:     &till{shop.NewSimulatedGateway(shop.SimulatedOptions{}), nothing, nothing},
		sessions: accounts.NewMemorySessions(), personal: accounts.NewMemoryPersonal(),
		products: shop.NewMemoryCatalog(), orders: &busyOrders{MemoryOrders: shop.NewMemoryOrders()}, views: shop.NewMemoryViews(),
	}
	users := accounts.NewMemoryUsers()
	m.names = users
	m.accounts = accounts.NewService(users, m.personal, m.sessions, accounts.Options{Hashing: accounts.Hashing{MemoryKiB: 8, Passes: 1}})
	var pages *shop.Pages
	catalog := shop.NewCatalog(m.products, shop.CatalogOptions{Changed: func(ctx context.Context, ids ...string) {
		if err := pages.Drop(ctx, ids...); err != nil {
			t.Error(err)
		}
	}})
	pages = shop.NewPages(cache.NewMemory(1<<20), catalog, shop.PagesOptions{TTL: time.Hour})
	m.shop = shopapi.Services{
		Catalog: catalog, Pages: pages, Stocks: shop.NewStocks(m.orders, catalog),
		Orders: shop.NewOrders(m.orders, catalog, m.till, shop.OrdersOptions{
			Hold: time.Hour, Log: slog.New(slog.DiscardHandler), Notify: func() { m.changed(t) },
		}),
		History: shop.NewOrderHistory(m.views, m.orders),
	}
	m.server = httpapi.New(httpapi.Options{Authenticator: m.accounts, Metrics: telemetry.NewMetrics(), MaxStreams: 1000, MaxStreamsPerAddress: 1000})
	m.feed = newFeed(t, users, m.products)
	accountsapi.AddRoutes(m.server, m.accounts)
	feedapi.AddRoutes(m.server, m.feed)
	shopapi.AddRoutes(m.server, m.shop)
	web := httptest.NewUnstartedServer(nil)
	web.Config = httpapi.HTTPServer(m.server.Handler(), nil)
	web.Start()
	t.Cleanup(web.Close)
	m.url = web.URL

	var adminID string
	adminID, m.admin = m.join(t, users, accounts.Admin)
	m.ownerID, m.owner = m.join(t, users, role)
	var strangerID string
	strangerID, m.stranger = m.join(t, users, role)
	m.users = []string{adminID, m.ownerID, strangerID}
	return m
}

// join creates a user with the role and returns the id and a token.
func (m *market) join(t testing.TB, users *accounts.MemoryUsers, role accounts.Role) (id, token string) {
	t.Helper()
	id = ident.New(ident.User)
	user := accounts.User{ID: id, Name: "A reader", Country: "GB", Role: role, CreatedAt: time.Now().UTC()}
	if err := users.CreateMany(t.Context(), []accounts.Account{{User: user}}); err != nil {
		t.Fatal(err)
	}
	by := accounts.Principal{UserID: id, Role: accounts.Admin}
	credential, err := m.accounts.IssueToken(t.Context(), by, accounts.Grant{UserID: id})
	if err != nil {
		t.Fatal(err)
	}
	return id, credential.Token
}

// stocked returns a market that has the objects of the examples: a user with a password, a product of the owner with 100 units,
// and an order of the owner for two of them.
func stocked(t testing.TB, role accounts.Role) *market {
	t.Helper()
	m := newMarket(t, role)
	registration := accounts.Registration{Email: exampleEmail, Password: examplePassword, Name: "A reader", Country: "GB"}
	user, err := m.accounts.Register(t.Context(), "", registration)
	if err != nil {
		t.Fatal(err)
	}
	m.users = append(m.users, user.ID, exampleUser)
	other := accounts.User{ID: exampleUser, Name: "Another reader", Country: "GB", Role: accounts.Shopper, CreatedAt: time.Now().UTC()}
	if err := m.names.CreateMany(t.Context(), []accounts.Account{{User: other}}); err != nil {
		t.Fatal(err)
	}
	m.offer(t, exampleProduct, exampleSKU, shop.Money{Amount: 1999, Currency: "USD"})
	at := time.Now().UTC().Truncate(time.Microsecond)
	line := shop.Line{ProductID: exampleProduct, SKU: exampleSKU, Seller: m.ownerID, Name: "Desk lamp", Quantity: 2, Price: shop.Money{Amount: 1999, Currency: "USD"}}
	order := shop.Order{
		ID: exampleOrder, UserID: m.ownerID, State: shop.Confirmed, Payment: shop.PaymentPaid, Version: 1,
		Lines: []shop.Line{line}, Total: shop.Money{Amount: 3998, Currency: "USD"}, PlacedAt: at, UpdatedAt: at, HoldUntil: at,
	}
	body, err := json.Marshal(shop.Fact{Order: &order})
	if err != nil {
		t.Fatal(err)
	}
	err = m.orders.Import(t.Context(), shop.ImportBatch{
		Source: "examples", Orders: []shop.Order{order},
		Entries: []journal.Entry{{Stream: exampleOrder, Version: 1, Kind: shop.OrderImported, At: at, Body: body}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.project(t)
	publish(t, m.feed, m.ownerID)
	return m
}

// offer creates a product of the owner with 100 units.
func (m *market) offer(t testing.TB, id, sku string, price shop.Money) {
	t.Helper()
	draft := shop.ProductDraft{
		SKU: sku, Name: "Desk lamp", Price: price,
		Categories: []string{"lighting"}, Attributes: map[string]string{"color": "red"},
	}
	p := shop.NewProduct(m.ownerID, draft, time.Now(), rand.Reader)
	p.ID = id
	if _, err := m.shop.Catalog.CreateMany(t.Context(), []shop.Product{p}); err != nil {
		t.Fatal(err)
	}
	m.count(t, sku, 100)
	if _, err := m.shop.Catalog.SetInventory(t.Context(), []shop.Inventory{{SKU: sku, Available: 100, StockVersion: 1}}); err != nil {
		t.Fatal(err)
	}
}

// count sets the units on hand of a SKU.
func (m *market) count(t testing.TB, sku string, onHand int64) {
	t.Helper()
	edit := shop.StockEdit{OnHand: &onHand}
	if _, err := m.shop.Stocks.Edit(t.Context(), shop.Actor{Admin: true}, sku, edit); err != nil {
		t.Fatal(err)
	}
}

func (m *market) changed(t testing.TB) {
	if !m.behind {
		m.project(t)
	}
}

// project updates the read model, as the event log does.
func (m *market) project(t testing.TB) {
	t.Helper()
	entries, err := m.orders.All(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var events []shop.Event
	for _, e := range entries {
		fact, err := shop.DecodeFact(e.Body)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, shop.Event{Kind: e.Kind, Stream: e.Stream, Version: e.Version, At: e.At, Fact: fact})
	}
	if err := m.shop.History.Project(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// state returns the content of all stores, to check that a request changed nothing.
func (m *market) state(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	note := func(v any, err error) {
		t.Helper()
		encoded, encodeErr := json.Marshal(v)
		if err := errors.Join(err, encodeErr); err != nil {
			t.Fatal(err)
		}
		b.Write(append(encoded, '\n'))
	}
	ctx := t.Context()
	entries, err := m.orders.All(ctx, 0, 1000)
	note(entries, err)
	posts, err := m.feed.Service.Log.Ends(ctx, feed.PostsTopic)
	note(posts, err)
	for _, order := range collect(t, m.orders.EachOrder) {
		note(order, nil)
	}
	for _, stock := range collect(t, m.orders.EachStock) {
		note(stock, nil)
	}
	for _, record := range collect(t, m.orders.EachSaga) {
		note(record, nil)
	}
	found, err := m.products.Scan(ctx, shop.Scan{Limit: 1000})
	note(found, err)
	for _, card := range found.Cards {
		p, err := m.products.Product(ctx, card.ID)
		note(p, err)
	}
	for _, id := range m.users {
		hashes, err := m.sessions.OfUser(ctx, id)
		note(len(hashes), err)
	}
	id, err := m.personal.UserIDByEmail(ctx, exampleEmail)
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	note(id, err)
	return b.String()
}

func collect[T shop.Order | shop.Stock | saga.Record](t testing.TB, each func(context.Context, func(T) error) error) []T {
	t.Helper()
	var all []T
	if err := each(t.Context(), func(v T) error { all = append(all, v); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// send makes a request with a token, which may be empty, and more headers in pairs.
func (m *market) send(t *testing.T, token, method, path, body string, headers ...string) answer {
	t.Helper()
	if token != "" {
		headers = append(headers, as(token)...)
	}
	return call(t, method, m.url+path, body, headers...)
}
