// Package generate fills a marketplace with people, products, stock, reviews and past orders that nobody
// ever saw: the same ones for the same seed, so that trials can be repeated and compared. It makes data of a
// plausible shape (prices and popularity with long tails, common and rare words), not a model of real
// customers: nobody in it has a password, an address or a habit.
//
// Products, stock and people are made from the seed and their number alone: a smaller plan is the beginning of a
// larger one. Orders and reviews also depend on how many of these there are. So an interrupted run goes on where
// it stopped when it is run again, and a load generator can name the users and products of a data folder
// without reading them.
package generate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/shop"
)

// Plan is how much to generate.
type Plan struct {
	Products int
	Users    int // shoppers; the sellers of the products come on top
	Orders   int // past orders by these users; needs users and products
	Seed     uint64
}

// The bounds of a plan. They keep the numbers in SKUs and e-mail addresses as wide as their padding, which
// is what makes the addresses ascend.
const (
	maxProducts = 10_000_000
	maxUsers    = 100_000_000
	maxOrders   = 100_000 // a year of them
)

// Validate names every offending field.
func (p Plan) Validate() error {
	var c fault.Collector
	c.Check(p.Products >= 0 && p.Products <= maxProducts, "products", "is not between 0 and %d", maxProducts)
	c.Check(p.Users >= 0 && p.Users <= maxUsers, "users", "is not between 0 and %d", maxUsers)
	c.Check(p.Orders >= 0 && p.Orders <= maxOrders, "orders", "is not between 0 and %d", maxOrders)
	c.Check(p.Orders == 0 || p.Users > 0 && p.Products > 0, "orders", "needs users and products")
	return c.Err()
}

// Targets are where the data goes. No server may be running on them.
type Targets struct {
	Users    accounts.UserStore
	Personal accounts.PersonalStore
	Catalog  *shop.Catalog
	Orders   shop.OrderStore
	Views    shop.OrderViews
}

// Progress says how far one kind of data is: Done of Total, those of earlier runs included.
type Progress struct {
	Stage string // such as "users" or "products"; three stages run side by side
	Done  int
	Total int
}

// Report says what is there after a run, and how much of it the run has added.
type Report struct {
	Seed  uint64        `json:"seed"`
	Added []Added       `json:"added"`
	Took  time.Duration `json:"took_ns"`
}

// Added is how many of a kind the plan has, and how many of them are new.
type Added struct {
	Stage string `json:"stage"`
	Total int    `json:"total"`
	New   int    `json:"new"`
}

// epoch is when the generated marketplace opened: fixed, so that the data does not depend on the day.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// run is one run of a plan.
type run struct {
	Plan
	Targets
	importer *shop.Importer

	mu       sync.Mutex
	progress func(Progress)
}

// stage is one kind of data: how many there are in the end, how many are there already, and what adds those
// from number `from` up to `to`.
type stage struct {
	name  string
	total int
	batch int
	done  func(ctx context.Context) (int, error)
	add   func(ctx context.Context, from, to int) error
}

// Run generates what of the plan is not there yet. progress, which may be nil, is called after every batch, never
// by two at once. An interrupted run returns the context's error and is completed by the next one with the same seed.
// Data of another seed cannot be added, since both would use the same SKUs and e-mail addresses: that is
// fault.Conflict with the code other_seed, and changes nothing.
//
// Accounts, personal data and the shop go into files of their own, so they are filled side by side; within
// each the order is fixed, so that the same plan gives the same bytes.
func Run(ctx context.Context, plan Plan, targets Targets, progress func(Progress)) (Report, error) {
	if err := plan.Validate(); err != nil {
		return Report{}, err
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	started := time.Now()
	r := &run{
		Plan: plan, Targets: targets, progress: progress,
		importer: shop.NewImporter(targets.Orders, targets.Views, targets.Catalog),
	}
	if err := r.checkSeed(ctx); err != nil {
		return Report{}, err
	}
	lanes := [][]stage{r.accounts(), r.personal(), append(r.catalogue(), r.trade()...)}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	reports, errs := make([][]Added, len(lanes)), make([]error, len(lanes))
	var group sync.WaitGroup
	for i, lane := range lanes {
		group.Go(func() {
			if reports[i], errs[i] = r.fill(ctx, lane); errs[i] != nil {
				stop() // the others go no further; the first error is among those that are joined
			}
		})
	}
	group.Wait()
	return Report{Seed: plan.Seed, Added: slices.Concat(reports...), Took: time.Since(started)}, errors.Join(errs...)
}

// checkSeed returns fault.Conflict if the first people are there with another seed's identifiers.
func (r *run) checkSeed(ctx context.Context) error {
	var first []person
	if r.Sellers() > 0 {
		first = append(first, r.seller(0))
	}
	if r.Plan.Users > 0 {
		first = append(first, r.shopper(0))
	}
	for _, p := range first {
		id, err := r.Personal.UserIDByEmail(ctx, p.details.Email)
		if there, err := found(err); err != nil {
			return fmt.Errorf("look for data of another seed: %w", err)
		} else if there && id != p.details.UserID {
			return fault.New(fault.Conflict, "other_seed", "there is generated data of another seed")
		}
	}
	return nil
}

// fill runs stages one after the other, and returns those that are complete.
func (r *run) fill(ctx context.Context, stages []stage) ([]Added, error) {
	var complete []Added
	for _, s := range stages {
		added, err := r.complete(ctx, s)
		if err != nil {
			return complete, fmt.Errorf("generate %s: %w", s.name, err)
		}
		complete = append(complete, Added{s.name, s.total, added})
	}
	return complete, nil
}

// complete adds what a stage lacks, batch by batch, and returns how many that were.
func (r *run) complete(ctx context.Context, s stage) (added int, err error) {
	begin, err := s.done(ctx)
	if err != nil {
		return 0, fmt.Errorf("find where to go on: %w", err)
	}
	begin = min(begin, s.total)
	for from := begin; from < s.total; from += s.batch {
		if err := ctx.Err(); err != nil {
			return from - begin, err
		}
		to := min(from+s.batch, s.total)
		if err := s.add(ctx, from, to); err != nil {
			return from - begin, err
		}
		r.tell(Progress{s.name, to, s.total})
	}
	return s.total - begin, nil
}

func (r *run) tell(p Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress(p)
}

// known returns how many of n numbered things are there, of which those that are there come first: as many
// questions as n has binary digits.
func known(n int, exists func(int) (bool, error)) (int, error) {
	low, high := 0, n
	for low < high {
		middle := (low + high) / 2
		there, err := exists(middle)
		if err != nil {
			return 0, err
		}
		if there {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

// The kinds of things that have a source of random numbers each.
const (
	ofShopper = iota + 1
	ofSeller
	ofProduct
	ofProductID
	ofShelf
	ofStock
	ofOrder
	ofReview
)

// random returns the source of a thing of a kind. The finalizer of SplitMix64 (Steele, Lea and Flood, 2014) keeps the
// sources of neighbours apart.
func (p Plan) random(kind, number int) entropy {
	return entropy{rand.New(rand.NewPCG(mix(p.Seed+uint64(kind)), mix(uint64(number))))}
}

func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// entropy makes identifiers from a source of random numbers.
type entropy struct{ *rand.Rand }

// Read implements io.Reader.
func (e entropy) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e.Uint32())
	}
	return len(p), nil
}

// pick returns one of the words.
func pick(r entropy, words []string) string { return words[r.IntN(len(words))] }
