package systemtest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// dropper is a server that reads the beginning of each request, and closes the connection without an answer.
type dropper struct {
	address string
	dropped atomic.Int64 // requests
}

func newDropper(t *testing.T) *dropper {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	d := &dropper{address: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			if n, _ := conn.Read(make([]byte, 64<<10)); n > 0 {
				d.dropped.Add(1)
			}
			_ = conn.Close()
		}
	}()
	return d
}

// TestPostsAreSentAgainWithAKeyOnly puts a server that never answers beside a good one.
func TestPostsAreSentAgainWithAKeyOnly(t *testing.T) {
	good, bad := started(t, append(patient("simulated:"), "--feed-posts-per-minute", "0")...), newDropper(t)
	nginx := script(t, 2, "nginx", strings.TrimPrefix(good.url, "http://"), bad.address)
	proxy := &server{url: nginx[0], up: make(chan struct{})}
	close(proxy.up)
	c := &client{proxy, crowd(t, 1), good.token(t)}
	acknowledged := map[string]bool{}
	post := func(key string, n int) (status int, dropped bool) {
		t.Helper()
		before := bad.dropped.Load()
		got, err := c.send(t.Context(), "POST", "/v1/posts", key, map[string]string{"text": fmt.Sprintf("post %d", n)})
		if err != nil {
			t.Fatal(err)
		}
		var made struct{ ID string }
		if got.status == http.StatusCreated {
			if err := got.into(&made); err != nil {
				t.Fatal(err)
			}
			acknowledged[made.ID] = true
		}
		return got.status, bad.dropped.Load() > before
	}
	begun := time.Now()
	again := 0
	for n := 0; again < 3; n++ { // nginx skips the bad server for a second after three failures
		status, dropped := post(fmt.Sprintf("key-%d", n), n)
		if status != http.StatusCreated {
			t.Fatalf("a post with a key got %d", status)
		}
		if dropped {
			again++
		}
	}
	lost := 0
	for n := 0; lost < 2; n++ {
		status, dropped := post("", n)
		want := http.StatusCreated
		if dropped {
			want = http.StatusBadGateway
			lost++
		}
		if status != want {
			t.Fatalf("a post without a key got %d, want %d", status, want)
		}
	}
	t.Logf("%d posts in %v", len(acknowledged), time.Since(begun))
	shown, query := 0, "/v1/feed?limit=100"
	for more := true; more; {
		var page homePage
		(&client{good, c.http, c.token}).must(t, "GET", query, nil, http.StatusOK, &page)
		for _, id := range page.ids() {
			if !acknowledged[id] {
				t.Errorf("the feed has %s, which was not acknowledged", id)
			}
		}
		shown += len(page.Items)
		query, more = "/v1/feed?limit=100&cursor="+page.Next, page.Next != ""
	}
	if shown != len(acknowledged) {
		t.Errorf("the feed has %d posts, want %d", shown, len(acknowledged))
	}
}

// TestNginxPassesEventsOnAtOnce follows a home timeline through nginx.
func TestNginxPassesEventsOnAtOnce(t *testing.T) {
	s := started(t)
	nginx := script(t, 2, "nginx", strings.TrimPrefix(s.url, "http://"))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // a stream that nginx buffers never ends
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, nginx[0]+"/v1/feed/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token(t))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	(&client{s, crowd(t, 1), s.token(t)}).must(t, "POST", "/v1/posts", map[string]string{"text": "at once"}, http.StatusCreated, nil)
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if strings.Contains(lines.Text(), `"text":"at once"`) {
			return
		}
	}
	t.Fatalf("the stream (%s) ended without the post: %v", response.Status, lines.Err())
}
