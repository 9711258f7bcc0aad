package systemtest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"agora/generate"
)

// audience is a feed whose users have no passwords, so that there may be thousands of them.
type audience struct {
	server *server
	plan   generate.Plan
	users  []*client
}

// openAudience generates users and starts a server on them.
func openAudience(t *testing.T, users int, flags ...string) *audience {
	t.Helper()
	a := &audience{plan: generate.Plan{Users: users, Seed: 1}}
	data := filepath.Join(t.TempDir(), "data")
	got := runToEnd(t, command(t, nil, "generate", "--data", data, "--products", "0", "--users", fmt.Sprint(users)))
	if got.code != 0 {
		t.Fatalf("generate: exit code %d\n%s", got.code, got.err)
	}
	a.server = newServer(t, data, append(patient("simulated:"), append(flags, "--feed-posts-per-minute", "0")...)...)
	a.server.start(t)
	shared := crowd(t, audienceClients)
	admin := &client{a.server, shared, a.server.token(t)}
	a.users = make([]*client, users)
	a.each(t, 0, users, func(ctx context.Context, i int) error {
		got, err := admin.ask(ctx, "POST", "/v1/tokens", "", map[string]any{"user_id": a.plan.UserID(i)})
		var credential struct{ Token string }
		if err = cmp.Or(err, got.into(&credential)); err != nil || got.status != http.StatusCreated {
			return fmt.Errorf("a token for user %d: %s, %w", i, got, err)
		}
		a.users[i] = &client{a.server, shared, credential.Token}
		return nil
	})
	return a
}

// audienceClients is how many users act at the same time.
const audienceClients = 8

// each lets the users from one to before another act, some at a time, and ends the test at an error.
func (a *audience) each(t *testing.T, from, to int, act func(ctx context.Context, i int) error) {
	t.Helper()
	var (
		all  sync.WaitGroup
		next = make(chan int)
		errs = make([]error, audienceClients)
	)
	for n := range audienceClients {
		all.Go(func() {
			for i := range next {
				errs[n] = cmp.Or(errs[n], act(t.Context(), i))
			}
		})
	}
	for i := from; i < to; i++ {
		next <- i
	}
	close(next)
	all.Wait()
	if err := cmp.Or(errs...); err != nil {
		t.Fatal(err)
	}
}

// follow makes a user follow another, or stop it.
func (a *audience) follow(ctx context.Context, from, to int, on bool) error {
	method := map[bool]string{true: "PUT", false: "DELETE"}[on]
	got, err := a.users[from].ask(ctx, method, "/v1/users/"+a.plan.UserID(to)+"/follow", "", nil)
	if err == nil && got.status != http.StatusNoContent {
		err = fmt.Errorf("%s follow: %s", method, got)
	}
	return err
}

// publish publishes a post and returns its id and what a page has to be read after to show it.
func (a *audience) publish(ctx context.Context, author, n int) (id, asOf string, err error) {
	got, err := a.users[author].ask(ctx, "POST", "/v1/posts", fmt.Sprintf("%d-%d", author, n), map[string]string{"text": fmt.Sprintf("post %d", n)})
	if err != nil {
		return "", "", err
	}
	var made struct {
		ID   string
		AsOf string `json:"as_of"`
	}
	if err := got.into(&made); err != nil || got.status != http.StatusCreated {
		return "", "", fmt.Errorf("publish: %s", got)
	}
	return made.ID, made.AsOf, nil
}

// page reads a page of a user's feed.
func (a *audience) page(ctx context.Context, user int, query url.Values) (page homePage, err error) {
	got, err := a.users[user].ask(ctx, "GET", "/v1/feed?"+query.Encode(), "", nil)
	if err == nil && got.status != http.StatusOK {
		err = fmt.Errorf("read the feed: %s", got)
	}
	err = cmp.Or(err, got.into(&page))
	return page, err
}

// walk reads a whole feed.
func (a *audience) walk(ctx context.Context, user int) (ids []string, err error) {
	for query := (url.Values{"limit": {"100"}}); ; {
		page, err := a.page(ctx, user, query)
		if err != nil || page.Feed.State != "complete" {
			return nil, fmt.Errorf("a page of user %d is %q: %w", user, page.Feed.State, err)
		}
		if ids = append(ids, page.ids()...); page.Next == "" {
			return ids, nil
		}
		query.Set("cursor", page.Next)
	}
}

// delivery is how far a post has come.
type delivery struct {
	Mode                 string
	Followers, Delivered int
}

func (a *audience) delivery(ctx context.Context, author int, id string) (d delivery, err error) {
	got, err := a.users[author].ask(ctx, "GET", "/v1/posts/"+id+"/delivery", "", nil)
	err = cmp.Or(err, got.into(&d))
	return d, err
}

