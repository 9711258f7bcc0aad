package load

import (
	"strings"
	"testing"
	"time"

	"agora/fault"
)

func TestOptionsNameWhatIsWrong(t *testing.T) {
	good := options()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*Options){
		"url": func(o *Options) { o.URL = "shop" }, "token": func(o *Options) { o.Token = "" }, "rate": func(o *Options) { o.Rate = 0 },
		"duration": func(o *Options) { o.Duration = 1 }, "warm-up": func(o *Options) { o.WarmUp = -1 },
		"timeout": func(o *Options) { o.Timeout = 0 }, "connections": func(o *Options) { o.Connections = 0 },
		"errors": func(o *Options) { o.Errors = 1 }, "seed": func(o *Options) { o.Seed = 13 },
		"find": func(o *Options) { o.Find = true },
		"step": func(o *Options) { o.Find, o.Goals, o.Step = true, []Goal{{Figure: "p99"}}, 0 },
		"mix":  func(o *Options) { o.Mix = Mix{"steal": 1} },
		"goal": func(o *Options) { o.Goals = []Goal{{Kind: "steal", Figure: "p99", Limit: 1}} },
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
		"order.p99.9<1s":  {"order", "p99.9", time.Second},
		"view.mean<500µs": {"view", "mean", 500 * time.Microsecond},
	} {
		var got Goal
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
		if again := got.String(); again != text {
			t.Errorf("%s is printed as %s", text, again)
		}
	}
	for _, text := range []string{"", "p99", "p98<1s", "p99<fast", "p99<-1s", "p99>1s"} {
		if err := new(Goal).UnmarshalText([]byte(text)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q was taken for a goal: %v", text, err)
		}
	}
}
