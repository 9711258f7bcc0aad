package httpapi_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"agora/accounts"
	"agora/fault"
	"agora/feed"
	"agora/httpapi"
	feedapi "agora/httpapi/feed"
	"agora/pattern/eventlog"
	"agora/pattern/guard"
	"agora/shop"
)

// people are the accounts, as the feed asks for them.
type people struct{ *accounts.MemoryUsers }

func (p people) Exists(ctx context.Context, user feed.UserID) (bool, error) {
	_, err := p.User(ctx, user.String())
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// goods are the products of the shop, as the feed asks for them.
type goods struct{ shop.CatalogStore }

func (g goods) Products(ctx context.Context, ids ...string) (map[string]feed.Product, error) {
	cards, err := g.CardsByID(ctx, ids)
	products := map[string]feed.Product{}
	for _, card := range cards {
		products[card.ID] = feed.Product{
			ID: card.ID, Name: card.Name, Image: card.Image, Stock: card.InventoryCount,
			Price: feed.Price{Amount: card.Price.Amount, Currency: card.Price.Currency},
		}
	}
	return products, err
}

// newFeed returns a feed in memory that runs until the end of the test.
func newFeed(t testing.TB, users *accounts.MemoryUsers, catalog shop.CatalogStore) *feed.Node {
	t.Helper()
	shape, trim := feed.Shape{Posts: 1, Graph: 1}, feed.Trim{Above: 1000, Keep: 800}
	n, err := feed.OpenNode(t.Context(), feed.NodeOptions{
		Shape: shape, Log: eventlog.NewMemory(), Posts: feed.NewMemoryPosts(), Graph: feed.NewMemoryGraph(shape),
		Timelines: feed.NewMemoryTimelines(trim), Trim: trim, Users: people{users}, Products: goods{catalog},
		Strategy: feed.Hybrid, Threshold: feed.Threshold{Up: 10, Down: 8}, MaxPulled: 100, Memory: 1 << 20,
		Every: 50 * time.Millisecond, IdleAfter: time.Hour, Keep: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the feed ended with %v", err)
		}
	})
	return n
}

// publish puts the post of the examples into the feed.
func publish(t testing.TB, n *feed.Node, author string) {
	t.Helper()
	by, err := feed.ParseUserID(author)
	if err != nil {
		t.Fatal(err)
	}
	id, err := feed.ParsePostID(examplePost)
	if err != nil {
		t.Fatal(err)
	}
	post := feed.Post{ID: id, Author: by, Text: "The lamp is back in stock.", Product: exampleProduct, CreatedAt: time.Now().UTC()}
	post.At = feed.At(0, 1) // of an earlier log
	if err := n.Service.Posts.Insert(t.Context(), post); err != nil {
		t.Fatal(err)
	}
}

const (
	postPath    = "/v1/posts/" + examplePost
	otherPath   = "/v1/users/" + exampleUser
	unknownPath = "/v1/users/usr_01jd8q6m3k9v2n4x7y5z8w1t0d"
	shortPost   = `{"text":"hello"}`
)

