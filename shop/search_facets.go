package shop

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
)

const (
	maxFacetValues     = 20
	maxAttributeFacets = 10
)

// Facets count the values that the products of a query have. They are counted in the newest products of the query. Sample
// is the number of these products. If more products match the query, Complete is false, and the counts are no totals.
type Facets struct {
	Complete   bool             `json:"complete" doc:"Whether every product that fulfils the query was counted" example:"true"`
	Sample     int              `json:"sample" doc:"Number of products that were counted" example:"12"`
	InStock    int              `json:"in_stock" example:"9"`
	Categories []FacetCount     `json:"categories"`
	Attributes []AttributeFacet `json:"attributes"`
	Prices     []PriceBand      `json:"prices"`
}

// FacetCount is the number of products that have a value.
type FacetCount struct {
	Value string `json:"value" example:"red"`
	Count int    `json:"count" example:"7"`
}

// AttributeFacet has the most frequent values of an attribute.
type AttributeFacet struct {
	Name   string       `json:"name" example:"color"`
	Values []FacetCount `json:"values"`
}

// PriceBand is the number of products with a price between Min and Max, both inclusive, in minor units.
type PriceBand struct {
	Currency string `json:"currency" example:"USD"`
	Min      int64  `json:"min" example:"1000"`
	Max      int64  `json:"max" example:"1999"`
	Count    int    `json:"count" example:"5"`
}

// facets counts in the newest products of the scan. The order of the results has no influence.
func (c *Catalog) facets(ctx context.Context, scan Scan) (*Facets, error) {
	scan.Order, scan.After, scan.Limit = NewestFirst, ScanPosition{}, facetSample
	batch, err := c.store.Scan(ctx, scan)
	if err != nil {
		return nil, err
	}
	f := countFacets(batch.Cards)
	f.Complete = batch.Done
	return f, nil
}

func countFacets(cards []Card) *Facets {
	f := &Facets{Sample: len(cards)}
	categories := map[string]int{}
	attributes := map[string]map[string]int{}
	bands := map[PriceBand]int{}
	for _, card := range cards {
		if card.InventoryCount > 0 {
			f.InStock++
		}
		for _, category := range card.Categories {
			categories[category]++
		}
		for name, value := range card.Attributes {
			if attributes[name] == nil {
				attributes[name] = map[string]int{}
			}
			attributes[name][value]++
		}
		bands[priceBand(card.Price)]++
	}
	f.Categories = mostFrequent(categories)
	f.Attributes = attributeFacets(attributes)
	f.Prices = priceBands(bands)
	return f
}

// mostFrequent returns the values with the highest counts. Values with equal counts are sorted by name.
func mostFrequent(counts map[string]int) []FacetCount {
	all := make([]FacetCount, 0, len(counts))
	for value, count := range counts {
		all = append(all, FacetCount{value, count})
	}
	slices.SortFunc(all, func(a, b FacetCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return all[:min(len(all), maxFacetValues)]
}

// attributeFacets returns the attributes that most products have.
func attributeFacets(counts map[string]map[string]int) []AttributeFacet {
	products := make(map[string]int, len(counts))
	for name, values := range counts {
		for count := range maps.Values(values) {
			products[name] += count
		}
	}
	ordered := mostFrequent(products)
	facets := make([]AttributeFacet, 0, maxAttributeFacets)
	for _, attribute := range ordered[:min(len(ordered), maxAttributeFacets)] {
		facets = append(facets, AttributeFacet{attribute.Value, mostFrequent(counts[attribute.Value])})
	}
	return facets
}

func priceBands(counts map[PriceBand]int) []PriceBand {
	bands := make([]PriceBand, 0, len(counts))
	for band, count := range counts {
		band.Count = count
		bands = append(bands, band)
	}
	slices.SortFunc(bands, func(a, b PriceBand) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Min, b.Min))
	})
	return bands
}

// priceBand returns the band of a price. Bands end below 1, 2 and 5 times each power of ten, from 100 minor units on, so
// that they are narrow where most prices are. They are the same for every query, so that a link to a band stays valid.
func priceBand(price Money) PriceBand {
	low := int64(0)
	for power := int64(100); power <= maxAmount; power *= 10 {
		for _, step := range []int64{1, 2, 5} {
			high := step * power
			if price.Amount < high {
				return PriceBand{Currency: price.Currency, Min: low, Max: high - 1}
			}
			low = high
		}
	}
	return PriceBand{Currency: price.Currency, Min: low, Max: math.MaxInt64}
}
