// Package generate fills a marketplace with synthetic people, products, stock, reviews, past orders, follows and posts. Use it for demos and for
// measurements: the same seed gives the same data, so measurements can be repeated and compared. Prices, popularity and words have
// plausible long-tailed distributions. The people have no passwords and no addresses.
//
// Products, stock and people depend only on the seed and their number, so a smaller plan is the beginning of a larger one. Orders
// and reviews also depend on the numbers of products and people, follows and posts on the numbers of the plan too. So an interrupted run can be continued, and a load generator knows
// the ids of a data folder's users and products without reading them.
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
	"agora/feed"
	"agora/shop"
)

// Plan has the amounts of data to generate.
type Plan struct {
	Products int
	Users    int // shoppers, without the sellers of the products
	Orders   int // past orders of these users; needs users and products
	Follows  int // how many shoppers a shopper follows on average; needs more than twice as many shoppers
	Posts    int // how many posts a shopper has written on average
	Seed     uint64
}

// The bounds of a plan. With them, the padded numbers in SKUs and e-mail addresses have a fixed width, so that the addresses ascend.
const (
	maxProducts = 10_000_000
	maxUsers    = 100_000_000
	maxOrders   = 100_000 // a year of them
	maxFollows  = 1_000
	maxPosts    = 1_000
)

// Validate returns an error that names every wrong field, or nil.
func (p Plan) Validate() error {
	var c fault.Collector
	c.Check(p.Products >= 0 && p.Products <= maxProducts, "products", "is not between 0 and %d", maxProducts)
	c.Check(p.Users >= 0 && p.Users <= maxUsers, "users", "is not between 0 and %d", maxUsers)
	c.Check(p.Orders >= 0 && p.Orders <= maxOrders, "orders", "is not between 0 and %d", maxOrders)
	c.Check(p.Orders == 0 || p.Users > 0 && p.Products > 0, "orders", "needs users and products")
	c.Check(p.Follows >= 0 && p.Follows <= maxFollows, "follows", "is not between 0 and %d", maxFollows)
	c.Check(p.Follows == 0 || p.Follows < p.Users/2, "follows", "needs more than twice as many users")
	c.Check(p.Posts >= 0 && p.Posts <= maxPosts, "posts", "is not between 0 and %d", maxPosts)
	c.Check(p.Posts == 0 || p.Users > 0, "posts", "needs users")
	return c.Err()
}

// Targets are the stores to fill. No server may run on them.
type Targets struct {
	Users    accounts.UserStore
	Personal accounts.PersonalStore
	Catalog  *shop.Catalog
	Orders   shop.OrderStore
	Views    shop.OrderViews
	Feed     *feed.Importer // nil for a plan without follows and posts
}

// Progress is the progress of one kind of data. Done includes the data of earlier runs.
type Progress struct {
	Stage string // such as "users" or "products"; up to four stages run concurrently
	Done  int
	Total int
}

// Report has the amounts of data after a run, and how much of them the run added.
type Report struct {
	Seed  uint64        `json:"seed"`
	Added []Added       `json:"added"`
	Took  time.Duration `json:"took_ns"`
}

// Added has the total of one kind in the plan, and how many of them are new.
type Added struct {
	Stage string `json:"stage"`
	Total int    `json:"total"`
	New   int    `json:"new"`
}

// epoch is the time at which the generated marketplace opened. It is fixed so that the data does not depend on the date.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// run is one run of a plan.
type run struct {
	Plan
	Targets
	importer *shop.Importer

	mu       sync.Mutex
	progress func(Progress)
}

// stage adds one kind of data in batches. done returns how many exist already; add adds the numbers from `from` up to `to`.
type stage struct {
	name  string
	total int
	batch int
	done  func(ctx context.Context) (int, error)
	add   func(ctx context.Context, from, to int) error
}

// Run generates the missing data of the plan. progress, which may be nil, is called after every batch, but not concurrently. An
// interrupted run returns the context's error, and the next one with the same seed completes it. Data of another seed cannot be
// added, because both would use the same SKUs and e-mail addresses: Run then returns fault.Conflict with the code other_seed and
// changes nothing.
//
// Accounts, personal data, the shop and the feed are in separate files, so they are filled concurrently. Within each, the order is fixed, so
// that the same plan gives the same bytes.
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
	lanes := [][]stage{r.accounts(), r.personal(), append(r.catalogue(), r.trade()...), r.social()}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	reports, errs := make([][]Added, len(lanes)), make([]error, len(lanes))
	var group sync.WaitGroup
	for i, lane := range lanes {
		group.Go(func() {
			if reports[i], errs[i] = r.fill(ctx, lane); errs[i] != nil {
				stop() // the first error is among the joined ones
			}
		})
	}
	group.Wait()
	if targets.Feed != nil && ctx.Err() == nil {
		errs[0] = errors.Join(errs[0], targets.Feed.Finish(ctx))
	}
	return Report{Seed: plan.Seed, Added: slices.Concat(reports...), Took: time.Since(started)}, errors.Join(errs...)
}

// checkSeed returns fault.Conflict if the first people exist with the ids of another seed.
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

// fill runs the stages one after the other and returns the complete ones.
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

// complete adds the missing data of a stage in batches, and returns how many were added.
func (r *run) complete(ctx context.Context, s stage) (added int, err error) {
	begin, err := s.done(ctx)
	if err != nil {
		return 0, fmt.Errorf("find where to continue: %w", err)
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
		r.notify(Progress{s.name, to, s.total})
	}
	return s.total - begin, nil
}

func (r *run) notify(p Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress(p)
}

// known returns how many of n numbered things exist, by binary search: the existing ones have the lowest numbers.
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

// The kinds of things, each with a source of random numbers.
const (
	ofShopper = iota + 1
	ofSeller
	ofProduct
	ofProductID
	ofShelf
	ofStock
	ofOrder
	ofReview
	ofFriend
	ofFollow
	ofPost
	ofPostID
	ofAuthor
)

// random returns the source of random numbers of a thing. The finalizer of SplitMix64 (Steele, Lea and Flood, 2014) makes the
// sources of neighbours independent.
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
