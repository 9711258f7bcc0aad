package generate

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"agora/ident"
	"agora/shop"
)

const (
	productBatch    = 4_000
	betweenProducts = 20 * time.Second
)

// ProductID returns the identifier of product number i.
func (p Plan) ProductID(i int) string {
	return ident.At(ident.Product, p.madeAt(i), p.random(ofProductID, i))
}

// SKU returns the stock keeping unit of product number i.
func (p Plan) SKU(i int) string { return sku(p.shelf(i), i) }

func sku(s shelf, i int) string { return fmt.Sprintf("%s-%07d", s.code, i) }

func (p Plan) shelf(i int) shelf { return shelves[p.random(ofShelf, i).IntN(len(shelves))] }

func (p Plan) madeAt(i int) time.Time { return epoch.Add(time.Duration(i) * betweenProducts) }

// product returns product number i.
func (p Plan) product(i int) shop.Product {
	random, shelf := p.random(ofProduct, i), p.shelf(i)
	adjective, material, noun := pick(random, adjectives), pick(random, shelf.materials), pick(random, shelf.nouns)
	color, style, series := pick(random, colors), pick(random, styles), seriesName(random)
	draft := shop.ProductDraft{
		SKU:         sku(shelf, i),
		Name:        fmt.Sprintf("%s %s %s in %s, %s", adjective, material, noun, color, title(series)),
		Description: describe(random, shelf, adjective, material, noun, series),
		Price:       shop.Money{Amount: price(random, shelf), Currency: "USD"},
		Categories:  []string{shelf.category, shelf.category + "-" + slugOf(style)},
		Attributes: map[string]string{
			"color": slugOf(color), "material": slugOf(material), "style": slugOf(style), "size": pick(random, sizes),
		},
	}
	seller := p.SellerID(i / productsPerSeller)
	return shop.NewProduct(seller, draft, p.madeAt(i), p.random(ofProductID, i))
}

// price returns a price between the bounds of the shelf. Its logarithm is distributed evenly, and it has usual cents.
func price(random entropy, s shelf) int64 {
	low, high := math.Log(float64(s.cheapest)), math.Log(float64(s.dearest))
	units := int64(math.Exp(low + random.Float64()*(high-low)))
	return units*100 + []int64{99, 95, 49, 0}[random.IntN(4)]
}

// describe returns a description. Half of the products have the words of commonSentence, and every product has the name of its
// series, of which many are very rare. So searches for common and for rare words can be measured.
func describe(random entropy, s shelf, adjective, material, noun, series string) string {
	text := fmt.Sprintf("%s %s made of %s. %s ", article(adjective), strings.ToLower(adjective+" "+noun), strings.ToLower(material), pick(random, s.uses))
	if random.IntN(2) == 0 {
		text += commonSentence + " "
	}
	return text + fmt.Sprintf("%s %s Part of the %s series.", pick(random, cares), pick(random, packings), title(series))
}

// seriesName returns one of some thousand names. The name at rank n is n times as rare as the first one.
func seriesName(random entropy) string {
	rank := zipf(random, len(seriesFirst)*len(seriesLast))
	return seriesFirst[rank%len(seriesFirst)] + seriesLast[rank/len(seriesFirst)]
}

// zipf returns a rank from 0 to n-1, for n of at least 1. The frequency of rank r is about proportional to 1/(r+1). It inverts the
// integral of the density, because a sum over n weights would take O(n) for every plan.
func zipf(random entropy, n int) int {
	rank := int(math.Exp(random.Float64()*math.Log(float64(n+1)))) - 1
	return min(max(rank, 0), n-1)
}

// catalogue are the stages that fill the catalogue.
func (r *run) catalogue() []stage {
	return []stage{{
		name: "products", total: r.Products, batch: productBatch,
		done: func(ctx context.Context) (int, error) {
			return known(r.Products, func(i int) (bool, error) {
				sku := r.SKU(i)
				offers, err := r.Catalog.OffersBySKU(ctx, []string{sku})
				return offers[sku].ProductID == r.ProductID(i), err
			})
		},
		add: func(ctx context.Context, from, to int) error {
			batch := make([]shop.Product, 0, to-from)
			for i := from; i < to; i++ {
				batch = append(batch, r.product(i))
			}
			_, err := r.Catalog.CreateMany(ctx, batch)
			return err
		},
	}}
}

// weighted returns a list that has each word as often as its weight.
func weighted(weights map[string]int) []string {
	var list []string
	for _, word := range slices.Sorted(maps.Keys(weights)) {
		list = append(list, slices.Repeat([]string{word}, weights[word])...)
	}
	return list
}
