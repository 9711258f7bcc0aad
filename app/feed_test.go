package app

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"agora/fault"
)

// TestAPostIsInTheFeedAfterARestart publishes a post of a product at one server, and reads it at the next one of the folder.
func TestAPostIsInTheFeedAfterARestart(t *testing.T) {
	data := t.TempDir()
	var id string
	t.Run("publish", func(t *testing.T) {
		s := serve(t, map[string]string{"data": data, "feed.strategy": "push"})
		var product struct{ ID string }
		decode(t, s.want(t, http.StatusCreated, "POST", "/v1/products", map[string]any{
			"sku": "L", "name": "Lamp", "price": map[string]any{"amount": 1999, "currency": "GBP"},
		}), &product)
		var post struct{ ID string }
		decode(t, s.want(t, http.StatusCreated, "POST", "/v1/posts", map[string]any{"text": "a lamp", "product_id": product.ID}), &post)
		id = post.ID
		s.want(t, http.StatusUnprocessableEntity, "POST", "/v1/posts", map[string]any{"text": "a lamp", "product_id": "prd_01jd8q6m3k9v2n4x7y5z8w1t0c"})
		s.want(t, http.StatusNotFound, "PUT", "/v1/users/usr_01jd8q6m3k9v2n4x7y5z8w1t0c/follow", nil)
	})
	t.Run("read", func(t *testing.T) {
		s := serve(t, map[string]string{"data": data, "feed.strategy": "push"})
		var page struct {
			Items []struct {
				ID      string
				Product struct{ State, Name string }
			}
			Feed struct{ State string }
		}
		decode(t, s.want(t, http.StatusOK, "GET", "/v1/feed", nil), &page)
		if len(page.Items) != 1 || page.Items[0].ID != id || page.Items[0].Product.Name != "Lamp" || page.Feed.State != "complete" {
			t.Errorf("the feed is %+v, want the post %s", page, id)
		}
		for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			var d struct{ Mode string }
			decode(t, s.want(t, http.StatusOK, "GET", "/v1/posts/"+id+"/delivery", nil), &d)
			if d.Mode == "push" {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the delivery is %+v", d)
			}
		}
	})
	t.Run("without a shop", func(t *testing.T) {
		s := serve(t, map[string]string{"data": data, "systems": "feed", "feed.strategy": "pull"})
		var page struct {
			Items []struct{ Product struct{ State string } }
		}
		decode(t, s.want(t, http.StatusOK, "GET", "/v1/feed", nil), &page)
		if len(page.Items) != 1 || page.Items[0].Product.State != "unknown" {
			t.Errorf("without a shop, the feed is %+v", page)
		}
	})
}

func decode(t *testing.T, body []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(body, to); err != nil {
		t.Fatal(err)
	}
}

// TestAFeedRefusesStoresThatDoNotFit names the key that is wrong. None of the stores is there.
func TestAFeedRefusesStoresThatDoNotFit(t *testing.T) {
	shared := map[string]string{"feed.posts": "cassandra://nowhere/a", "feed.graph": "cassandra://nowhere/a", "feed.timelines": "redis://nowhere/0"}
	for name, tt := range map[string]struct {
		settings map[string]string
		field    string // "" for none
	}{
		"own posts":          {map[string]string{"events": "postgres://nowhere/a", "feed.graph": "cassandra://nowhere/a", "feed.timelines": "redis://nowhere/0"}, "feed.posts"},
		"own timelines":      {map[string]string{"events": "postgres://nowhere/a", "feed.posts": "cassandra://nowhere/a", "feed.graph": "cassandra://nowhere/a"}, "feed.timelines"},
		"Kafka, own orders":  {map[string]string{"events": "kafka://nowhere/a"}, "events"},
		"Kafka without shop": {map[string]string{"events": "kafka://nowhere/a", "systems": "feed"}, "events"},
		"Kafka, PostgreSQL":  {map[string]string{"events": "kafka://nowhere/a", "shop.orders": "postgres://nowhere/a"}, ""},
		"PostgreSQL":         {map[string]string{"events": "postgres://nowhere/a", "systems": "feed"}, ""},
		"no feed":            {map[string]string{"events": "kafka://nowhere/a", "systems": "shop"}, ""},
	} {
		settings := map[string]string{"data": t.TempDir()}
		if !strings.HasPrefix(name, "own") {
			maps.Copy(settings, shared)
		}
		maps.Copy(settings, tt.settings)
		err := checkFeed(load(t, settings))
		if tt.field == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != tt.field {
			t.Errorf("%s: %v, want an error about %s", name, err, tt.field)
		}
	}
}

func TestServeRefusesStoresThatDoNotFit(t *testing.T) {
	cfg := load(t, map[string]string{"data": t.TempDir(), "listen": "127.0.0.1:0", "events": "postgres://nowhere/a"})
	if err := Serve(t.Context(), cfg, "test", io.Discard, io.Discard); !fault.Is(err, fault.Invalid) {
		t.Errorf("Serve = %v, want an error about feed.posts", err)
	}
}
