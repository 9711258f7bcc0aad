package feed

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/audit"
	"agora/pattern/audit/audittest"
)

// audited is a small feed at rest. Everybody follows user(1), who is pulled since a while; user(2) follows all.
type audited struct {
	*working
	node    *Node
	own     map[UserID][]Post
	deleted Post
}

const auditedUsers = 14

func newAudited(t *testing.T) *audited {
	t.Helper()
	a := &audited{working: newWorking(t), own: map[UserID][]Post{}}
	n, stop := a.openNode(nil)
	for u := byte(1); u <= auditedUsers; u++ {
		a.post(n, user(u))
	}
	for u := byte(2); u <= auditedUsers; u++ {
		a.set(n, EdgeKey{Follow, user(u), user(1)}, true)
		if u > 2 {
			a.set(n, EdgeKey{Follow, user(2), user(u)}, true)
		}
		if u%2 == 0 {
			if _, err := n.Service.Home(t.Context(), user(u), HomeQuery{Limit: 5}); err != nil {
				t.Fatal(err)
			}
		}
	}
	time.Sleep(20 * time.Second) // user(1) is pulled, and some have timelines
	for u := byte(1); u <= auditedUsers; u++ {
		a.post(n, user(u))
	}
	a.set(n, EdgeKey{Mute, user(2), user(3)}, true)
	a.set(n, EdgeKey{Block, user(4), user(2)}, true)
	a.set(n, EdgeKey{Follow, user(2), user(5)}, false)
	a.deleted = a.own[user(6)][0]
	if _, err := n.Service.Delete(t.Context(), user(6), false, a.deleted.ID); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	a.node, stop = a.openNode(nil)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := a.node.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *audited) post(n *Node, author UserID) {
	a.t.Helper()
	p, _, err := n.Service.Post(a.t.Context(), author, NewPost{Text: "text"}, "")
	if err != nil {
		a.t.Fatal(err)
	}
	a.own[author] = append(a.own[author], p)
}

func (a *audited) set(n *Node, key EdgeKey, on bool) {
	a.t.Helper()
	if _, err := n.Service.Set(a.t.Context(), key, on); err != nil {
		a.t.Fatal(err)
	}
}

func (a *audited) audit(users int) audit.Report {
	a.t.Helper()
	report, err := a.node.Audit(users).Run(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	return report
}

// timeline changes the stored timeline of a user.
func (a *audited) timeline(user UserID, change func(*Timeline)) {
	key := timelineKey{a.timelines.head.Epoch, user}
	timeline := a.timelines.timelines[key]
	if !timeline.Base {
		a.t.Fatalf("%s has no timeline", user)
	}
	timeline.Entries = slices.Clone(timeline.Entries)
	change(&timeline)
	a.timelines.timelines[key] = timeline
}

func TestTheAuditOfAFeedThatWorksFindsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAudited(t)
		for _, users := range []int{0, 5} {
			report := a.audit(users)
			audittest.Holds(t, report)
			for _, c := range report.Checks {
				if c.Compared == 0 || c.Skipped != "" {
					t.Errorf("of %d users, the check %s compared nothing", users, c.Name)
				}
				if want := int64(users); c.Name == "feeds" && users > 0 && c.Compared != want {
					t.Errorf("%d feeds were read, want %d", c.Compared, want)
				}
			}
		}
	})
}

