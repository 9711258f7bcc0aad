package feedtest

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"agora/fault"
	"agora/feed"
	"agora/pattern/eventlog"
)

// Stores are the stores of a feed. One that an engine does not have may be nil: the reference stands for it.
type Stores struct {
	Posts     feed.PostStore
	Graph     feed.GraphStore // of WalkShape
	Timelines feed.TimelineStore

	Restarts Events // all servers end; afterwards the fields are the stores that were opened again
	Losses   Events // of timelines, while servers work
}

// WalkShape is the shape of the feeds of Walks.
var WalkShape = feed.Shape{Posts: 3, Graph: 2}

const (
	walkPage  = 7 // posts of a page
	walkBurst = 5 // posts that a server publishes at a time
)

// Walks publishes, deletes, follows, blocks and mutes at random on two servers that share a feed, while runs are cut off, servers crash
// and timelines are lost, and compares each walk through a feed with a naive fold of the log. open returns empty stores for one
// sequence of calls; timelines have to trim as it says. fewer says how many times fewer sequences there are than -rapid.checks says: 1
// for stores in memory.
func Walks(t *testing.T, fewer int, open func(r *rapid.T, trim feed.Trim) *Stores) {
	for _, strategy := range []feed.Strategy{feed.Push, feed.Pull, feed.Hybrid} {
		for name, form := range map[string]struct {
			trim  feed.Trim
			burst int
			share int // of the sequences
		}{
			"short timelines": {feed.Trim{Above: 12, Keep: 8}, walkBurst, 1},
			"long timelines":  {feed.Trim{Above: 1000, Keep: 800}, 600, 50},
		} {
			t.Run(string(strategy)+", "+name, func(t *testing.T) {
				seen := walkCounts{}
				check(t, fewer*form.share, func(r *rapid.T) {
					w := openWalkWorld(r, strategy, form.trim, open(r, form.trim))
					w.burst, w.seen = form.burst, &seen
					w.run(r)
				})
				t.Logf("%+v", seen)
				if missing := seen.missing(strategy); missing != "" {
					t.Errorf("there have to be %s", missing)
				}
			})
		}
	}
}

// walkCounts says what has happened.
type walkCounts struct {
	Pages, Baseless, Deep int
	Runs, Failed, Lost    int // runs that moved a row, and that failed; losses of timelines
	Crossings             int // changes of authors between push and pull
}

// missing names what has not happened and should have.
func (c walkCounts) missing(strategy feed.Strategy) string {
	switch {
	case c.Runs == 0:
		return "runs that move a row"
	case c.Failed == 0:
		return "runs that fail"
	case strategy != feed.Pull && c.Pages == c.Baseless:
		return "pages of a timeline"
	case strategy != feed.Pull && c.Deep == 0:
		return "pages below what is kept of a timeline"
	case strategy == feed.Hybrid && c.Crossings == 0:
		return "authors who cross the threshold"
	}
	return ""
}

// walkWorld is a feed and what happens to it.
type walkWorld struct {
	interruption
	stores   *Stores
	strategy feed.Strategy
	trim     feed.Trim
	burst    int // the most posts that are appended at a time
	log      *eventlog.Memory
	servers  [2]*walkServer
	leads    []int // the server that was elected for each partition
	users    []feed.UserID
	posts    []feed.Post // that somebody may reply to, and delete
	seen     *walkCounts
}

func openWalkWorld(r *rapid.T, strategy feed.Strategy, trim feed.Trim, stores *Stores) *walkWorld {
	if stores.Posts == nil {
		stores.Posts = feed.NewMemoryPosts()
	}
	if stores.Graph == nil {
		stores.Graph = feed.NewMemoryGraph(WalkShape)
	}
	if stores.Timelines == nil {
		stores.Timelines = feed.NewMemoryTimelines(trim)
	}
	w := &walkWorld{stores: stores, strategy: strategy, trim: trim, log: eventlog.NewMemory(), leads: make([]int, WalkShape.Graph)}
	for n := range byte(6) {
		w.users = append(w.users, salt(0).user(n))
	}
	w.start(r)
	return w
}