// provokedInFeed has a function for each failure that a route of the feed declares, as provoked has for the others.
var provokedInFeed = map[string]func(t *testing.T, m *market) answer{
	"GET /v1/feed feed_late": func(t *testing.T, m *market) answer {
		return m.send(t, m.owner, "GET", "/v1/feed?after="+reachAt(1, 1000), "")
	},
	"GET /v1/feed/stream feed_late": func(t *testing.T, m *market) answer {
		live := feed.LiveCursor{Posts: feed.Vector{feed.At(1, 1000)}, Graph: feed.At(1, 0)}
		return m.send(t, m.owner, "GET", "/v1/feed/stream?live="+live.Encode(), "")
	},
	"GET /v1/feed feed_changed": func(t *testing.T, m *market) answer {
		return m.send(t, m.owner, "GET", "/v1/feed?after="+reachAt(7, 0), "")
	},
	"POST /v1/posts too_many_posts": func(t *testing.T, m *market) answer {
		m.feed.Service.Posting = guard.NewLocal(0.1, 1, 10)
		m.send(t, m.owner, "POST", "/v1/posts", shortPost)
		return m.send(t, m.owner, "POST", "/v1/posts", shortPost)
	},
	"POST /v1/posts idempotency_key_reused": func(t *testing.T, m *market) answer {
		m.send(t, m.owner, "POST", "/v1/posts", shortPost, "Idempotency-Key", "k")
		return m.send(t, m.owner, "POST", "/v1/posts", `{"text":"another"}`, "Idempotency-Key", "k")
	},
	"POST /v1/posts not_found": func(t *testing.T, m *market) answer {
		posted := m.send(t, m.owner, "POST", "/v1/posts", shortPost, "Idempotency-Key", "k")
		m.send(t, m.owner, "DELETE", posted.header.Get("Location"), "")
		return m.send(t, m.owner, "POST", "/v1/posts", shortPost, "Idempotency-Key", "k")
	},
	"DELETE /v1/posts/{id} not_your_post": func(t *testing.T, m *market) answer {
		return m.send(t, m.stranger, "DELETE", postPath, "")
	},
	"GET /v1/posts/{id}/delivery not_your_post": func(t *testing.T, m *market) answer {
		return m.send(t, m.stranger, "GET", postPath+"/delivery", "")
	},
	"PUT /v1/users/{id}/follow not_found":    noSuchUser("PUT", "/follow"),
	"PUT /v1/users/{id}/block not_found":     noSuchUser("PUT", "/block"),
	"PUT /v1/users/{id}/mute not_found":      noSuchUser("PUT", "/mute"),
	"GET /v1/users/{id}/followers not_found": noSuchUser("GET", "/followers"),
	"GET /v1/users/{id}/following not_found": noSuchUser("GET", "/following"),
	"GET /v1/users/{id}/posts not_found":     noSuchUser("GET", "/posts"),
	"PUT /v1/users/{id}/follow too_many":     tooMany(feed.Follow, "/follow"),
	"PUT /v1/users/{id}/block too_many":      tooMany(feed.Block, "/block"),
	"PUT /v1/users/{id}/mute too_many":       tooMany(feed.Mute, "/mute"),
}

func reachAt(epoch feed.Epoch, offset int64) string {
	v := feed.Vector{feed.At(epoch, offset)}
	return feed.Reach{Posts: v, Graph: v}.Encode()
}

func noSuchUser(method, list string) func(*testing.T, *market) answer {
	return func(t *testing.T, m *market) answer { return m.send(t, m.owner, method, unknownPath+list, "") }
}

func tooMany(kind feed.EdgeKind, list string) func(*testing.T, *market) answer {
	return func(t *testing.T, m *market) answer {
		owner, err := feed.ParseUserID(m.ownerID)
		if err != nil {
			t.Fatal(err)
		}
		changes := feed.GraphChanges{Reach: feed.Row{Posts: feed.Vector{0}}}
		for i := range feed.MaxEdges {
			key := feed.EdgeKey{Kind: kind, From: owner, To: feed.UserID{14: byte(i >> 8), 15: byte(i)}}
			changes.Edges = append(changes.Edges, feed.Edge{EdgeKey: key, On: true, Since: feed.At(1, int64(i))})
		}
		if err := m.feed.Service.Graph.Apply(t.Context(), changes); err != nil {
			t.Fatal(err)
		}
		return m.send(t, m.owner, "PUT", otherPath+list, "")
	}
}

