package feed

import (
	"os"
	"strconv"
	"testing"
)

// The simulation runs the tail, the builder and the reader of this package on in-memory stores. Each actor is a
// coroutine that stops at each call of a store or of the log; which one goes on is drawn from a seed. So one goroutine
// shows any interleaving of servers, of crashes, and of leaders that hang and write late, and shows it again.

// run simulates one schedule and returns the problem that it found.
func (w *world) run() string {
	for _, s := range w.servers {
		w.start(s)
	}
	disturb := w.rng.Float64() * 0.04
	for range 2500 {
		if w.problem != "" {
			return w.problem
		}
		if w.rng.Float64() < 0.1 {
			if s := w.servers[w.rng.IntN(len(w.servers))]; s.up {
				w.spawn(s, (*actor).write)
			}
		}
		if w.rng.Float64() < 0.04 {
			if s := w.servers[w.rng.IntN(len(w.servers))]; s.up {
				w.spawn(s, (*actor).walk)
			}
		}
		if w.streams != nil && w.rng.Float64() < 0.02 {
			w.streams.open(w.user(), "")
		}
		if w.rng.Float64() < disturb {
			w.disturb()
		}
		w.step()
	}
	w.calm, w.eager = true, 0
	w.restartOld()
	w.settle()
	for range 10 {
		w.spawn(w.servers[w.rng.IntN(len(w.servers))], (*actor).walk)
	}
	for range 1500 {
		w.step()
	}
	if w.streams != nil {
		w.streams.finish()
	}
	w.checkCounts()
	if w.epoch == 1 && w.strategy == Hybrid && !w.changed { // a log that returned to an earlier state may have lost a change
		w.checkModes()
		w.checkAudit()
	}
	for _, s := range w.servers {
		w.kill(s)
	}
	return w.problem
}

// settle waits until all is at rest.
func (w *world) settle() {
	loops := 0
	for _, s := range w.servers {
		loops += 4 // follow, watch, and two to lead
		if s.joint {
			loops--
		}
		if w.streams != nil {
			loops++
		}
	}
	for range 1000 {
		for range 100 {
			w.step()
		}
		ends, rest := w.ends(), true
		for _, s := range w.servers {
			rest = rest && s.up && s.tail.Reach().Includes(ends)
		}
		if rest && w.timelines.head.Epoch != 0 && w.timelines.head.reach().Includes(ends) && len(w.actors) == loops {
			return
		}
	}
	w.fail("the feed does not come to rest: %d actors, %v, ends %v, leads %v", len(w.actors), w.timelines.head, w.ends(), w.leads)
}

// seeds returns how many schedules to try.
func seeds(short int) uint64 {
	if n, err := strconv.ParseUint(os.Getenv("FEED_SEEDS"), 10, 64); err == nil {
		return n
	}
	if os.Getenv("STRESS") != "" {
		return 20_000
	}
	return uint64(short)
}

func firstSeed() uint64 {
	n, _ := strconv.ParseUint(os.Getenv("FEED_SEED"), 10, 64)
	return n
}

func TestPagesAreWhatTheySay(t *testing.T) {
	pages, based := 0, 0
	n := seeds(300)
	for seed := firstSeed(); seed < firstSeed()+n; seed++ {
		w := newWorld(t, seed, os.Getenv("FEED_MUTANT"))
		if problem := w.run(); problem != "" {
			for _, line := range w.trace {
				t.Log(line)
			}
			t.Fatalf("FEED_SEED=%d FEED_SEEDS=1: %s", seed, problem)
		}
		pages, based = pages+w.pages, based+w.based
	}
	t.Logf("%d schedules, %d pages, %d of them with a timeline", n, pages, based)
}
