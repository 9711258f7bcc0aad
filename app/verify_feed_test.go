package app

import (
	"context"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"agora/engine/cassandra"
	"agora/engine/cassandra/cassandratest"
	"agora/engine/redis/redistest"
	"agora/feed"
	"agora/generate"
	"agora/pattern/audit/audittest"
)

// audited is a feed at rest that has timelines, and authors who are pulled.
type audited struct {
	*testing.T
	options feed.NodeOptions
	node    *feed.Node
	users   []feed.UserID
	famous  feed.Modes
}

func TestTheAuditOfAFeedInAFolder(t *testing.T) {
	testAudit(t, map[string]string{}, func(a *audited) {
		var failed []string
		for _, d := range feedDamages {
			failed = a.finds(failed, d)
		}
	})
}

// TestTheAuditOfAFeedInSharedStores has posts and follows in Cassandra, timelines in Redis and the log in PostgreSQL. An audit of them
// takes longer: everything is damaged before the second one.
func TestTheAuditOfAFeedInSharedStores(t *testing.T) {
	if testing.Short() {
		t.Skip("two audits of Cassandra take minutes on a busy machine")
	}
	keyspace := cassandratest.Start(t, "127.0.0.1")[0].URL() + "/agora?replication=1"
	settings := inDatabase(database.URL(t))
	maps.Copy(settings, map[string]string{
		"systems": "shop,feed", "feed.posts": keyspace, "feed.graph": keyspace, "feed.timelines": redistest.Start(t).URL(t),
	})
	testAudit(t, settings, func(a *audited) {
		a.finds(nil, append(feedDamages, feedDamage{"a list of followers is lost", func(a *audited) { a.loseFollowers(keyspace) }, []string{"edges"}})...)
	})
}

