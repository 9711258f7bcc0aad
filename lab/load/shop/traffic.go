package shop

import (
	"context"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/url"
	"slices"
	"strings"

	"agora/generate"
	"agora/lab/load"
)

const (
	productPage = 100
	wordPages   = 2 // of products, from whose names searches take their words
	shortWord   = 4 // letters; shorter ones are in every name
)

// traffic implements load.Traffic.
type traffic struct {
	Scenario
	run      load.Run
	stock    *stock
	demand   map[int]int64 // units by product that the current trial orders; nil without a history and restocking
	products []string      // ids
	sku      func(product int) string
	words    []string      // of searches, encoded for a URL
	tokens   []string      // of the customers
	hottest  int           // the most popular product
	popular  generate.Plan // by which products are drawn
}

// intent is what one arrival asks for.
type intent struct {
	kind    load.Kind
	product int
	user    int
	word    int
}

func newTraffic(ctx context.Context, run load.Run, s Scenario) (*traffic, error) {
	t := &traffic{Scenario: s, run: run}
	if err := t.findProducts(ctx); err != nil {
		return nil, err
	}
	t.popular = generate.Plan{Products: len(t.products)}
	t.hottest = t.mostPopular()
	if err := t.findUsers(ctx); err != nil {
		return nil, err
	}
	t.stock = newStock(run, t.sku, s.Restock)
	return t, nil
}

// description is the object "traffic" of a report.
type description struct {
	Mix      load.Mix `json:"mix"`
	Hot      float64  `json:"hot"`
	Seed     uint64   `json:"seed"`
	Products int      `json:"products"`
	Users    int      `json:"users"`
	load.Settings
}

// Describe implements load.Traffic.
func (t *traffic) Describe(settings load.Settings) (fields any, text string) {
	d := description{maps.Clone(t.run.Mix), t.Hot, t.run.Seed, len(t.products), len(t.tokens), settings}
	users := "users"
	if d.Users == 1 {
		users = "user"
	}
	return d, fmt.Sprintf("%d products, %d %s", d.Products, d.Users, users)
}

// Open implements load.Traffic: it reads the stock that the orders will need, and fills it up.
func (t *traffic) Open(ctx context.Context, arrivals load.Arrivals) error {
	if t.run.Recorder != nil || t.Restock {
		t.run.Doing("reading and filling up stock")
		t.demand = t.demandOf(arrivals)
	}
	return t.stock.open(ctx, t.demand)
}

// Customer implements load.Traffic.
func (t *traffic) Customer(connection *load.Connection) load.Customer {
	return &customer{traffic: t, Connection: connection}
}

// Watch implements load.Traffic.
func (t *traffic) Watch(ctx context.Context) { t.stock.watch(ctx) }

// Close implements load.Traffic: it reads the stock that the orders left.
func (t *traffic) Close(ctx context.Context) error {
	if err := t.stock.close(ctx, t.demand); err != nil {
		return fmt.Errorf("the stock at the end is missing from the history: %w", err)
	}
	return nil
}

// End implements load.Traffic. Orders stay.
func (t *traffic) End(context.Context) error { return nil }

// findProducts takes the products of the plan, or else lists those of the shop.
func (t *traffic) findProducts(ctx context.Context) error {
	plan := t.Generated
	wanted := t.Products
	if plan != nil {
		wanted = 0
	}
	if t.run.Mix[Search] > 0 {
		wanted = max(wanted, wordPages*productPage)
	}
	found, err := listed(ctx, t.run.API, wanted)
	if err != nil {
		return err
	}
	t.words = wordsOf(found)
	if plan != nil {
		t.sku = plan.SKU
		t.products = make([]string, plan.Products)
		for i := range t.products {
			t.products[i] = plan.ProductID(i)
		}
		return nil
	}
	if len(found) == 0 {
		return errors.New("the shop has no products")
	}
	skus := make([]string, len(found))
	t.products = make([]string, len(found))
	for i, p := range found {
		t.products[i], skus[i] = p.ID, p.SKU
	}
	t.sku = func(product int) string { return skus[product] }
	return nil
}

// card is what a list of products says of one of them.
type card struct {
	ID   string `json:"id"`
	SKU  string `json:"sku"`
	Name string `json:"name"`
}

// listed returns the first products, as many as are wanted.
func listed(ctx context.Context, api load.API, wanted int) ([]card, error) {
	var found []card
	for cursor := ""; len(found) < wanted; {
		var page struct {
			Items []card `json:"items"`
			Next  string `json:"next"`
		}
		path := fmt.Sprintf("/v1/products?limit=%d&cursor=%s", productPage, url.QueryEscape(cursor))
		if err := api.Call(ctx, "GET", path, nil, &page); err != nil {
			return nil, fmt.Errorf("list the products: %w", err)
		}
		found = append(found, page.Items...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	return found[:min(len(found), wanted)], nil
}

// wordsOf returns the words of the products' names, encoded for a URL.
func wordsOf(products []card) []string {
	words := map[string]bool{}
	for _, p := range products {
		for word := range strings.FieldsSeq(p.Name) {
			if word = strings.ToLower(strings.Trim(word, ",.()")); len(word) >= shortWord {
				words[url.QueryEscape(word)] = true
			}
		}
	}
	if len(words) == 0 {
		return []string{"product"}
	}
	return slices.Sorted(maps.Keys(words))
}

// findUsers issues tokens to users of the plan, spread evenly over them. Without a plan the users are unknown, and the
// owner of the run's token is the only customer.
func (t *traffic) findUsers(ctx context.Context) error {
	t.tokens = []string{t.run.Token}
	if t.Generated == nil || t.Generated.Users == 0 || t.Users == 0 || t.run.Mix[Order]+t.run.Mix[Orders] == 0 {
		return nil
	}
	users := min(t.Users, t.Generated.Users)
	t.tokens = make([]string, users)
	ttl := int64((t.run.WarmUp+t.run.Duration)/1e9) + 24*60*60
	return load.Each(ctx, users, func(ctx context.Context, i int) error {
		request := struct {
			UserID string `json:"user_id"`
			Role   string `json:"role"`
			TTL    int64  `json:"ttl"`
			Note   string `json:"note"`
		}{t.Generated.UserID(i * t.Generated.Users / users), "shopper", ttl, "agora load"}
		var credential struct {
			Token string `json:"token"`
		}
		err := t.run.API.Call(ctx, "POST", "/v1/tokens", request, &credential)
		if err != nil {
			return fmt.Errorf("issue a token to user %s: %w", request.UserID, err)
		}
		t.tokens[i] = credential.Token
		return nil
	})
}

// lowest is a source of the lowest numbers, which stand for the first rank.
type lowest struct{}

func (lowest) Uint64() uint64 { return 0 }

func (t *traffic) mostPopular() int { return t.popular.PopularProduct(mathrand.New(lowest{})) }

// draw returns what an arrival asks for.
func (t *traffic) draw(kind load.Kind, random *mathrand.Rand) intent {
	drawn := intent{kind: kind, user: random.IntN(len(t.tokens)), product: t.hottest}
	switch {
	case kind == Search:
		drawn.word = random.IntN(len(t.words))
	case kind == View, kind == Order && random.Float64() >= t.Hot:
		drawn.product = t.popular.PopularProduct(random)
	}
	return drawn
}

// demandOf returns how many units of each product the arrivals will order.
func (t *traffic) demandOf(arrivals load.Arrivals) map[int]int64 {
	units := map[int]int64{}
	for kind, random := range arrivals.Draws() {
		if kind == Order {
			units[t.draw(kind, random).product]++
		}
	}
	return units
}