// TestAFeedFromFollowToErasure uses the feed as its users do.
func TestAFeedFromFollowToErasure(t *testing.T) {
	m := stocked(t, accounts.Shopper)
	owner := "/v1/users/" + m.ownerID
	feedOf := func(token, query string) feedapi.HomePage {
		t.Helper()
		return read[feedapi.HomePage](t, m.send(t, token, "GET", "/v1/feed?"+query, ""), 200)
	}
	followed := m.send(t, m.stranger, "PUT", owner+"/follow", "")
	if followed.status != 204 || followed.header.Get("Agora-As-Of") == "" {
		t.Fatalf("a follow answers %d, %v", followed.status, followed.header)
	}
	first := feedOf(m.stranger, "after="+followed.header.Get("Agora-As-Of"))
	if len(first.Items) != 1 || first.Items[0].Text != "The lamp is back in stock." || first.Feed.State != feed.Complete {
		t.Fatalf("after a follow, the feed is %+v", first)
	}
	product := first.Items[0].Product
	if product == nil || product.State != "live" || product.Price.Amount != 1999 || *product.Stock != 100 {
		t.Errorf("the post shows the product %+v", product)
	}
	reply := `{"text":"I take two.","reply_to":"` + examplePost + `","media":["https://example.org/lamp.jpg"]}`
	posted := read[feedapi.PublishedPost](t, m.send(t, m.stranger, "POST", "/v1/posts", reply, "Idempotency-Key", "k"), 201)
	if again := read[feedapi.PublishedPost](t, m.send(t, m.stranger, "POST", "/v1/posts", reply, "Idempotency-Key", "k"), 201); again.ID != posted.ID {
		t.Errorf("a repeated request published %s, and the first one %s", again.ID, posted.ID)
	}
	if got := read[feedapi.Post](t, m.send(t, "", "GET", "/v1/posts/"+posted.ID, ""), 200); got.ReplyTo != examplePost || len(got.Media) != 1 {
		t.Errorf("the reply is %+v", got)
	}
	page := feedOf(m.stranger, "limit=1&after="+posted.AsOf)
	if len(page.Items) != 1 || page.Items[0].ID != posted.ID || page.Next == "" {
		t.Errorf("the first page is %+v, want the reply", page)
	}
	if page = feedOf(m.stranger, "limit=1&cursor="+page.Next); len(page.Items) != 1 || page.Items[0].ID != examplePost || page.Next != "" {
		t.Errorf("the second page is %+v, want the post", page)
	}
	if mine := read[feedapi.PostPage](t, m.send(t, "", "GET", "/v1/users/"+m.users[2]+"/posts", ""), 200); len(mine.Items) != 1 {
		t.Errorf("the posts of the author of the reply are %+v", mine)
	}
	if list := read[feedapi.PersonPage](t, m.send(t, "", "GET", "/v1/users/"+m.users[2]+"/following", ""), 200); len(list.Items) != 1 || list.Items[0].ID != m.ownerID {
		t.Errorf("following is %+v", list)
	}

	for _, step := range []struct {
		token, method, path string
		want                int // posts on the page of the stranger
	}{
		{m.stranger, "PUT", owner + "/mute", 1}, {m.stranger, "DELETE", owner + "/mute", 2},
		{m.owner, "PUT", "/v1/users/" + m.users[2] + "/block", 1}, {m.owner, "DELETE", "/v1/users/" + m.users[2] + "/block", 2},
		{m.stranger, "DELETE", owner + "/follow", 1}, {m.stranger, "PUT", owner + "/follow", 2},
		{m.admin, "DELETE", postPath, 1}, {m.stranger, "DELETE", "/v1/posts/" + posted.ID, 0},
	} {
		done := m.send(t, step.token, step.method, step.path, "")
		if got := feedOf(m.stranger, "after="+done.header.Get("Agora-As-Of")); done.status != 204 || len(got.Items) != step.want {
			t.Errorf("after %s %s (%d) the feed has %d posts, want %d", step.method, step.path, done.status, len(got.Items), step.want)
		}
		if step.path == "/v1/users/"+m.users[2]+"/block" {
			want := map[string]int{"PUT": 404, "DELETE": 200}[step.method]
			for _, hidden := range []string{postPath, owner + "/posts", owner + "/followers", owner + "/following"} {
				if got := m.send(t, m.stranger, "GET", hidden, ""); got.status != want {
					t.Errorf("after %s of a block, %s answers %d, want %d", step.method, hidden, got.status, want)
				}
			}
		}
	}
}

