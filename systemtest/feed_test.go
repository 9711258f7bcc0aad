package systemtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// members is how many users of a feed write and read at once.
const members = 20

// feedCrowd is a feed under test, on one server or on several that share it, and its users.
type feedCrowd struct {
	servers []*server
	members []*member
}

// member is a user of a feed. It sends one request at a time, so that it knows what holds after each.
type member struct {
	id, token string
	http      *http.Client
	crowd     *feedCrowd
	luck      *rand.Rand
	posts     []string        // acknowledged and not deleted, oldest first
	follows   map[string]bool // acknowledged
}

// openFeed registers the users of a feed. The first server makes their tokens.
func openFeed(t *testing.T, servers ...*server) *feedCrowd {
	t.Helper()
	f := &feedCrowd{servers: servers}
	shared := crowd(t, members)
	admin := &client{servers[0], shared, servers[0].token(t)}
	for i := range members {
		var made struct{ ID string }
		admin.must(t, "POST", "/v1/users", map[string]any{
			"email": fmt.Sprintf("member%d@example.org", i), "password": "correct horse battery", "name": "A reader", "country": "GB",
		}, http.StatusCreated, &made)
		var credential struct{ Token string }
		admin.must(t, "POST", "/v1/tokens", map[string]any{"user_id": made.ID}, http.StatusCreated, &credential)
		f.members = append(f.members, &member{
			id: made.ID, token: credential.Token, http: shared, crowd: f, luck: rand.New(rand.NewPCG(1, uint64(i))), follows: map[string]bool{},
		})
	}
	return f
}

// ask sends a request to one of the servers until an answer has its outcome.
func (m *member) ask(ctx context.Context, method, path, key string, body any) (answer, error) {
	for {
		s := m.crowd.servers[m.luck.IntN(len(m.crowd.servers))]
		c := client{s, m.http, m.token}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // another server may be up
		got, err := c.ask(ctx, method, path, key, body)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() == nil {
			return got, err
		}
	}
}

// live writes and reads until stop is closed.
func (m *member) live(ctx context.Context, stop <-chan struct{}) error {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		var err error
		switch m.luck.IntN(8) {
		case 0:
			err = m.delete(ctx)
		case 1, 2:
			err = m.follow(ctx)
		default:
			err = m.publish(ctx, n)
		}
		if err != nil {
			return err
		}
	}
}

// publish publishes a post, and reads it.
func (m *member) publish(ctx context.Context, n int) error {
	got, err := m.ask(ctx, "POST", "/v1/posts", fmt.Sprintf("%s-%d", m.id, n), map[string]string{"text": fmt.Sprintf("post %d", n)})
	if err != nil {
		return err
	}
	var made struct {
		ID   string
		AsOf string `json:"as_of"`
	}
	if err := got.into(&made); err != nil || got.status != http.StatusCreated {
		return fmt.Errorf("publish: %s", got)
	}
	m.posts = append(m.posts, made.ID)
	page, err := m.page(ctx, "limit=100&after="+made.AsOf)
	if err == nil && !slices.Contains(page.ids(), made.ID) {
		err = fmt.Errorf("the page after %s lacks the post", made.ID)
	}
	return err
}

func (m *member) delete(ctx context.Context) error {
	if len(m.posts) == 0 {
		return nil
	}
	i := m.luck.IntN(len(m.posts))
	got, err := m.ask(ctx, "DELETE", "/v1/posts/"+m.posts[i], "", nil)
	if err != nil {
		return err
	}
	if got.status != http.StatusNoContent && got.status != http.StatusNotFound { // the answer of the first try was lost
		return fmt.Errorf("delete: %s", got)
	}
	m.posts = slices.Delete(m.posts, i, i+1)
	return nil
}

// follow follows another user, or stops it.
func (m *member) follow(ctx context.Context) error {
	other := m.crowd.members[m.luck.IntN(members)].id
	if other == m.id {
		return nil
	}
	method := map[bool]string{false: "PUT", true: "DELETE"}[m.follows[other]]
	got, err := m.ask(ctx, method, "/v1/users/"+other+"/follow", "", nil)
	if err == nil && got.status != http.StatusNoContent {
		err = fmt.Errorf("%s follow: %s", method, got)
	}
	m.follows[other] = method == "PUT"
	return err
}

