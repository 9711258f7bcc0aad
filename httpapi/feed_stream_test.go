package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"agora/accounts"
	"agora/feed"
	feedapi "agora/httpapi/feed"
)

// listener is a client of the live feed of a user. It continues after each cut.
type listener struct {
	url, token string
	last       string   // the id of the last event
	got        []string // the events, without those that only move the id
}

// listen takes events until ctx ends, until is true, or the stream is cut.
func (l *listener) listen(ctx context.Context, until func() bool) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+l.token)
	if l.last != "" {
		r.Header.Set("Last-Event-ID", l.last)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the stream answers %s", res.Status)
	}
	var name, data, id string
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			data = value
		case "":
			if id != "" {
				l.last = id
			}
			if data != "" {
				var object struct{ ID string }
				if err := json.Unmarshal([]byte(data), &object); err != nil {
					return err
				}
				l.got = append(l.got, name+" "+object.ID)
			}
			name, data, id = "", "", ""
			if until() {
				return nil
			}
		}
	}
	return ctx.Err()
}

// TestAStreamTellsWhatHappens follows the feed of a user from a page on.
func TestAStreamTellsWhatHappens(t *testing.T) {
	m := stocked(t, accounts.Shopper)
	owner := "/v1/users/" + m.ownerID
	m.send(t, m.stranger, "PUT", owner+"/follow", "")
	page := read[feedapi.HomePage](t, m.send(t, m.stranger, "GET", "/v1/feed", ""), 200)
	publish := func(text string) string {
		return read[feedapi.PublishedPost](t, m.send(t, m.owner, "POST", "/v1/posts", `{"text":"`+text+`"}`), 201).ID
	}
	first := publish("first")
	m.send(t, m.owner, "DELETE", "/v1/posts/"+first, "")
	m.send(t, m.stranger, "PUT", owner+"/mute", "")
	publish("muted")
	m.send(t, m.stranger, "DELETE", owner+"/mute", "")
	last := publish("last")

	l := &listener{url: m.url + "/v1/feed/stream?live=" + page.Feed.Live, token: m.stranger}
	if err := l.listen(t.Context(), func() bool { return len(l.got) > 0 && l.got[len(l.got)-1] == "post "+last }); err != nil {
		t.Fatal(err)
	}
	next := make(chan string, 1)
	go func() { next <- publish("next") }()
	l.got = nil
	err := l.listen(t.Context(), func() bool { return len(l.got) > 0 })
	if want := "post " + <-next; err != nil || l.got[0] != want {
		t.Errorf("after the id of the last event, the stream tells %v, %v; want %s", l.got, err, want)
	}
	other := feed.LiveCursor{Posts: feed.Vector{feed.At(7, 0)}, Graph: feed.At(7, 0)}
	l = &listener{url: m.url + "/v1/feed/stream?live=" + other.Encode(), token: m.stranger}
	if err := l.listen(t.Context(), func() bool { return len(l.got) > 0 }); err != nil || l.got[0] != "reset " {
		t.Errorf("after a cursor of a log that was replaced, the stream tells %v, %v", l.got, err)
	}
}

// TestStreamsThatAreCutTellEachPostOnce cuts 200 streams 20 times each while three authors publish, as networks do.
func TestStreamsThatAreCutTellEachPostOnce(t *testing.T) {
	streams, cuts := 200, 20
	if testing.Short() {
		streams, cuts = 20, 5
	}
	m := newMarket(t, accounts.Shopper)
	luck := rand.New(rand.NewPCG(1, 2))
	authors := make([]string, 3)
	for i := range authors {
		_, authors[i] = m.join(t, m.names, accounts.Shopper)
	}
	var published []string // in the order of the only partition
	done := make(chan bool)
	go func() {
		defer close(done)
		for i := range 60 {
			answer := m.send(t, authors[i%len(authors)], "POST", "/v1/posts", `{"text":"text"}`)
			published = append(published, "post "+answer.header.Get("Location")[len("/v1/posts/"):])
			time.Sleep(2*time.Millisecond + time.Duration(luck.IntN(20))*time.Millisecond) // the identifiers of one millisecond are in no order
		}
	}()

	ids := make([]string, len(authors))
	for i, token := range authors {
		me := read[accounts.User](t, m.send(t, token, "GET", "/v1/me", ""), 200)
		ids[i] = me.ID
	}
	listeners := make([]*listener, streams)
	for i := range listeners {
		_, token := m.join(t, m.names, accounts.Shopper)
		for _, author := range ids {
			m.send(t, token, "PUT", "/v1/users/"+author+"/follow", "")
		}
		page := read[feedapi.HomePage](t, m.send(t, token, "GET", "/v1/feed?limit=100", ""), 200)
		listeners[i] = &listener{url: m.url + "/v1/feed/stream?live=" + page.Feed.Live, token: token}
		for j := range page.Items { // what the page has shown is the beginning
			listeners[i].got = append(listeners[i].got, "post "+page.Items[len(page.Items)-1-j].ID)
		}
	}
	var all sync.WaitGroup
	errs := make([]error, streams)
	for i, l := range listeners {
		all.Go(func() {
			luck := rand.New(rand.NewPCG(2, uint64(i)))
			for range cuts {
				ctx, cut := context.WithTimeout(t.Context(), time.Duration(1+luck.IntN(100))*time.Millisecond)
				err := l.listen(ctx, func() bool { return false })
				cut()
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					errs[i] = err
				}
			}
		})
	}
	all.Wait()
	<-done
	for i, l := range listeners {
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		if len(l.got) < len(published) {
			errs[i] = errors.Join(errs[i], l.listen(ctx, func() bool { return len(l.got) >= len(published) }))
		}
		stop()
		if errs[i] != nil {
			t.Errorf("stream %d: %v", i, errs[i])
		}
		if got, want := strings.Join(l.got, "\n"), strings.Join(published, "\n"); got != want {
			t.Errorf("stream %d told %d events, want %d, each once and in order", i, len(l.got), len(published))
		}
	}
}