func TestBadPostsAreRefused(t *testing.T) {
	m := stocked(t, accounts.Shopper)
	for name, tt := range map[string]struct{ body, field string }{
		"no text":            {`{}`, "text"},
		"empty text":         {`{"text":""}`, "text"},
		"long text":          {`{"text":"` + strings.Repeat("x", 1001) + `"}`, "text"},
		"control character":  {`{"text":"a\u0000b"}`, "text"},
		"unknown product":    {`{"text":"a","product_id":"prd_01jd8q6m3k9v2n4x7y5z8w1t0d"}`, "product_id"},
		"no id of a product": {`{"text":"a","product_id":"lamp"}`, "product_id"},
		"unknown parent":     {`{"text":"a","reply_to":"pst_01jd8q6m3k9v2n4x7y5z8w1t0d"}`, "reply_to"},
		"no id of a parent":  {`{"text":"a","reply_to":"first"}`, "reply_to"},
		"script as media":    {`{"text":"a","media":["javascript:alert(1)"]}`, "media[0]"},
		"much media":         {`{"text":"a","media":["https://a/","https://a/","https://a/","https://a/","https://a/"]}`, "media"},
	} {
		got := m.send(t, m.owner, "POST", "/v1/posts", tt.body)
		p := got.problem(t)
		if got.status != 422 || len(p.Errors) != 1 || p.Errors[0].Name != tt.field {
			t.Errorf("%s: %d %s, want 422 about %s", name, got.status, got.body, tt.field)
		}
	}
	for _, path := range []string{"/v1/feed?cursor=x", "/v1/feed?after=x", "/v1/feed?limit=0", "/v1/feed/stream?live=x", otherPath + "/followers?cursor=x", otherPath + "/posts?cursor=x", otherPath + "/following?cursor=x"} {
		if got := m.send(t, m.owner, "GET", path, ""); got.status != 422 {
			t.Errorf("%s gave %d: %s", path, got.status, got.body)
		}
	}
	if got := m.send(t, m.owner, "PUT", "/v1/users/"+m.ownerID+"/follow", ""); got.status != 422 {
		t.Errorf("following oneself gave %d: %s", got.status, got.body)
	}
}

// TestAnswersSayTheirLength reads an answer that is longer than the buffer of net/http.
func TestAnswersSayTheirLength(t *testing.T) {
	m := stocked(t, accounts.Shopper)
	for range 4 {
		m.send(t, m.owner, "POST", "/v1/posts", `{"text":"`+strings.Repeat("x", 1000)+`"}`)
	}
	for _, headers := range [][]string{nil, {"Accept-Encoding", "gzip"}} {
		got := m.send(t, m.owner, "GET", "/v1/feed", "", headers...)
		if got.header.Get("Content-Length") != strconv.Itoa(len(got.body)) {
			t.Errorf("an answer of %d bytes says %q", len(got.body), got.header.Get("Content-Length"))
		}
	}
}

// TestAPageIsEncodedAsItsTypeSays reads pages whose posts are encoded for the first time, and pages whose posts are kept encoded.
func TestAPageIsEncodedAsItsTypeSays(t *testing.T) {
	m := stocked(t, accounts.Shopper)
	for _, draft := range []string{
		`{"text":"plain"}`,
		`{"text":"a \"quote\", <b> and é","media":["https://example.org/lamp.jpg?a=1&b=2"]}`,
		`{"text":"with a product","product_id":"` + exampleProduct + `","reply_to":"` + examplePost + `"}`,
	} {
		if got := m.send(t, m.owner, "POST", "/v1/posts", draft); got.status != 201 {
			t.Fatalf("%s: %d %s", draft, got.status, got.body)
		}
	}
	for _, query := range []string{"", "", "?limit=1", "?limit=2", "?limit=3"} {
		got := m.send(t, m.owner, "GET", "/v1/feed"+query, "")
		page := read[feedapi.HomePage](t, got, 200)
		want, err := httpapi.EncodeJSON(page)
		if err != nil {
			t.Fatal(err)
		}
		if got.body != string(want) {
			t.Errorf("/v1/feed%s is\n%s\nand its type is encoded as\n%s", query, got.body, want)
		}
	}
	if got := m.send(t, m.stranger, "GET", "/v1/feed", ""); !strings.HasPrefix(got.body, `{"items":[],"feed":{"state":`) {
		t.Errorf("an empty page is %s", got.body)
	}
}
