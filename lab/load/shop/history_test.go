package shop

import (
	"bytes"
	"net/http"
	"sync"
	"testing"
	"time"

	"agora/lab/load"
	"agora/lab/verify"
	verifyshop "agora/lab/verify/shop"
	"agora/pattern/audit/audittest"
	"agora/shop"
)

// verified reads a history and holds it against the marketplace.
func (m *market) verified(t *testing.T, written *bytes.Buffer) []verifyshop.Operation {
	t.Helper()
	history, err := verifyshop.ReadHistory(written)
	if err != nil {
		t.Fatal(err)
	}
	found, err := verifyshop.Check(t.Context(), history, m.orders)
	if err != nil {
		t.Fatal(err)
	}
	audittest.Holds(t, found)
	return history
}

func count(history []verifyshop.Operation, kind verify.Kind, outcome verify.Outcome) int64 {
	var n int64
	for _, op := range history {
		if op.Kind == kind && op.Output.Outcome == outcome {
			n++
		}
	}
	return n
}

func TestTheHistoryIsThatOfTheShop(t *testing.T) {
	for name, restock := range map[string]bool{"as it is": false, "restocked": true} {
		t.Run(name, func(t *testing.T) {
			m := newMarket(t, shop.SimulatedOptions{Decline: 0.1, Latency: time.Millisecond})
			var history bytes.Buffer
			o := m.recorded(&history)
			scenario := m.scenario()
			scenario.Restock, scenario.Hot = restock, 0.9
			o.Scenario, o.Mix, o.Rate = scenario, load.Mix{View: 1, Order: 4, Search: 0.2, Orders: 0.2}, 1500
			trial := measured(t, o, m.handler).Trial
			operations := m.verified(t, &history)
			outcomes := trial.Kinds[Order].Outcomes
			for outcome, name := range map[verify.Outcome]string{
				verifyshop.OK: "confirmed", verifyshop.Cancelled: "declined", verifyshop.Short: "out of stock",
			} {
				if got := count(operations, verifyshop.Place, outcome); got != outcomes[name] {
					t.Errorf("the history has %d orders that were %s, and the report %d", got, name, outcomes[name])
				}
			}
			if outcomes["declined"] == 0 || (outcomes["out of stock"] == 0) != restock {
				t.Errorf("orders were %v; want some declined, and some out of stock only if nothing is filled up", outcomes)
			}
			if restocks := count(operations, verifyshop.Restock, verifyshop.OK); (restocks > 0) != restock {
				t.Errorf("%d restocks", restocks)
			}
			if trial.All.Failed() > 0 || len(trial.Kinds) != 4 {
				t.Errorf("errors %v in %d kinds of requests, want none in 4", trial.All.Errors, len(trial.Kinds))
			}
		})
	}
}

// recorded are options for a trial that writes a history. It runs in real time: the history tells what came
// first by the clock, which stands still within a bubble.
func (m *market) recorded(history *bytes.Buffer) load.Options {
	o := m.options()
	o.History, o.Mix, o.Rate, o.Duration, o.Timeout = history, load.Mix{Order: 1}, 500, time.Second, time.Minute
	return o
}

// losing is a handler that does what it is asked for, and loses every twentieth answer to an order that it
// hears of for the first time.
func (m *market) losing() http.Handler {
	var mu sync.Mutex
	heard := map[string]bool{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.handler.ServeHTTP(w, r)
		key := r.Header.Get("Idempotency-Key")
		mu.Lock()
		defer mu.Unlock()
		if key != "" && !heard[key] {
			heard[key] = true
			if len(heard)%20 == 0 {
				panic(http.ErrAbortHandler)
			}
		}
	})
}

func TestRetriesMakeOneOrder(t *testing.T) {
	m := newMarket(t, shop.SimulatedOptions{})
	var history bytes.Buffer
	o := m.recorded(&history)
	scenario := m.scenario()
	scenario.Restock = true
	o.Scenario, o.Retry = scenario, true
	all := measured(t, o, m.losing()).Trial.All
	if n := count(m.verified(t, &history), verifyshop.Place, verifyshop.OK); n != 500 || all.Failed() > 0 {
		t.Errorf("%d of 500 orders are confirmed, with errors %v", n, all.Errors)
	}
}

// TestALostAnswerIsUnknown is the same without retries: what nobody knows does not make the history wrong.
func TestALostAnswerIsUnknown(t *testing.T) {
	m := newMarket(t, shop.SimulatedOptions{})
	var history bytes.Buffer
	o := m.recorded(&history)
	o.Rate = 40
	lost := measured(t, o, m.losing()).Trial.All.Errors["connection lost"]
	if n := count(m.verified(t, &history), verifyshop.Place, verifyshop.Unknown); lost != 2 || n != lost {
		t.Errorf("%d answers were lost and %d are unknown to the history, want 2", lost, n)
	}
}
