package feed

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"agora/feed"
	"agora/lab/load"
	"agora/lab/verify"
	verifyfeed "agora/lab/verify/feed"
)

// read reads a history.
func read(t *testing.T, written *bytes.Buffer) []verifyfeed.Operation {
	t.Helper()
	history, err := verifyfeed.ReadHistory(written)
	if err != nil {
		t.Fatal(err)
	}
	return history
}

// count counts operations, without those of before and after the load.
func count(history []verifyfeed.Operation, kind verify.Kind, outcome verify.Outcome) int64 {
	var n int64
	for _, op := range history {
		if op.Client != setupClient && op.Kind == kind && op.Output.Outcome == outcome {
			n++
		}
	}
	return n
}

func TestTheTrafficIsThatOfAFeed(t *testing.T) {
	m := newMarket(t)
	var history bytes.Buffer
	o := m.options()
	o.History = &history
	m.followPartners(t)
	before := m.edges(t)
	report := measured(t, o, m.handler)
	trial := report.Trial
	if most, least := report.Traffic.Fields.(description).Most, m.scenario().Users-10; most < least { // all but partners
		t.Errorf("the most popular author has %d followers, want at least %d", most, least)
	}
	if trial.All.Failed() > 0 || len(trial.Kinds) != len(kinds) {
		t.Errorf("errors %v in %d kinds of requests, want none in %d", trial.All.Errors, len(trial.Kinds), len(kinds))
	}
	pages := trial.Kinds[Read].Outcomes["complete"] + trial.Kinds[Page].Outcomes["complete"]
	if pages != trial.Kinds[Read].Total()+trial.Kinds[Page].Total() {
		t.Errorf("pages are %v and %v, want all complete", trial.Kinds[Read].Outcomes, trial.Kinds[Page].Outcomes)
	}
	if n := trial.Times[Visible].Count; n == 0 || trial.Counts[notVisible] > 0 {
		t.Errorf("%d posts were visible and %d were not, want all", n, trial.Counts[notVisible])
	}

	operations := read(t, &history)
	if got, want := count(operations, verifyfeed.Read, verifyfeed.OK), pages+trial.Times[Visible].Count; got < want {
		t.Errorf("the history has %d pages, want at least %d", got, want)
	}
	var walked, after bool
	cursors := map[string]bool{}
	for _, op := range operations {
		walked = walked || op.Kind == verifyfeed.Read && op.Input.Cursor != "" && cursors[op.Input.Cursor]
		after = after || op.Input.After != ""
		cursors[op.Output.Next] = true
		if op.Output.Outcome != verifyfeed.OK {
			t.Errorf("a request failed: %+v", op)
		}
	}
	if !walked || !after {
		t.Errorf("pages of a walk %v, pages after a write %v; want both", walked, after)
	}
	for load, kind := range map[load.Kind]verify.Kind{
		Delete: verifyfeed.Delete, Unfollow: verifyfeed.Unfollow, Block: verifyfeed.Block, Unblock: verifyfeed.Unblock,
		Mute: verifyfeed.Mute, Unmute: verifyfeed.Unmute,
	} {
		if got, want := count(operations, kind, verifyfeed.OK), trial.Kinds[load].Total(); got != want {
			t.Errorf("the history has %d of %s, and the report %d", got, kind, want)
		}
	}
	m.verify(t, operations)
	if after := m.edges(t); !maps.Equal(before, after) {
		t.Errorf("the load leaves %d follows, blocks and mutes, or others than the %d that it found", len(after), len(before))
	}
}

