package shop

import (
	"math"
	"slices"
	"strings"
	"testing"

	"agora/fault"
	"agora/generate"
	"agora/lab/load"
)

// drawn returns traffic over a number of products.
func drawn(products int, hot float64) *traffic {
	t := &traffic{
		Scenario: Scenario{Hot: hot}, products: make([]string, products), tokens: make([]string, 7), words: []string{"lamp", "chair"},
		popular: generate.Plan{Products: products},
	}
	t.hottest = t.mostPopular()
	return t
}

// intents returns what the arrivals ask for.
func (t *traffic) intents(arrivals load.Arrivals) []intent {
	var all []intent
	for kind, random := range arrivals.Draws() {
		all = append(all, t.draw(kind, random))
	}
	return all
}

func TestProductsAreViewedByPopularity(t *testing.T) {
	traffic := drawn(1000, 0)
	views := map[int]int{}
	all := traffic.intents(load.NewArrivals(0, 12_000, 5, load.Mix{View: 1}, kinds))
	for _, what := range all {
		views[what.product]++
	}
	// By Zipf's law over 1000 products the first has 1 part in ln 1001 = 6.9, times ln 2 by how ranks are drawn.
	if got := float64(views[traffic.hottest]) / float64(len(all)); math.Abs(got-.1) > .02 {
		t.Errorf("the most popular product has a share of %.3f of the views, want about .1", got)
	}
	for product, n := range views {
		if n > views[traffic.hottest] {
			t.Errorf("product %d was viewed %d times, more often than the most popular one", product, n)
		}
	}
}

func TestTheSameSeedAsksForTheSame(t *testing.T) {
	mix := load.Mix{View: 1, Order: 1}
	want := drawn(50, 0).intents(load.NewArrivals(0, 100, 5, mix, kinds))
	if got := drawn(50, 0).intents(load.NewArrivals(0, 100, 5, mix, kinds)); !slices.Equal(got, want) {
		t.Errorf("one seed asks for %v and then for %v", want, got)
	}
	differs := 0
	for i, got := range drawn(50, 0).intents(load.NewArrivals(0, 100, 6, mix, kinds)) {
		if got != want[i] {
			differs++
		}
	}
	if differs < 80 {
		t.Errorf("another seed asks for something else %d times of 100", differs)
	}
}

func TestTheDemandIsWhatWillBeOrdered(t *testing.T) {
	traffic := drawn(20, 1)
	demand := traffic.demandOf(load.NewArrivals(100, 1000, 5, load.Mix{View: 1, Order: 1}, kinds))
	if len(demand) != 1 || demand[traffic.hottest] < 450 || demand[traffic.hottest] > 550 {
		t.Errorf("the demand is %v, want about 500 of product %d alone", demand, traffic.hottest)
	}
}

func TestSearchesAreMadeOfNames(t *testing.T) {
	got := wordsOf([]card{{Name: "Red Lamp in Crème, Fernbrook"}, {Name: "Red lamp"}})
	if want := []string{"cr%C3%A8me", "fernbrook", "lamp"}; !slices.Equal(got, want) {
		t.Errorf("words %q, want %q", got, want)
	}
}

func TestTheScenarioNamesWhatIsWrong(t *testing.T) {
	for field, scenario := range map[string]Scenario{
		"hot": {Hot: 2, Products: 1}, "products": {}, "users": {Products: 1, Users: -1}, "generated": {Generated: &generate.Plan{}},
	} {
		var c fault.Collector
		scenario.Validate(&c, load.Options{})
		if err := c.Err(); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
