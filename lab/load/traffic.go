package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/url"
	"slices"
	"strings"

	"agora/generate"
)

const (
	productPage = 100
	wordPages   = 2 // of products, whose names searches are made of
	shortWord   = 4 // letters; shorter ones are in every name
)

// traffic says what each arrival asks for.
type traffic struct {
	products []string // ids
	sku      func(product int) string
	words    []string // of searches, as they stand in a URL
	tokens   []string // of those who act
	mix      []share
	hot      float64
	hottest  int // the most popular product
	seed     uint64
	popular  generate.Plan // by which products are drawn
}

// share is a kind and where its part of the numbers from 0 to 1 ends.
type share struct {
	kind Kind
	upto float64
}

// intent is what one arrival asks for.
type intent struct {
	kind    Kind
	product int
	user    int
	word    int
}

// runName tells the orders of this run from those of any other.
func runName() string { return "load-" + strings.ToLower(rand.Text()[:12]) }

func newTraffic(ctx context.Context, api api, o Options) (*traffic, error) {
	t := &traffic{mix: shares(o.Mix), hot: o.Hot, seed: o.Seed}
	if err := t.findProducts(ctx, api, o); err != nil {
		return nil, err
	}
	t.popular = generate.Plan{Products: len(t.products)}
	t.hottest = t.mostPopular()
	if err := t.findUsers(ctx, api, o); err != nil {
		return nil, err
	}
	return t, nil
}

// shares lays the weights out between 0 and 1.
func shares(mix map[Kind]float64) []share {
	var sum, upto float64
	for _, weight := range mix {
		sum += weight
	}
	var all []share
	for _, kind := range Kinds {
		if weight := mix[kind]; weight > 0 {
			upto += weight / sum
			all = append(all, share{kind, upto})
		}
	}
	all[len(all)-1].upto = 1
	return all
}

// findProducts takes the products of the plan, or asks for those that there are.
func (t *traffic) findProducts(ctx context.Context, api api, o Options) error {
	plan := o.Generated
	wanted := o.Products
	if plan != nil {
		wanted = 0
	}
	if o.Mix[Search] > 0 {
		wanted = max(wanted, wordPages*productPage)
	}
	found, err := listed(ctx, api, wanted)
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

// listed returns as many products as are wanted, or as there are.
func listed(ctx context.Context, api api, wanted int) ([]card, error) {
	var found []card
	for cursor := ""; len(found) < wanted; {
		var page struct {
			Items []card `json:"items"`
			Next  string `json:"next"`
		}
		path := fmt.Sprintf("/v1/products?limit=%d&cursor=%s", productPage, url.QueryEscape(cursor))
		if err := api.call(ctx, "GET", path, nil, &page); err != nil {
			return nil, fmt.Errorf("list the products: %w", err)
		}
		found = append(found, page.Items...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	return found[:min(len(found), wanted)], nil
}

// wordsOf returns the words that names have, as they stand in a URL.
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

// findUsers gets tokens for users of the plan, spread over all of them. Without a plan nobody knows who the
// users are, and the owner of the token acts.
func (t *traffic) findUsers(ctx context.Context, api api, o Options) error {
	t.tokens = []string{o.Token}
	if o.Generated == nil || o.Generated.Users == 0 || o.Users == 0 || o.Mix[Order]+o.Mix[Orders] == 0 {
		return nil
	}
	users := min(o.Users, o.Generated.Users)
	t.tokens = make([]string, users)
	ttl := int64((o.WarmUp+o.Duration)/1e9) + 24*60*60
	return each(ctx, users, func(ctx context.Context, i int) error {
		request := struct {
			UserID string `json:"user_id"`
			Role   string `json:"role"`
			TTL    int64  `json:"ttl"`
			Note   string `json:"note"`
		}{o.Generated.UserID(i * o.Generated.Users / users), "shopper", ttl, "agora load"}
		var credential struct {
			Token string `json:"token"`
		}
		err := api.call(ctx, "POST", "/v1/tokens", request, &credential)
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

// dice draws what arrivals ask for. Each goroutine has its own.
type dice struct {
	source *mathrand.PCG
	*mathrand.Rand
}

func newDice() dice {
	source := mathrand.NewPCG(0, 0)
	return dice{source, mathrand.New(source)}
}

// intent returns what an arrival asks for, which follows from the seed and its number alone.
func (t *traffic) intent(d dice, arrival int64) intent {
	d.source.Seed(t.seed, uint64(arrival)*0x9e3779b97f4a7c15)
	drawn := intent{kind: t.kind(d.Float64()), user: d.IntN(len(t.tokens)), product: t.hottest}
	switch {
	case drawn.kind == Search:
		drawn.word = d.IntN(len(t.words))
	case drawn.kind == View, drawn.kind == Order && d.Float64() >= t.hot:
		drawn.product = t.popular.PopularProduct(d.Rand)
	}
	return drawn
}

func (t *traffic) kind(x float64) Kind {
	for _, s := range t.mix {
		if x < s.upto {
			return s.kind
		}
	}
	return t.mix[len(t.mix)-1].kind
}

// demand returns how many units of each product some arrivals will order.
func (t *traffic) demand(first, arrivals int64) map[int]int64 {
	units := map[int]int64{}
	d := newDice()
	for i := range arrivals {
		if drawn := t.intent(d, first+i); drawn.kind == Order {
			units[drawn.product]++
		}
	}
	return units
}
