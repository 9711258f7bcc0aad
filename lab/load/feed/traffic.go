package feed

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"agora/generate"
	"agora/lab/load"
	"agora/lab/verify"
	verifyfeed "agora/lab/verify/feed"
)

// traffic implements load.Traffic.
type traffic struct {
	Scenario
	run      load.Run
	people   *people
	products []string // ids that posts are about; none if there is no shop
	after    []atomic.Pointer[string]
	watchers *watchers
	streams  *streams

	mu    sync.Mutex
	posts []published // that may be deleted, oldest first
}

// published is a post of the run.
type published struct {
	author int
	id     string
}

// keptPosts bounds the posts that may be deleted.
const keptPosts = 10_000

func newTraffic(ctx context.Context, run load.Run, s Scenario) (*traffic, error) {
	t := &traffic{Scenario: s, run: run}
	var err error
	if t.people, err = findPeople(ctx, run, s); err != nil {
		return nil, err
	}
	if t.products, err = listProducts(ctx, run.API); err != nil {
		return nil, err
	}
	t.after = make([]atomic.Pointer[string], len(t.people.ids))
	t.watchers = newWatchers(run, t.people)
	t.streams = newStreams(run, t.people, s)
	return t, nil
}

// listProducts returns some products of the shop, and none if the server has no shop.
func listProducts(ctx context.Context, api load.API) ([]string, error) {
	var page struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	err := api.Call(ctx, "GET", "/v1/products?limit=100", nil, &page)
	if err != nil && !load.NotFound(err) {
		return nil, fmt.Errorf("list the products: %w", err)
	}
	ids := make([]string, len(page.Items))
	for i, p := range page.Items {
		ids[i] = p.ID
	}
	return ids, nil
}

// description is the object "traffic" of a report.
type description struct {
	Mix     load.Mix `json:"mix"`
	Seed    uint64   `json:"seed"`
	Users   int      `json:"users"`
	Follows int      `json:"follows"`        // that are known between the users
	Most    int      `json:"most_followers"` // of these, those of one author
	After   float64  `json:"after"`
	Visible float64  `json:"visible"`
	Streams int      `json:"streams"`
	Cut     float64  `json:"cut_s"`
	load.Settings
}

// Describe implements load.Traffic.
func (t *traffic) Describe(settings load.Settings) (fields any, text string) {
	d := description{
		maps.Clone(t.run.Mix), t.run.Seed, len(t.people.ids), t.people.follows, t.people.mostFollowers(), t.After, t.Visible, t.Streams, t.Cut.Seconds(), settings,
	}
	return d, fmt.Sprintf("%d users with %d follows, at most %d of one author, %d streams", d.Users, d.Follows, d.Most, d.Streams)
}

// Open implements load.Traffic: it opens the streams.
func (t *traffic) Open(ctx context.Context, _ load.Arrivals) error {
	if t.Streams > 0 {
		t.run.Doing(fmt.Sprintf("opening %d streams", t.Streams))
	}
	return t.streams.open(ctx)
}

// Customer implements load.Traffic.
func (t *traffic) Customer(connection *load.Connection) load.Customer {
	return &customer{traffic: t, Connection: connection}
}

// Watch implements load.Traffic: followers read the pages on which posts are to be visible.
func (t *traffic) Watch(ctx context.Context) { t.watchers.watch(ctx) }

// Close implements load.Traffic: it waits for the last events of the streams.
func (t *traffic) Close(ctx context.Context) error {
	t.streams.close(ctx)
	return nil
}

// End implements load.Traffic: it leaves follows, blocks and mutes as they were.
func (t *traffic) End(ctx context.Context) error {
	if err := t.people.restore(ctx, t.run); err != nil {
		return fmt.Errorf("some follows, blocks and mutes of the load are left: %w", err)
	}
	return nil
}

// intent is what one arrival asks for.
type intent struct {
	kind    load.Kind
	user    int    // who asks
	other   int    // of Follow to Unmute
	after   bool   // of a Read
	product int    // of a Post; -1 for none
	words   int    // of a Post
	watched bool   // of a Post
	choice  uint64 // of a Post: selects the follower who watches
}

const (
	aboutProduct = 0.3 // share of the posts
	mostWords    = 40  // of a post
)

// draw returns what an arrival asks for. Reads and posts follow Zipf's law, with other users at the top.
func (t *traffic) draw(kind load.Kind, random *rand.Rand) intent {
	n := len(t.people.ids)
	popular := generate.Plan{Products: n}.PopularProduct(random)
	drawn := intent{kind: kind, user: popular, product: -1}
	switch kind {
	case Read:
		drawn.after = random.Float64() < t.After
	case Post:
		drawn.user = t.people.author(popular)
		drawn.watched = random.Float64() < t.Visible
		drawn.words, drawn.choice = 5+random.IntN(mostWords), random.Uint64()
		if len(t.products) > 0 && random.Float64() < aboutProduct {
			drawn.product = random.IntN(len(t.products))
		}
	case Follow, Unfollow, Block, Unblock, Mute, Unmute:
		drawn.other = t.people.partner(drawn.user, kind, random)
	}
	return drawn
}

// wrote remembers from which position on a user sees the last write.
func (t *traffic) wrote(user int, asOf string) {
	if asOf != "" {
		t.after[user].Store(&asOf)
	}
}

// keep remembers a post that may be deleted.
func (t *traffic) keep(p published) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.posts) < keptPosts {
		t.posts = append(t.posts, p)
	}
}

// take returns the oldest post that may be deleted.
func (t *traffic) take() (p published, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.posts) == 0 {
		return published{}, false
	}
	p, t.posts = t.posts[0], t.posts[1:]
	return p, true
}

// record notes a call in the history, if there is one, and returns what notes its return.
func record(recorder *verify.Recorder, client int, kind verify.Kind, input verifyfeed.Input) func(verifyfeed.Output) {
	if recorder == nil {
		return func(verifyfeed.Output) {}
	}
	call := recorder.Call(client, kind, input)
	return func(out verifyfeed.Output) { call.Return(out) }
}
