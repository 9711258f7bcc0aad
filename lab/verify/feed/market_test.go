package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"agora/feed"
	"agora/lab/verify"
	"agora/pattern/eventlog"
)

// everyone has an account.
type everyone struct{}

func (everyone) Exists(context.Context, feed.UserID) (bool, error) { return true, nil }

// market is a feed in memory whose clients are recorded.
type market struct {
	t        *testing.T
	options  feed.NodeOptions
	node     *feed.Node
	recorder *verify.Recorder
	users    []feed.UserID
	stop     func()
}

func newMarket(t *testing.T, recorder *verify.Recorder) *market {
	t.Helper()
	shape, trim := feed.Shape{Posts: 2, Graph: 2}, feed.Trim{Above: 20, Keep: 15}
	m := &market{t: t, recorder: recorder, options: feed.NodeOptions{
		Shape: shape, Log: eventlog.NewMemory(), Posts: feed.NewMemoryPosts(), Graph: feed.NewMemoryGraph(shape),
		Timelines: feed.NewMemoryTimelines(trim), Trim: trim, Users: everyone{},
		Strategy: feed.Hybrid, Threshold: feed.Threshold{Up: 6, Down: 4}, MaxPulled: 100, Memory: 1 << 20,
		Every: 10 * time.Millisecond, IdleAfter: time.Hour, Keep: time.Hour,
	}}
	for i := range byte(12) {
		m.users = append(m.users, feed.UserID{0: 1, 15: i + 1})
	}
	m.open()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.node.Run(ctx) }()
	m.stop = func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the feed ended with %v", err)
		}
	}
	return m
}

func (m *market) open() {
	m.t.Helper()
	var err error
	if m.node, err = feed.OpenNode(m.t.Context(), m.options); err != nil {
		m.t.Fatal(err)
	}
}