func TestTheAuditNamesWhatIsBroken(t *testing.T) {
	for _, tt := range []struct {
		name    string
		damage  func(*audited)
		failing []string // others may fail too
	}{
		{"a timeline lost an entry", func(a *audited) {
			a.timeline(user(2), func(t *Timeline) { t.Entries = t.Entries[1:] })
		}, []string{"timelines"}},
		{"a timeline has a post that nobody wrote", func(a *audited) {
			a.timeline(user(2), func(t *Timeline) {
				t.Entries = append([]Entry{{Post: NewPostID(), Author: user(7), At: At(1, 0)}}, t.Entries...)
			})
		}, []string{"timelines"}},
		{"a timeline has a post of someone who was never followed", func(a *audited) {
			p := a.own[user(9)][0]
			a.timeline(user(4), func(t *Timeline) { t.Entries = sortEntries(append(t.Entries, p.Entry())) })
		}, []string{"timelines"}},
		{"a timeline has a post twice", func(a *audited) {
			a.timeline(user(2), func(t *Timeline) { t.Entries = slices.Insert(t.Entries, 1, t.Entries[0]) })
		}, []string{"timelines"}},
		{"a timeline says that it is longer than it is", func(a *audited) {
			a.timeline(user(2), func(t *Timeline) { t.Entries, t.Floor = t.Entries[:1], PostID{} })
		}, []string{"timelines", "feeds"}},
		{"a user has lost a follow", func(a *audited) {
			delete(a.graph.from[user(2)], EdgeKey{Follow, user(2), user(7)})
		}, []string{"edges"}},
		{"a user has lost a follower", func(a *audited) {
			delete(a.graph.to[user(7)], EdgeKey{Follow, user(2), user(7)})
		}, []string{"edges", "counts"}},
		{"a user does not know of a block", func(a *audited) {
			delete(a.graph.to[user(2)], EdgeKey{Block, user(4), user(2)})
		}, []string{"edges"}},
		{"a count is wrong", func(a *audited) {
			a.graph.counts[user(7)][a.shape.GraphOf(user(2))].Followers++
		}, []string{"counts"}},
		{"a mode is not known", func(a *audited) { delete(a.graph.modes, user(1)) }, []string{"modes"}},
		{"an interval does not have its posts", func(a *audited) {
			pulled := &a.graph.modes[user(1)].Changes[0]
			pulled.Least, pulled.Greatest = PostID{}, PostID{}
		}, []string{"intervals"}},
		{"a post is lost", func(a *audited) {
			delete(a.posts.posts, a.own[user(3)][1].ID)
			a.posts.byAuthor[user(3)] = a.posts.byAuthor[user(3)][1:]
		}, []string{"log"}},
		{"a post is not in the list of its author", func(a *audited) {
			a.posts.byAuthor[user(3)] = a.posts.byAuthor[user(3)][1:]
		}, []string{"posts"}},
		{"a deleted post is there again", func(a *audited) {
			p := a.posts.posts[a.deleted.ID]
			p.Deleted = 0
			a.posts.posts[p.ID] = p
		}, []string{"log"}},
		{"a post has another position", func(a *audited) {
			p := a.posts.posts[a.own[user(3)][1].ID]
			p.At--
			a.posts.posts[p.ID] = p
		}, []string{"posts"}},
		{"a post has another text", func(a *audited) {
			p := a.posts.posts[a.own[user(3)][1].ID]
			p.Text = "lies"
			a.posts.posts[p.ID] = p
		}, []string{"log"}},
		{"a post was never published", func(a *audited) {
			if err := a.posts.Insert(a.t.Context(), Post{ID: NewPostID(), Author: user(3), Text: "text", At: At(1, 0)}); err != nil {
				a.t.Fatal(err)
			}
		}, []string{"posts"}},
		{"a row is behind", func(a *audited) {
			a.timelines.head.Rows = slices.Clone(a.timelines.head.Rows)
			a.timelines.head.Rows[1].Posts = make(Vector, a.shape.Posts)
		}, []string{"rows"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAudited(t)
				tt.damage(a)
				failing := audittest.Failing(t, a.audit(0))
				for _, name := range tt.failing {
					if !slices.Contains(failing, name) {
						t.Errorf("the audit finds differences in %q, want %q too", failing, name)
					}
				}
			})
		})
	}
}

func TestAnAuditNoticesWritesMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAudited(t)
		audit := a.node.Audit(0)
		audit.Service.Graph = writtenTo{MemoryGraph: a.graph, write: func() { a.working.post(user(1)) }}
		if _, err := audit.Run(t.Context()); fault.CodeOf(err) != "audit_disturbed" {
			t.Errorf("Run = %v", err)
		}
	})
}

// writtenTo is a graph that something is written beside when its users are listed.
type writtenTo struct {
	*MemoryGraph
	write func()
}

func (g writtenTo) EachUser(ctx context.Context, visit func(UserID) error) error {
	g.write()
	return g.MemoryGraph.EachUser(ctx, visit)
}
