package load

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"agora/fault"
	"agora/generate"
)

func TestTheScheduleIsARampAndThenEven(t *testing.T) {
	s := schedule{rate: 1000, warmUp: 2 * time.Second, duration: 3 * time.Second}
	if got := s.arrivals(); got != 4000 {
		t.Errorf("%d arrivals, want 1000 in the warm-up and 3000 after it", got)
	}
	for arrival, want := range map[int64]time.Duration{
		0: 0, 250: time.Second, 1000: 2 * time.Second, 1001: 2001 * time.Millisecond, 3999: 4999 * time.Millisecond,
	} {
		if got := s.at(arrival); got.Round(time.Microsecond) != want {
			t.Errorf("arrival %d is at %v, want %v", arrival, got, want)
		}
	}
	for after, want := range map[time.Duration]int64{0: 0, time.Second: 250, 2 * time.Second: 1000, 4 * time.Second: 3000, time.Hour: 4000} {
		if got := s.due(after); got != want {
			t.Errorf("%d arrivals are due after %v, want %v", got, after, want)
		}
	}
	if s.measured(999) || !s.measured(1000) {
		t.Error("what is measured does not begin with arrival 1000")
	}
	if got := (schedule{rate: 10, duration: time.Second}).at(5); got != 500*time.Millisecond {
		t.Errorf("without a warm-up arrival 5 is at %v, want 500ms", got)
	}
}

// drawn returns traffic over a number of products, with a mix.
func drawn(products int, mix map[Kind]float64) *traffic {
	t := &traffic{
		products: make([]string, products), tokens: make([]string, 7), words: []string{"lamp", "chair"}, mix: shares(mix), seed: 5,
		popular: generate.Plan{Products: products},
	}
	t.hottest = t.mostPopular()
	return t
}

func TestTheMixIsThatOfTheWeights(t *testing.T) {
	traffic := drawn(1000, map[Kind]float64{View: 3, Order: 1, Search: 1})
	const n = 20_000
	counts, views := map[Kind]int{}, map[int]int{}
	d := newDice()
	for i := range int64(n) {
		what := traffic.intent(d, i)
		counts[what.kind]++
		if what.kind == View {
			views[what.product]++
		}
	}
	for kind, want := range map[Kind]float64{View: .6, Order: .2, Search: .2, Orders: 0} {
		if got := float64(counts[kind]) / n; math.Abs(got-want) > .02 {
			t.Errorf("%s has a share of %.3f, want %.3f", kind, got, want)
		}
	}
	// By Zipf's law over 1000 products the first has 1 part in ln 1001 = 6.9, times ln 2 by how ranks are drawn.
	if got := float64(views[traffic.hottest]) / float64(counts[View]); math.Abs(got-.1) > .02 {
		t.Errorf("the most popular product has a share of %.3f of the views, want about .1", got)
	}
	for product, n := range views {
		if n > views[traffic.hottest] {
			t.Errorf("product %d was viewed %d times, more often than the most popular one", product, n)
		}
	}
}

func TestTheSameSeedAsksForTheSame(t *testing.T) {
	one, other, differs := drawn(50, map[Kind]float64{View: 1, Order: 1}), drawn(50, map[Kind]float64{View: 1, Order: 1}), 0
	other.seed = 6
	d, e := newDice(), newDice()
	forwards := []intent{}
	for i := range int64(100) {
		forwards = append(forwards, one.intent(d, i))
		if other.intent(e, i) != forwards[i] {
			differs++
		}
	}
	for i := int64(99); i >= 0; i-- { // whoever draws, and in whatever order
		if got := one.intent(e, i); got != forwards[i] {
			t.Fatalf("arrival %d asks for %+v and then for %+v", i, forwards[i], got)
		}
	}
	if differs < 80 {
		t.Errorf("another seed asks for something else %d times of 100", differs)
	}
}

func TestTheDemandIsWhatWillBeOrdered(t *testing.T) {
	traffic := drawn(20, map[Kind]float64{View: 1, Order: 1})
	traffic.hot = 1
	demand := traffic.demand(100, 1000)
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

func TestOptionsNameWhatIsWrong(t *testing.T) {
	good := options()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*Options){
		"url": func(o *Options) { o.URL = "shop" }, "token": func(o *Options) { o.Token = "" }, "rate": func(o *Options) { o.Rate = 0 },
		"duration": func(o *Options) { o.Duration = 1 }, "warm-up": func(o *Options) { o.WarmUp = -1 },
		"timeout": func(o *Options) { o.Timeout = 0 }, "connections": func(o *Options) { o.Connections = 0 },
		"hot": func(o *Options) { o.Hot = 2 }, "errors": func(o *Options) { o.Errors = 1 }, "products": func(o *Options) { o.Products = 0 },
		"users": func(o *Options) { o.Users = -1 }, "find": func(o *Options) { o.Find = true },
		"step":      func(o *Options) { o.Find, o.Goals, o.Step = true, []Goal{{Figure: "p99"}}, 0 },
		"mix":       func(o *Options) { o.Mix = map[Kind]float64{"steal": 1} },
		"generated": func(o *Options) { o.Generated = &generate.Plan{} },
	} {
		o := good
		change(&o)
		if err := o.Validate(); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestGoals(t *testing.T) {
	for text, want := range map[string]Goal{
		"p99<25ms":        {"", "p99", 25 * time.Millisecond},
		"order.p99.9<1s":  {Order, "p99.9", time.Second},
		"view.mean<500µs": {View, "mean", 500 * time.Microsecond},
	} {
		var got Goal
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
		if again := got.String(); again != text {
			t.Errorf("%s is printed as %s", text, again)
		}
	}
	for _, text := range []string{"", "p99", "p98<1s", "p99<fast", "p99<-1s", "steal.p99<1s", "p99>1s"} {
		if err := new(Goal).UnmarshalText([]byte(text)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q was taken for a goal: %v", text, err)
		}
	}
}

func TestMetricsAreSummedUpOverServers(t *testing.T) {
	before, after := samples{}, samples{}
	before.read([]byte("# HELP x\nprocess_cpu_seconds_total 1\n" + `agora_cache_requests_total{cache="products",result="hit"} 5` + "\n"))
	for range 2 {
		after.read([]byte("process_cpu_seconds_total 3.5\n\nnonsense\n" +
			`agora_cache_requests_total{cache="products",result="hit"} 40` + "\n" +
			`agora_cache_requests_total{cache="products",result="miss"} 12.5` + "\n" + `agora_orders_failed_total{reason="declined"} 2` + "\n"))
	}
	got := serverFigures(before, after, 4*time.Second)
	if products := got.Caches["products"]; products.HitRatio != .75 || products.Requests != 100 || got.Cores != 1.5 || got.Failed["declined"] != 4 {
		t.Errorf("figures %+v, want 75 hits of 100, 1.5 processors and 4 declined", got)
	}
	if got := increase(samples{"restarted": 9}, samples{"restarted": 2}, "restarted"); got != 2 {
		t.Errorf("a counter that began again grew by %v, want 2", got)
	}
	if serverFigures(nil, after, time.Second) != nil {
		t.Error("there are figures without a first reading")
	}
}