type homePage struct {
	Items []struct{ ID string }
	Next  string
	Feed  struct{ State string }
}

func (p homePage) ids() []string {
	ids := make([]string, len(p.Items))
	for i := range p.Items {
		ids[i] = p.Items[i].ID
	}
	return ids
}

func (m *member) page(ctx context.Context, query string) (page homePage, err error) {
	got, err := m.ask(ctx, "GET", "/v1/feed?"+query, "", nil)
	if err != nil {
		return page, err
	}
	if got.status != http.StatusOK {
		return page, fmt.Errorf("read the feed: %s", got)
	}
	err = got.into(&page)
	return page, err
}

// walk reads the whole feed in pages of 7, and begins again while the server has not all.
func (m *member) walk(ctx context.Context) (ids []string, err error) {
	query := url.Values{"limit": {"7"}}
	for {
		page, err := m.page(ctx, query.Encode())
		if err != nil {
			return nil, err
		}
		ids = append(ids, page.ids()...)
		if page.Feed.State == "rebuilding" {
			ids = nil
			query.Del("cursor")
			continue
		}
		if page.Next == "" {
			return ids, nil
		}
		query.Set("cursor", page.Next)
	}
}

// wants returns the posts that the member's feed has to show, newest first.
func (m *member) wants() (ids []string) {
	for _, other := range m.crowd.members {
		if other == m || m.follows[other.id] {
			ids = append(ids, other.posts...)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids
}

// check compares the feeds of all users with what was acknowledged.
func (f *feedCrowd) check(t *testing.T, when string) {
	t.Helper()
	for i, m := range f.members {
		got, err := m.walk(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := m.wants(); !slices.Equal(got, want) {
			t.Errorf("%s the feed of user %d has %d posts, want %d: it lacks %v and has in excess %v", when, i, len(got), len(want), without(want, got), without(got, want))
		}
	}
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(some, id) })
}

// run lets all users write and read while disturb runs.
func (f *feedCrowd) run(t *testing.T, disturb func()) {
	t.Helper()
	stop := make(chan struct{})
	errs := make([]error, len(f.members))
	var all sync.WaitGroup
	for i, m := range f.members {
		all.Go(func() { errs[i] = m.live(t.Context(), stop) })
	}
	disturb()
	close(stop)
	all.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("user %d: %v", i, err)
		}
	}
}

// delivered waits until all posts of the first user are delivered.
func (f *feedCrowd) delivered(t *testing.T) {
	t.Helper()
	m := f.members[0]
	for _, id := range m.posts {
		for {
			got, err := m.ask(t.Context(), "GET", "/v1/posts/"+id+"/delivery", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			var d struct{ Followers, Delivered int }
			if err := got.into(&d); err != nil || got.status != http.StatusOK {
				t.Fatalf("delivery: %s", got)
			}
			if d.Delivered == d.Followers {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// TestAFeedAcrossCrashes kills the server while users write and read. What was acknowledged is there, once.
func TestAFeedAcrossCrashes(t *testing.T) {
	kills, between := 4, 500*time.Millisecond
	if os.Getenv("STRESS") != "" {
		kills, between = 30, 2*time.Second
	}
	s := started(t, append(patient("simulated:"), "--feed-posts-per-minute", "0")...)
	f := openFeed(t, s)
	f.run(t, func() {
		for range kills {
			time.Sleep(between)
			s.kill(t)
			s.start(t)
		}
		time.Sleep(between)
	})
	f.check(t, "after the crashes")
	f.delivered(t)
	f.check(t, "after the deliveries")
	s.kill(t)
	s.start(t)
	f.check(t, "after a last crash")
	s.stop(t)
	verifyFeed(t, "--data", s.data)
}

// verifyFeed fails the test if agora verify feed finds differences in any user's feed.
func verifyFeed(t *testing.T, flags ...string) {
	t.Helper()
	got := runToEnd(t, command(t, nil, append([]string{"verify", "feed", "--users", "all"}, flags...)...))
	if got.code != 0 || !strings.Contains(got.out, "feeds") {
		t.Errorf("agora verify feed: exit code %d\n%s%s", got.code, got.out, got.err)
	}
}