func (w *walkWorld) run(r *rapid.T) {
	actions := map[string]func(*rapid.T){
		"publish": w.publish, "publish more": w.publish, "publish without a store": w.appendPosts, "delete": w.delete,
		"set": w.set, "set more": w.set, "run": w.work, "run again": w.work, "interrupt a run": w.interruptRun, "elect": w.elect,
		"walk": w.walk, "restart": w.restart, "drop": w.drop,
	}
	for name, lose := range w.stores.Losses {
		actions[name] = func(r *rapid.T) {
			lose(r)
			w.seen.Lost++
		}
	}
	w.begin(r)
	r.Repeat(actions)
	w.runAll(r)
	for _, user := range w.users {
		w.walkAs(r, user, nil)
	}
	modes, err := w.stores.Graph.Modes(r.Context())
	mustDraw(r, err)
	for _, m := range modes {
		w.seen.Crossings += len(m.Changes)
	}
}

// begin makes what chance makes seldom: a timeline that is longer than what is kept, authors who cross the threshold up and down,
// and a run that fails.
func (w *walkWorld) begin(r *rapid.T) {
	reader, author := w.users[0], w.users[1]
	_, err := w.log.Append(r.Context(), feed.GraphTopic, feed.ReturnRecord(reader, time.Now()))
	mustDraw(r, err)
	for _, user := range w.users[2:] {
		w.connect(r, feed.EdgeKey{Kind: feed.Follow, From: reader, To: user}, true)
		w.connect(r, feed.EdgeKey{Kind: feed.Follow, From: user, To: author}, true)
		w.appendNew(r, user, w.burst, false)
	}
	w.runAll(r)
	w.walkAs(r, reader, nil)
	for _, user := range w.users[2:] {
		w.connect(r, feed.EdgeKey{Kind: feed.Follow, From: user, To: author}, false)
	}
	w.left, w.happen = 1, nil
	w.runAll(r)
}

// runAll makes runs until they find nothing new.
func (w *walkWorld) runAll(r *rapid.T) {
	for n, more := 0, true; more; n++ {
		more = false
		for _, s := range w.servers {
			more = w.runOn(r, s) || more
		}
		if n > 10_000 {
			r.Fatal("the runs do not come to an end")
		}
	}
}

func (w *walkWorld) connect(r *rapid.T, key feed.EdgeKey, on bool) {
	_, err := w.log.Append(r.Context(), feed.GraphTopic, feed.EdgeRecord(key, on, time.Now()))
	mustDraw(r, err)
}

// publish publishes posts as users do, some of them twice with one Idempotency-Key.
func (w *walkWorld) publish(r *rapid.T) {
	s, author := w.drawServer(r), w.drawUser(r, "author")
	n := feed.NewPost{Text: "text"}
	if len(w.posts) > 0 && rapid.Bool().Draw(r, "reply") {
		n.ReplyTo = w.drawPost(r).ID
	}
	for range rapid.IntRange(1, walkBurst).Draw(r, "posts") {
		key := ""
		if rapid.IntRange(0, 3).Draw(r, "retry") == 0 {
			key = feed.NewPostID().String()
		}
		p, _, err := s.service.Post(r.Context(), author, n, key)
		if fault.Is(err, fault.Invalid) {
			return // what it replies to is deleted, or of an author who blocks
		}
		mustDraw(r, err)
		if key != "" {
			again, _, err := w.drawServer(r).service.Post(r.Context(), author, n, key)
			if err != nil || again.ID != p.ID {
				r.Fatalf("a retry of post %v answers %v, %v", p.ID, again.ID, err)
			}
		}
		w.posts = append(w.posts, p)
	}
}

// appendPosts appends posts that no server has inserted, as crashes leave them. The clocks of some are wrong.
func (w *walkWorld) appendPosts(r *rapid.T) {
	w.appendNew(r, w.drawUser(r, "author"), rapid.IntRange(1, w.burst).Draw(r, "posts"), rapid.Bool().Draw(r, "late"))
}

func (w *walkWorld) appendNew(r *rapid.T, author feed.UserID, n int, late bool) {
	var records []eventlog.Record
	for range n {
		p := feed.Post{ID: feed.NewPostID(), Author: author, Text: "text"}
		if late && len(w.posts) > 0 {
			other := w.drawPost(r).ID
			copy(p.ID[:8], other[:8])
		}
		p.CreatedAt = p.ID.Made()
		records = append(records, feed.PostRecord(&p))
		w.posts = append(w.posts, p)
	}
	_, err := w.log.Append(r.Context(), feed.PostsTopic, records...)
	mustDraw(r, err)
}