// awaitDelivery waits until a post is delivered to a number of followers, who are all that its author has.
func (a *audience) awaitDelivery(t *testing.T, author int, id string, followers int) delivery {
	t.Helper()
	for {
		d, err := a.delivery(t.Context(), author, id)
		if err != nil {
			t.Fatal(err)
		}
		if d.Followers == followers && d.Delivered == followers {
			return d
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// newsroom is an author who goes on publishing.
type newsroom struct {
	*audience
	author int
	stop   chan struct{}
	ended  chan error

	mu  sync.Mutex
	ids []string // newest first
}

// open lets an author publish 20 posts a second, and after each one of the readers look for it.
func (a *audience) open(ctx context.Context, author int, readers []int) *newsroom {
	n := &newsroom{audience: a, author: author, stop: make(chan struct{}), ended: make(chan error, 1)}
	go func() {
		pace := time.NewTicker(time.Second / 20)
		defer pace.Stop()
		for i := 0; ; i++ {
			select {
			case <-n.stop:
				n.ended <- nil
				return
			case <-pace.C:
			}
			if err := n.next(ctx, i, readers[i%len(readers)]); err != nil {
				n.ended <- err
				return
			}
		}
	}()
	return n
}

func (n *newsroom) next(ctx context.Context, i, reader int) error {
	id, asOf, err := n.publish(ctx, n.author, i)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.ids = append([]string{id}, n.ids...)
	n.mu.Unlock()
	page, err := n.page(ctx, reader, url.Values{"limit": {"7"}, "after": {asOf}})
	if err == nil && !slices.Contains(page.ids(), id) {
		err = fmt.Errorf("the page of user %d after post %s lacks it", reader, id)
	}
	return err
}

// close ends the publishing and returns all posts, newest first.
func (n *newsroom) close(t *testing.T) []string {
	t.Helper()
	close(n.stop)
	if err := <-n.ended; err != nil {
		t.Fatal(err)
	}
	return n.ids
}

// awaitMode waits until a new post is pushed, or pulled.
func (n *newsroom) awaitMode(t *testing.T, want string) delivery {
	t.Helper()
	for {
		n.mu.Lock()
		ids := n.ids
		n.mu.Unlock()
		if len(ids) > 0 {
			d, err := n.delivery(t.Context(), n.author, ids[0])
			if err != nil {
				t.Fatal(err)
			}
			if d.Mode == want {
				return d
			}
		}
		select {
		case err := <-n.ended:
			t.Fatal("the author has stopped to publish: ", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// TestAnAuthorCrossesTheThreshold lets an author who publishes all the time get more followers than the threshold and then fewer than
// four fifths of it. Every follower has every post once, meanwhile and at the end.
func TestAnAuthorCrossesTheThreshold(t *testing.T) {
	threshold, margin := 100, 5
	if os.Getenv("STRESS") != "" {
		threshold, margin = 10_000, 10
	}
	stay := threshold*4/5 - 10*margin // of those who follow to the end
	const author = 0
	a := openAudience(t, 1+threshold+margin, "--feed-threshold", fmt.Sprint(threshold))
	follow := func(on bool) func(context.Context, int) error {
		return func(ctx context.Context, i int) error { return a.follow(ctx, i, author, on) }
	}
	a.each(t, 1, 1+threshold-margin, follow(true))
	n := a.open(t.Context(), author, []int{1, stay / 2, stay})
	t.Logf("below the threshold: %+v", n.awaitMode(t, "push"))
	a.each(t, 1+threshold-margin, 1+threshold+margin, follow(true))
	t.Logf("above the threshold: %+v", n.awaitMode(t, "pull"))
	a.each(t, 1+stay, 1+threshold+margin, follow(false))
	t.Logf("below four fifths of it: %+v", n.awaitMode(t, "push"))
	want := n.close(t)
	check := func(when string) {
		a.each(t, 1, 1+threshold+margin, func(ctx context.Context, i int) error {
			got, err := a.walk(ctx, i)
			if err == nil && i <= stay && !slices.Equal(got, want) {
				err = fmt.Errorf("%s user %d has %d posts, want %d: it lacks %v and has in excess %v", when, i, len(got), len(want), without(want, got), without(got, want))
			}
			if err == nil && i > stay && len(got) > 0 {
				err = fmt.Errorf("%s user %d, who has stopped to follow, has %d posts", when, i, len(got))
			}
			return err
		})
	}
	check("at once")
	a.awaitDelivery(t, author, want[0], stay)
	check("after the delivery")
	a.server.stop(t)
	verifyFeed(t, "--data", a.server.data)
	t.Logf("%d posts", len(want))
}

// TestSmallAuthorsWhileALargeOnePublishes logs how soon the posts of small authors are visible while the posts of an author who is just
// not pulled are delivered. Each of them is on the first page that is read after it.
func TestSmallAuthorsWhileALargeOnePublishes(t *testing.T) {
	followers := 300
	if os.Getenv("STRESS") != "" {
		followers = 9999
	}
	const posts, small = 100, 10
	large := followers + small
	a := openAudience(t, followers+small+1, "--feed-threshold", fmt.Sprint(followers+1))
	a.each(t, 0, followers, func(ctx context.Context, i int) error {
		return cmp.Or(a.follow(ctx, i, large, true), a.follow(ctx, i, followers+i%small, true))
	})
	var (
		mu    sync.Mutex
		waits []time.Duration
	)
	published := make(chan string, 1)
	go func() {
		last := ""
		for n := range posts {
			id, _, err := a.publish(t.Context(), large, n)
			if err != nil {
				break
			}
			last = id
		}
		published <- last
	}()
	a.each(t, 0, posts, func(ctx context.Context, n int) error {
		began := time.Now()
		author := followers + n%small
		id, asOf, err := a.publish(ctx, author, n)
		if err != nil {
			return err
		}
		page, err := a.page(ctx, n%small, url.Values{"limit": {"100"}, "after": {asOf}})
		if err == nil && !slices.Contains(page.ids(), id) {
			err = fmt.Errorf("the page after %s lacks the post", id)
		}
		mu.Lock()
		defer mu.Unlock()
		waits = append(waits, time.Since(began))
		return err
	})
	last := <-published
	if last == "" {
		t.Fatal("the large author could not publish")
	}
	d, err := a.delivery(t.Context(), large, last)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(waits)
	t.Logf("visible, with the request that published it: half of the posts in %v, 99 %% in %v; %d of %d followers have the last post of the large author by then",
		waits[len(waits)/2], waits[len(waits)*99/100], d.Delivered, d.Followers)
	if d = a.awaitDelivery(t, large, last, followers); d.Mode != "push" {
		t.Errorf("the last post of the large author is delivered as %+v, want it pushed", d)
	}
}