// testAudit audits a feed that works, and then calls find, which damages it.
func testAudit(t *testing.T, settings map[string]string, find func(*audited)) {
	plan := generate.Plan{Users: 60, Follows: 8, Posts: 4, Seed: 1}
	settings["data"], settings["listen"], settings["feed.threshold"] = t.TempDir(), "127.0.0.1:0", "12"
	cfg := load(t, settings)
	if _, err := Generate(t.Context(), cfg, plan, quiet(), func(generate.Progress) {}); err != nil {
		t.Fatal(err)
	}
	err := withStores(t.Context(), cfg, quiet(), func(s *stores) error {
		options, err := s.feedOptions(quiet())
		if err != nil {
			return err
		}
		options.Every = feedRush
		a := &audited{T: t, options: options}
		for i := range plan.Users {
			id, err := feed.ParseUserID(plan.UserID(i))
			a.must(err)
			a.users = append(a.users, id)
		}
		a.live()
		a.rest()
		a.holds()
		find(a)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (a *audited) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

func (a *audited) open() {
	a.Helper()
	var err error
	a.node, err = feed.OpenNode(a.Context(), a.options)
	a.must(err)
}

// live lets users read, so that they get timelines, and then write.
func (a *audited) live() {
	a.open()
	ctx, stop := context.WithCancel(a.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.node.Run(ctx) }()
	for i, user := range a.users {
		if i%2 == 0 {
			for based := false; !based; time.Sleep(20 * time.Millisecond) {
				page, err := a.node.Service.Home(a.Context(), user, feed.HomeQuery{Limit: 5})
				a.must(err)
				based = !page.Baseless
			}
		}
	}
	for i, user := range a.users {
		p, _, err := a.node.Service.Post(a.Context(), user, feed.NewPost{Text: "text"}, "")
		a.must(err)
		if i%10 == 0 {
			_, err := a.node.Service.Delete(a.Context(), user, false, p.ID)
			a.must(err)
		}
		if i%7 == 0 {
			_, err := a.node.Service.Set(a.Context(), feed.EdgeKey{Kind: feed.Mute, From: user, To: a.users[(i+1)%len(a.users)]}, true)
			a.must(err)
			_, err = a.node.Service.Set(a.Context(), feed.EdgeKey{Kind: feed.Block, From: user, To: a.users[(i+2)%len(a.users)]}, true)
			a.must(err)
		}
	}
	stop()
	a.must(<-ended)
}

// rest brings the feed to the end of its log.
func (a *audited) rest() {
	for range 2 { // the second node finds all posts in the stores, and none in its tail
		a.open()
		a.must(a.node.CatchUp(a.Context()))
	}
	modes, err := a.options.Graph.Modes(a.Context())
	a.must(err)
	if len(modes) == 0 {
		a.Fatal("no author is pulled")
	}
	a.famous = modes[0]
}

// holds checks that the audit compares something with each check, and finds nothing.
func (a *audited) holds() {
	report, err := a.node.Audit(0).Run(a.Context())
	a.must(err)
	audittest.Holds(a, report)
	for _, c := range report.Checks {
		if c.Compared == 0 || c.Skipped != "" {
			a.Errorf("the check %s compared nothing, because %q", c.Name, c.Skipped)
		}
	}
}

// feedDamage is something that a check has to find.
type feedDamage struct {
	name string
	do   func(*audited)
	want []string // checks that find it
}

// feedDamages are ordered so that the checks of each find nothing of those before.
var feedDamages = []feedDamage{
	{"a timeline lost its newest posts", (*audited).shorten, []string{"timelines", "deliveries", "feeds"}},
	{"a count is wrong", (*audited).miscount, []string{"counts"}},
	{"an author with few followers is pulled", (*audited).pull, []string{"modes", "intervals"}},
	{"a post was never published", (*audited).invent, []string{"posts"}},
	{"a record was appended, and nothing was stored", (*audited).append, []string{"log", "rows"}},
}

// finds damages the feed, and checks that the audit finds what it found nothing of before.
func (a *audited) finds(failed []string, all ...feedDamage) (failing []string) {
	a.Helper()
	for _, d := range all {
		d.do(a)
	}
	report, err := a.node.Audit(0).Run(a.Context())
	a.must(err)
	failing = audittest.Failing(a, report)
	for _, d := range all {
		for _, want := range d.want {
			if slices.Contains(failed, want) || !slices.Contains(failing, want) {
				a.Errorf("%s: %v fail, and before it %v; want %s, which did not fail before", d.name, failing, failed, want)
			}
		}
	}
	return failing
}

// miscount gives an author a follower too many.
func (a *audited) miscount() {
	author, partition := a.users[len(a.users)-1], 0
	counts, err := a.options.Graph.Counts(a.Context(), author)
	a.must(err)
	reach, _, err := a.options.Graph.Reach(a.Context(), partition)
	a.must(err)
	count := counts[0][partition]
	count.Followers, count.Through = count.Followers+1, max(count.Through, reach.Graph)+1
	a.must(a.options.Graph.Apply(a.Context(), feed.GraphChanges{
		Partition: partition, Counts: []feed.UserCount{{User: author, Count: count}}, Reach: reach,
	}))
}

// pull changes the mode of an author who has few followers.
func (a *audited) pull() {
	author := a.users[len(a.users)-1]
	a.must(a.options.Graph.PutModes(a.Context(), feed.Modes{Author: author, Changes: []feed.ModeChange{{Number: 1, At: feed.At(1, 1)}}}))
}

// loseFollowers takes all followers of the famous author out of the list, and not out of the lists of those who follow.
func (a *audited) loseFollowers(url string) {
	keyspace, err := cassandra.Open(a.Context(), url, cassandra.Options{})
	a.must(err)
	for p := range a.options.Shape.Graph {
		a.must(keyspace.Write(a.Context(),
			cassandra.Of("DELETE FROM followers USING TIMESTAMP ? WHERE user = ? AND shard = ?", int64(math.MaxInt64), a.famous.Author[:], p)))
	}
	a.must(keyspace.Close())
}

// invent stores a post that the log does not have.
func (a *audited) invent() {
	id := feed.NewPostID()
	a.must(a.options.Posts.Insert(a.Context(), feed.Post{ID: id, Author: a.users[3], Text: "text", CreatedAt: id.Made(), At: feed.At(1, 0)}))
}

// shorten takes the newest posts of a timeline away.
func (a *audited) shorten() {
	head, _, err := a.options.Timelines.Head(a.Context())
	a.must(err)
	for _, user := range a.users {
		partition := a.options.Shape.GraphOf(user)
		row, timeline, err := a.options.Timelines.Read(a.Context(), user, partition, feed.PostID(slices.Repeat([]byte{255}, 16)), 1000)
		a.must(err)
		if !timeline.Base || len(timeline.Entries) < 10 {
			continue
		}
		a.must(a.options.Timelines.Drop(a.Context(), head.Epoch, user))
		fence := feed.Fence{Epoch: head.Epoch, Partition: partition, Row: row, Merges: feed.AnyMerges}
		timeline.Entries = timeline.Entries[5:]
		a.must(a.options.Timelines.Merge(a.Context(), fence, []feed.Operand{{User: user, Timeline: timeline}}))
		return
	}
	a.Fatal("nobody has a long timeline")
}

// append appends a post to the log alone.
func (a *audited) append() {
	id := feed.NewPostID()
	_, err := a.options.Log.Append(a.Context(), feed.PostsTopic, feed.PostRecord(&feed.Post{ID: id, Author: a.users[3], Text: "text", CreatedAt: id.Made()}))
	a.must(err)
}