// stored stops the feed, and returns what it has stored.
func (m *market) stored() Stored {
	m.t.Helper()
	m.stop()
	m.open()
	if err := m.node.CatchUp(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	return Stored{Shape: m.options.Shape, Epoch: m.node.Service.Epoch, Log: m.options.Log, Posts: m.options.Posts, Graph: m.options.Graph}
}

// client is a client of the market with random wishes.
type client struct {
	*market
	number int
	user   feed.UserID
	luck   *rand.Rand
	posts  []feed.PostID
	after  string
}

func (c *client) call(kind verify.Kind, in Input) func(Output) {
	in.User = c.user.String()
	call := c.recorder.Call(c.number, kind, in)
	return func(out Output) {
		if out.Outcome != Unknown { // such a call stays open
			call.Return(out)
		}
	}
}

// post publishes a post. lost loses the answer.
func (c *client) post(n int, lost bool) {
	key := fmt.Sprintf("%d-%d", c.number, n)
	done := c.call(Post, Input{Key: key, Text: "text " + key})
	p, reach, err := c.node.Service.Post(c.t.Context(), c.user, feed.NewPost{Text: "text " + key}, key)
	switch {
	case err != nil:
		c.t.Error(err)
	case lost:
		done(Output{Outcome: Unknown})
	default:
		c.posts = append(c.posts, p.ID)
		c.after = reach.Encode()
		done(Output{Outcome: OK, Post: p.ID.String(), AsOf: c.after})
	}
}

func (c *client) delete() {
	if len(c.posts) == 0 {
		return
	}
	id := c.posts[0]
	c.posts = c.posts[1:]
	done := c.call(Delete, Input{Post: id.String()})
	reach, err := c.node.Service.Delete(c.t.Context(), c.user, false, id)
	if err != nil {
		c.t.Error(err)
	}
	done(Output{Outcome: OK, AsOf: reach.Encode()})
}

func (c *client) set(kind verify.Kind, other feed.UserID) {
	if other == c.user {
		return
	}
	wish := wishes[kind]
	done := c.call(kind, Input{Other: other.String()})
	reach, err := c.node.Service.Set(c.t.Context(), feed.EdgeKey{Kind: wish.kind, From: c.user, To: other}, wish.on)
	if err != nil { // the other blocks the user
		done(Output{Outcome: Refused})
		return
	}
	c.after = reach.Encode()
	done(Output{Outcome: OK, AsOf: c.after})
}

// walk reads some pages of the user's timeline.
func (c *client) walk() {
	in := Input{Limit: 3 + c.luck.IntN(6), After: c.after}
	for range 4 {
		done := c.call(Read, in)
		page, err := c.node.Service.Home(c.t.Context(), c.user, feed.HomeQuery{Cursor: in.Cursor, After: in.After, Limit: in.Limit})
		if err != nil {
			c.t.Error(err)
			return
		}
		out := Output{Outcome: OK, AsOf: page.AsOf.Encode(), Next: page.Next.Encode(), State: page.State, Skipped: page.Skipped}
		for _, p := range page.Posts {
			out.Items = append(out.Items, p.ID.String())
		}
		done(out)
		if in.Cursor, in.After = out.Next, ""; in.Cursor == "" {
			return
		}
	}
}

// listen follows the user's stream until ctx ends, over connections that are cut.
func (c *client) listen(ctx context.Context) {
	for last := ""; ctx.Err() == nil; {
		done := c.call(Listen, Input{From: last})
		stream, err := c.node.Hub.Open(context.WithoutCancel(ctx), c.user, last)
		if err != nil {
			c.t.Error(err)
			return
		}
		events := []Event{{At: c.recorder.Now(), ID: stream.Cursor()}}
		connected, cancel := context.WithTimeout(ctx, time.Duration(c.luck.IntN(30))*time.Millisecond)
		for {
			e, err := stream.Next(connected)
			if errors.Is(err, connected.Err()) && err != nil {
				break
			}
			if err != nil {
				c.t.Error(err)
				break
			}
			told := Event{At: c.recorder.Now(), ID: e.ID, Kind: e.Kind}
			if e.Kind != feed.Reset {
				told.Post = e.PostID.String()
			}
			events = append(events, told)
		}
		cancel()
		stream.Close()
		last = events[len(events)-1].ID
		done(Output{Outcome: OK, Events: events})
	}
}

// recorded returns the history of clients that do everything side by side, and what is stored at the end.
func recorded(t *testing.T) ([]Operation, Stored) {
	t.Helper()
	var written bytes.Buffer
	m := newMarket(t, verify.NewRecorder(&written))
	followAll(m)
	listening, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	var clients, streams sync.WaitGroup
	for n, user := range m.users {
		luck := func(more uint64) *rand.Rand { return rand.New(rand.NewPCG(uint64(n), more)) }
		streams.Go(func() { (&client{market: m, number: 100 + n, user: user, luck: luck(1)}).listen(listening) })
		clients.Go(func() { (&client{market: m, number: n, user: user, luck: luck(2)}).live(40) })
	}
	clients.Wait()
	hangUp()
	streams.Wait()
	stored := m.stored()
	if err := m.recorder.Close(); err != nil {
		t.Fatal(err)
	}
	history, err := ReadHistory(&written)
	if err != nil {
		t.Fatal(err)
	}
	return history, stored
}

// followAll lets each user follow every other one but a few, so that most edges hold for the whole history.
func followAll(m *market) {
	for n, user := range m.users {
		c := &client{market: m, number: n, user: user}
		for other := range m.users {
			if (other-n+len(m.users))%len(m.users) > 3 {
				c.set(Follow, m.users[other])
			}
		}
	}
}

// live does random things.
func (c *client) live(times int) {
	choices := []verify.Kind{Follow, Unfollow, Block, Unblock, Mute, Unmute}
	for n := range times {
		switch c.luck.IntN(6) {
		case 0, 1:
			c.post(n, c.luck.IntN(8) == 0)
		case 2:
			if c.luck.IntN(4) == 0 {
				c.delete()
			}
		case 3:
			near := c.users[(c.number+1+c.luck.IntN(3))%len(c.users)]
			c.set(choices[c.luck.IntN(len(choices))], near)
		default:
			c.walk()
		}
	}
}