// followPartners lets each user of the load follow one whom the load may unfollow, and waits until the graph has it.
func (m *market) followPartners(t *testing.T) {
	t.Helper()
	users := m.scenario().Users
	user := func(number int) feed.UserID {
		id, err := feed.ParseUserID(m.plan.UserID(number % users * m.plan.Users / users))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	for i := range users {
		key := feed.EdgeKey{Kind: feed.Follow, From: user(i), To: user(i + slots[Follow][0])}
		if _, err := m.node.Service.Set(t.Context(), key, true); err != nil {
			t.Fatal(err)
		}
	}
	for len(m.edges(t)) < users {
		time.Sleep(10 * time.Millisecond)
	}
}

// edges returns the follows, blocks and mutes of all users. The feed has to be at rest.
func (m *market) edges(t *testing.T) map[feed.EdgeKey]bool {
	t.Helper()
	found := map[feed.EdgeKey]bool{}
	for number := range m.plan.Users {
		user, err := feed.ParseUserID(m.plan.UserID(number))
		if err != nil {
			t.Fatal(err)
		}
		rel, err := m.feed.Graph.Relations(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range slices.Concat(rel.Follows, rel.Mutes, rel.Blocks) {
			found[e.EdgeKey] = true
		}
	}
	return found
}

// TestWhatWasPostedIsThereOnce loses answers to posts, which the load repeats under the same key.
func TestWhatWasPostedIsThereOnce(t *testing.T) {
	m := newMarket(t)
	var history bytes.Buffer
	o := m.options()
	o.History, o.Retry, o.Mix = &history, true, load.Mix{Post: 1}
	if all := measured(t, o, m.losing()).Trial.All; all.Failed() > 0 {
		t.Errorf("errors %v, want none after retries", all.Errors)
	}
	posts := map[string]string{} // by text
	operations := read(t, &history)
	for _, op := range operations {
		if op.Kind == verifyfeed.Post && op.Output.Outcome == verifyfeed.OK {
			posts[op.Input.Text] = op.Output.Post
		}
	}
	if len(posts) != 600 {
		t.Errorf("%d posts were acknowledged, want 600", len(posts))
	}
	stored := map[string]int{}
	for number := range m.scenario().Users {
		user, err := feed.ParseUserID(m.plan.UserID(number * m.plan.Users / m.scenario().Users))
		if err != nil {
			t.Fatal(err)
		}
		for cursor := ""; ; {
			list, err := m.node.Service.PostsBy(t.Context(), feed.Visitor, user, cursor, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range list.Posts {
				stored[p.Text]++
				if posts[p.Text] != p.ID.String() {
					t.Errorf("post %s is acknowledged as %q", p.ID, posts[p.Text])
				}
			}
			if cursor = list.Next; cursor == "" {
				break
			}
		}
	}
	for text := range posts {
		if stored[text] != 1 {
			t.Errorf("%q is there %d times, want once", text, stored[text])
		}
	}
	m.verify(t, operations)
}

// losing is a handler that does what it is asked for, and loses every tenth answer to a post that it hears of for the first time.
func (m *market) losing() http.Handler {
	var mu sync.Mutex
	heard := map[string]bool{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.handler.ServeHTTP(w, r)
		mu.Lock()
		defer mu.Unlock()
		if key := r.Header.Get("Idempotency-Key"); key != "" && !heard[key] {
			heard[key] = true
			if len(heard)%10 == 0 {
				panic(http.ErrAbortHandler)
			}
		}
	})
}

func TestStreamsLackAndRepeatNothing(t *testing.T) {
	m := newMarket(t)
	var history bytes.Buffer
	o := m.options()
	scenario := m.scenario()
	scenario.Streams, scenario.Cut = 20, 300*time.Millisecond
	o.Scenario, o.History = scenario, &history
	trial := measured(t, o, m.handler).Trial
	for _, wrong := range []string{streamGaps, streamRepeats, streamResets, streamLosses} {
		if n := trial.Counts[wrong]; n > 0 {
			t.Errorf("%d %s", n, wrong)
		}
	}
	if trial.Counts[streamCuts] == 0 || trial.Times[Told].Count == 0 {
		t.Errorf("counts %v, %d events of posts were measured; want cuts and events", trial.Counts, trial.Times[Told].Count)
	}
	var events int64
	operations := read(t, &history)
	for _, op := range operations {
		for _, e := range op.Output.Events {
			if e.Kind != "" {
				events++
			}
		}
	}
	if events != trial.Counts[streamEvents] {
		t.Errorf("the history has %d events of streams, and the report %d", events, trial.Counts[streamEvents])
	}
	m.verify(t, operations)
}

// TestAStreamThatIsWrongIsNoticed takes events away from streams, and repeats events.
func TestAStreamThatIsWrongIsNoticed(t *testing.T) {
	for name, spoil := range map[string]func(event string) string{
		streamGaps:    func(string) string { return "" },
		streamRepeats: func(event string) string { return event + event },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMarket(t)
			o := m.options()
			o.Mix, o.Rate, o.Duration = load.Mix{Post: 1}, 50, time.Second
			scenario := m.scenario()
			scenario.Streams = 20
			o.Scenario = scenario
			report := measured(t, o, spoiled(m.handler, spoil))
			if report.Trial.Counts[name] == 0 {
				t.Errorf("counts %v, want %s", report.Trial.Counts, name)
			}
			if !slices.ContainsFunc(report.Warnings, func(w string) bool { return strings.Contains(w, "events") }) {
				t.Errorf("warnings %q, want one about events", report.Warnings)
			}
		})
	}
}

// spoiled changes every event of a stream that tells a post.
func spoiled(handler http.Handler, spoil func(string) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == streamPath {
			w = spoiling{w, spoil}
		}
		handler.ServeHTTP(w, r)
	})
}

type spoiling struct {
	http.ResponseWriter
	spoil func(string) string
}

// Unwrap lets http.ResponseController reach the connection.
func (s spoiling) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Flush implements http.Flusher.
func (s spoiling) Flush() { _ = http.NewResponseController(s.ResponseWriter).Flush() }

func (s spoiling) Write(b []byte) (int, error) {
	for event := range strings.SplitAfterSeq(string(b), "\n\n") {
		if strings.Contains(event, "event: post\n") {
			event = s.spoil(event)
		}
		if _, err := s.ResponseWriter.Write([]byte(event)); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func TestTheEndOfAPageIsReadAsTheWholePage(t *testing.T) {
	const items = `{"items":[{"id":"pst_a","text":"],\"next\":\"x\"","product":{"state":"live"}}]`
	for _, body := range []string{
		items + `,"next":"abc","feed":{"state":"lossy","skipped":2,"as_of":"AwED"}}`,
		items + `,"feed":{"state":"complete","as_of":"AwED"}}`,
		`{"feed":{"state":"complete","as_of":"AwED"},"next":"abc",` + items[1:] + `}`,
	} {
		whole, ok := readPage([]byte(body))
		end, okEnd := readEnd([]byte(body))
		if whole.Items = nil; !ok || !okEnd || end.Next != whole.Next || end.Feed != whole.Feed {
			t.Errorf("the end of %s is %+v, %v; want %+v, %v", body, end, okEnd, whole, ok)
		}
	}
	if _, ok := readEnd([]byte("<html>")); ok {
		t.Error("a page of a proxy is read as one of the feed")
	}
}

func TestPartnersAreTheOnlyOnesThatChange(t *testing.T) {
	p := &people{ids: make([]string, 20)}
	for user := range p.ids {
		for kind, far := range slots {
			for _, by := range far {
				other := p.after(user, by)
				if other == user || !p.partners(user, other) {
					t.Errorf("%s changes what %d sees of %d, which is no partner", kind, user, other)
				}
				if kind == Block && !p.partners(other, user) {
					t.Errorf("%d blocks %d, who is said to see the same as before", user, other)
				}
			}
		}
	}
}
