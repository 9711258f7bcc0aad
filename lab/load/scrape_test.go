package load

import (
	"testing"
	"time"
)

func TestMetricsAreSummedUpOverServers(t *testing.T) {
	before, after := samples{}, samples{}
	before.read([]byte("# HELP x\nprocess_cpu_seconds_total 1\n" + `agora_cache_requests_total{cache="products",result="hit"} 5` + "\n"))
	for range 2 {
		after.read([]byte("process_cpu_seconds_total 3.5\n\nnonsense\n" +
			`agora_cache_requests_total{cache="products",result="hit"} 40` + "\n" +
			`agora_cache_requests_total{cache="products",result="miss"} 12.5` + "\n" + `guests_lost_total{on="stairs"} 2` + "\n"))
	}
	got := serverFigures(before, after, 4*time.Second, visits{}.ServerMetrics())
	if products := got.Caches["products"]; products.HitRatio != .75 || products.Requests != 100 || got.Cores != 1.5 || got.Figures[1].Values["stairs"] != 4 {
		t.Errorf("figures %+v, want 75 hits of 100, 1.5 processors and 4 lost on the stairs", got)
	}
	if serverFigures(nil, after, time.Second, nil) != nil {
		t.Error("there are figures without a first reading")
	}
}

func TestACounterThatBeganAgainGrewFromZero(t *testing.T) {
	if got := increase(samples{"restarted": 9}, samples{"restarted": 2}, "restarted"); got != 2 {
		t.Errorf("it grew by %v, want 2", got)
	}
}
