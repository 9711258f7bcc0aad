package generate_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"agora/accounts"
	"agora/fault"
	"agora/feed"
	"agora/generate"
	"agora/pattern/audit/audittest"
	"agora/shop"
)

var plan = generate.Plan{Products: 900, Users: 700, Orders: 60, Follows: 5, Posts: 2, Seed: 7}

// market is a set of stores in memory.
type market struct {
	users    *accounts.MemoryUsers
	personal *accounts.MemoryPersonal
	catalog  *shop.MemoryCatalog
	orders   *shop.MemoryOrders
	views    *shop.MemoryViews
	feed     *feed.Importer
}

func newMarket() market {
	return market{accounts.NewMemoryUsers(), accounts.NewMemoryPersonal(), shop.NewMemoryCatalog(), shop.NewMemoryOrders(), shop.NewMemoryViews(), newFeed()}
}

func (m market) targets() generate.Targets {
	return generate.Targets{
		Users: m.users, Personal: m.personal, Catalog: shop.NewCatalog(m.catalog, shop.CatalogOptions{}), Orders: m.orders, Views: m.views, Feed: reopened(m.feed),
	}
}

func (m market) generate(t *testing.T, p generate.Plan) generate.Report {
	t.Helper()
	report, err := generate.Run(t.Context(), p, m.targets(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// fingerprint returns the hash of all that the stores hold for a plan.
func (m market) fingerprint(t *testing.T, p generate.Plan) string {
	t.Helper()
	hash := sha256.New()
	write := json.NewEncoder(hash).Encode
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range p.Users + p.Sellers() {
		id := p.SellerID(max(0, i-p.Users))
		if i < p.Users {
			id = p.UserID(i)
		}
		user, err := m.users.User(t.Context(), id)
		check(err)
		personal, err := m.personal.Personal(t.Context(), id)
		check(err)
		check(write([]any{user, personal}))
	}
	for i := range p.Products {
		product, err := m.catalog.Product(t.Context(), p.ProductID(i))
		check(err)
		check(write(product))
	}
	check(m.views.EachView(t.Context(), func(o shop.Order) error { return write(o) }))
	entries, err := m.orders.All(t.Context(), 0, 1<<30)
	check(err)
	check(write(entries))
	for i := range p.Writings() {
		posts, err := m.feed.Posts.Get(t.Context(), parse(t, feed.ParsePostID, p.PostID(i)))
		check(err)
		posts[0].At, posts[0].Parent = 0, feed.Parent{} // an append that is repeated moves positions
		check(write(posts))
	}
	for i := range p.Users {
		id := parse(t, feed.ParseUserID, p.UserID(i))
		rel, err := m.feed.Graph.Relations(t.Context(), id)
		check(err)
		counts, err := m.feed.Graph.Counts(t.Context(), id)
		check(err)
		for _, e := range rel.Follows {
			check(write(e.To))
		}
		for _, c := range counts[0] {
			check(write(c.Followers))
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	first, second, other := newMarket(), newMarket(), newMarket()
	first.generate(t, plan)
	second.generate(t, plan)
	differs := plan
	differs.Seed++
	other.generate(t, differs)
	want := first.fingerprint(t, plan)
	if got := second.fingerprint(t, plan); got != want {
		t.Errorf("the same seed gave %s and %s", want, got)
	}
	if other.fingerprint(t, differs) == want {
		t.Error("another seed gave the same data")
	}
}

func TestASecondRunAddsNothing(t *testing.T) {
	m := newMarket()
	m.generate(t, plan)
	want := m.fingerprint(t, plan)
	for _, added := range m.generate(t, plan).Added {
		if added.New != 0 {
			t.Errorf("the second run added %d %s", added.New, added.Stage)
		}
	}
	if got := m.fingerprint(t, plan); got != want {
		t.Error("the second run changed the data")
	}
}

// TestAnInterruptedRunIsCompleted ends a run after each of its batches in turn, and runs it again.
func TestAnInterruptedRunIsCompleted(t *testing.T) {
	whole := newMarket()
	batches := 0
	if _, err := generate.Run(t.Context(), plan, whole.targets(), func(generate.Progress) { batches++ }); err != nil {
		t.Fatal(err)
	}
	want := whole.fingerprint(t, plan)
	for last := 1; last < batches; last++ {
		m := newMarket()
		ctx, interrupt := context.WithCancel(t.Context())
		kept := 0
		_, err := generate.Run(ctx, plan, m.targets(), func(generate.Progress) {
			if kept++; kept == last {
				interrupt()
			}
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted after batch %d: %v", last, err)
		}
		m.generate(t, plan)
		if got := m.fingerprint(t, plan); got != want {
			t.Errorf("interrupted after batch %d of %d, the completed data differs", last, batches)
		}
	}
}

func TestAnotherSeedIsRefused(t *testing.T) {
	m := newMarket()
	m.generate(t, plan)
	want := m.fingerprint(t, plan)
	for name, other := range map[string]generate.Plan{
		"products": {Products: 10, Seed: plan.Seed + 1}, "users": {Users: 10, Seed: plan.Seed + 1},
	} {
		if _, err := generate.Run(t.Context(), other, m.targets(), nil); fault.CodeOf(err) != "other_seed" {
			t.Errorf("%s of another seed: %v, want other_seed", name, err)
		}
	}
	if got := m.fingerprint(t, plan); got != want {
		t.Error("the refused plans changed the data")
	}
}

func TestALargerPlanContinuesASmallerOne(t *testing.T) {
	grown, whole := newMarket(), newMarket()
	small, large := generate.Plan{Products: 300, Users: 200, Seed: 7}, generate.Plan{Products: 900, Users: 700, Seed: 7}
	grown.generate(t, small)
	grown.generate(t, large)
	whole.generate(t, large)
	for i := range large.Products {
		got, err := grown.catalog.Product(t.Context(), large.ProductID(i))
		want, wantErr := whole.catalog.Product(t.Context(), large.ProductID(i))
		if err != nil || wantErr != nil || got.Name != want.Name || got.InventoryCount != want.InventoryCount {
			t.Fatalf("product %d = %q with %d (%v), want %q with %d (%v)",
				i, got.Name, got.InventoryCount, err, want.Name, want.InventoryCount, wantErr)
		}
	}
}

func TestAnAuditFindsNothing(t *testing.T) {
	m := newMarket()
	m.generate(t, plan)
	report, err := shop.Audit{Orders: m.orders, Views: m.views, Catalog: m.catalog, Drained: true}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	audittest.Holds(t, report)
	compared := map[string]int64{}
	for _, check := range report.Checks {
		compared[check.Name] = check.Compared
	}
	if compared["orders"] != int64(plan.Orders) || compared["stock"] < int64(plan.Products*9/10) {
		t.Errorf("compared %v, want %d orders and the stock of nearly all of %d products", compared, plan.Orders, plan.Products)
	}
	if newest, relayed, err := m.orders.Relay(t.Context()); err != nil || newest != relayed || newest == 0 {
		t.Errorf("the outbox is at %d of %d (%v), want all relayed", relayed, newest, err)
	}
}

func TestProductsAreValidAndHaveCommonAndRareWords(t *testing.T) {
	m := newMarket()
	m.generate(t, plan)
	common, series, inStock := 0, map[string]int{}, 0
	for i := range plan.Products {
		p, err := m.catalog.Product(t.Context(), plan.ProductID(i))
		if err != nil {
			t.Fatal(err)
		}
		draft := shop.ProductDraft{
			SKU: p.SKU, Name: p.Name, Description: p.Description, Price: p.Price,
			Categories: p.Categories, Attributes: p.Attributes, Images: p.Images,
		}
		if err := draft.Validate(); err != nil {
			t.Errorf("product %d: %v", i, err)
		}
		if p.SKU != plan.SKU(i) {
			t.Errorf("product %d has the SKU %s, want %s", i, p.SKU, plan.SKU(i))
		}
		if strings.Contains(p.Description, "everyday") {
			common++
		}
		if p.InventoryCount > 0 {
			inStock++
		}
		series[p.Name[strings.LastIndex(p.Name, " ")+1:]]++
	}
	if common < plan.Products*4/10 || common > plan.Products*6/10 {
		t.Errorf("%d of %d products have the common word, want about half", common, plan.Products)
	}
	if len(series) < 200 || inStock < plan.Products*9/10 {
		t.Errorf("%d series and %d products in stock, want hundreds and nearly all", len(series), inStock)
	}
}

func TestPopularityHasALongTail(t *testing.T) {
	const draws = 50_000
	source := rand.New(rand.NewPCG(1, 2))
	p := generate.Plan{Products: 1000}
	count := make(map[int]int)
	for range draws {
		n := p.PopularProduct(source)
		if n < 0 || n >= p.Products {
			t.Fatalf("product %d is not in the plan", n)
		}
		count[n]++
	}
	most := 0
	for _, n := range count {
		most = max(most, n)
	}
	if most < draws/20 || most > draws/5 {
		t.Errorf("the most popular product has %d of %d draws, want about a tenth", most, draws)
	}
	if len(count) < p.Products*9/10 {
		t.Errorf("%d of %d products were drawn, want nearly all", len(count), p.Products)
	}
}

func TestAPlanSaysWhatIsWrongWithIt(t *testing.T) {
	for name, p := range map[string]generate.Plan{
		"products": {Products: -1}, "users": {Users: -1}, "orders": {Orders: 1},
	} {
		if _, err := generate.Run(t.Context(), p, newMarket().targets(), nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("wrong %s: %v, want fault.Invalid", name, err)
		}
	}
}
