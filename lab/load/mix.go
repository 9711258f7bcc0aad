package load

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"

	"agora/fault"
)

// Kind names one kind of request of a scenario.
type Kind string

// Mix is how often each kind of request is sent, relative to the others.
type Mix map[Kind]float64

func (m Mix) check(c *fault.Collector, kinds []Kind) {
	var sum float64
	for kind, weight := range m {
		c.Check(slices.Contains(kinds, kind), "mix", "has no request called %q", kind)
		c.Check(weight >= 0, "mix", "has a negative weight")
		sum += weight
	}
	c.Check(sum > 0, "mix", "asks for nothing")
}

// text returns the weights, such as "3 view : 1 order".
func (m Mix) text(kinds []Kind) string {
	var parts []string
	for _, kind := range kinds {
		if m[kind] > 0 {
			parts = append(parts, fmt.Sprintf("%g %s", m[kind], kind))
		}
	}
	return strings.Join(parts, " : ")
}

// share is a kind and the end of its part of the numbers from 0 to 1.
type share struct {
	kind Kind
	upto float64
}

// shares divides the numbers from 0 to 1 by the weights.
func (m Mix) shares(kinds []Kind) []share {
	var sum, upto float64
	for _, kind := range kinds { // in one order, so that the sum of fractions is the same in each run
		sum += m[kind]
	}
	var all []share
	for _, kind := range kinds {
		if weight := m[kind]; weight > 0 {
			upto += weight / sum
			all = append(all, share{kind, upto})
		}
	}
	all[len(all)-1].upto = 1
	return all
}

// Arrivals are the arrivals of one trial. What an arrival asks for follows from the seed and its number alone.
type Arrivals struct {
	First int64 // number of the first among the arrivals of the run
	Count int64

	seed   uint64
	shares []share
}

// NewArrivals returns the arrivals of a trial. The mix has only kinds of the scenario, and a positive weight.
func NewArrivals(first, count int64, seed uint64, mix Mix, kinds []Kind) Arrivals {
	return Arrivals{first, count, seed, mix.shares(kinds)}
}

// Draws returns for each arrival its kind and the random numbers that decide the rest. The numbers are valid until
// the next arrival.
func (a Arrivals) Draws() iter.Seq2[Kind, *rand.Rand] {
	return func(yield func(Kind, *rand.Rand) bool) {
		d := newDice()
		for i := range a.Count {
			if kind := a.draw(d, a.First+i); !yield(kind, d.Rand) {
				return
			}
		}
	}
}

// draw sets the dice for an arrival and returns its kind.
func (a Arrivals) draw(d dice, arrival int64) Kind {
	d.source.Seed(a.seed, uint64(arrival)*0x9e3779b97f4a7c15)
	x := d.Float64()
	for _, s := range a.shares {
		if x < s.upto {
			return s.kind
		}
	}
	return a.shares[len(a.shares)-1].kind
}

// dice is a source of random numbers that can begin again at each arrival. Each goroutine has its own.
type dice struct {
	source *rand.PCG
	*rand.Rand
}

func newDice() dice {
	source := rand.NewPCG(0, 0)
	return dice{source, rand.New(source)}
}