func (w *walkWorld) delete(r *rapid.T) {
	if len(w.posts) == 0 {
		r.Skip("nothing to delete")
	}
	p := w.drawPost(r)
	_, err := w.drawServer(r).service.Delete(r.Context(), p.Author, false, p.ID)
	if !fault.Is(err, fault.NotFound) { // it was deleted before
		mustDraw(r, err)
	}
}

// set turns edges on or off. There are so few users that authors cross the threshold often.
func (w *walkWorld) set(r *rapid.T) {
	for range rapid.IntRange(1, 4).Draw(r, "edges") {
		w.setOne(r)
	}
}

func (w *walkWorld) setOne(r *rapid.T) {
	key := feed.EdgeKey{From: w.drawUser(r, "from"), To: w.drawUser(r, "to")}
	key.Kind = rapid.SampledFrom([]feed.EdgeKind{feed.Follow, feed.Follow, feed.Follow, feed.Follow, feed.Block, feed.Mute}).Draw(r, "kind")
	if key.From == key.To {
		return
	}
	_, err := w.drawServer(r).service.Set(r.Context(), key, rapid.IntRange(0, 2).Draw(r, "on") > 0)
	if !fault.Is(err, fault.NotFound) { // the other one blocks
		mustDraw(r, err)
	}
}

// walk walks through a feed, while others write.
func (w *walkWorld) walk(r *rapid.T) {
	w.walkAs(r, w.drawUser(r, "reader"), func() {
		between := []func(*rapid.T){nil, nil, nil, w.publish, w.set, w.work}
		if act := between[rapid.IntRange(0, len(between)-1).Draw(r, "between pages")]; act != nil {
			act(r)
		}
	})
}

// walkAs compares all pages of a walk.
func (w *walkWorld) walkAs(r *rapid.T, user feed.UserID, between func()) {
	model := walkModel{log: w.log}
	for from, more := (feed.Cursor{}), true; more; {
		s := w.servers[0]
		if between != nil {
			s = w.drawServer(r)
		}
		page, err := s.read(r, user, from)
		mustDraw(r, err)
		w.compare(r, &model, user, from, page)
		if page.Baseless {
			_, err := w.log.Append(r.Context(), feed.GraphTopic, feed.ReturnRecord(user, time.Now()))
			mustDraw(r, err)
		}
		if from = page.Next; from.Posts == nil {
			return
		}
		if between != nil {
			between()
		}
	}
}

// compare compares a page with the model.
func (w *walkWorld) compare(r *rapid.T, model *walkModel, user feed.UserID, from feed.Cursor, page feed.Page) {
	w.seen.Pages++
	if page.Baseless {
		w.seen.Baseless++
	}
	if page.Trimmed {
		w.seen.Deep++
	}
	before := last
	if from.Posts != nil {
		before = from.Before
		if !slices.Equal(from.Posts, page.AsOf.Posts) {
			r.Fatalf("a walk as of %v continues as of %v", from.Posts, page.AsOf.Posts)
		}
	}
	if page.State != feed.Complete {
		r.Fatalf("a page is %s", page.State)
	}
	var got []feed.PostID
	for _, p := range page.Posts {
		got = append(got, p.ID)
	}
	want := model.wanted(r, user, page.AsOf, before)
	if !slices.Equal(got, want[:min(walkPage, len(want))]) || (page.Next.Posts != nil) != (len(want) > walkPage) {
		r.Fatalf("the feed of %x as of %v below %v shows %v and then %v, want %v of %d", user[15], page.AsOf, before, got, page.Next, want[:min(walkPage, len(want))], len(want))
	}
}

func (w *walkWorld) drawServer(r *rapid.T) *walkServer {
	s := w.servers[rapid.IntRange(0, len(w.servers)-1).Draw(r, "server")]
	mustDraw(r, s.catchUp(r.Context()))
	return s
}

func (w *walkWorld) drawUser(r *rapid.T, label string) feed.UserID {
	return w.users[rapid.IntRange(0, len(w.users)-1).Draw(r, label)]
}

func (w *walkWorld) drawPost(r *rapid.T) feed.Post {
	return w.posts[len(w.posts)-1-rapid.IntRange(0, min(len(w.posts), 20)-1).Draw(r, "post")]
}
