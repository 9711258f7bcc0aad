package feed

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"agora/feed"
	"agora/lab/verify"
	"agora/pattern/audit"
	"agora/pattern/audit/audittest"
	"agora/pattern/eventlog"
)

func checked(t *testing.T, history []Operation, stored Stored) audit.Report {
	t.Helper()
	report, err := Check(t.Context(), history, stored)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestARealHistoryHolds(t *testing.T) {
	history, stored := recorded(t)
	report := checked(t, history, stored)
	audittest.Holds(t, report)
	for _, c := range report.Checks {
		if c.Compared == 0 || c.Skipped != "" || c.Undecided == c.Compared {
			t.Errorf("the check %s compared %d and left %d undecided", c.Name, c.Compared, c.Undecided)
		}
	}
}

// clone returns a copy of a history that can be changed.
func clone(t *testing.T, history []Operation) []Operation {
	t.Helper()
	var written bytes.Buffer
	for _, op := range history {
		line, err := json.Marshal(op)
		if err != nil {
			t.Fatal(err)
		}
		written.Write(line)
	}
	copied, err := ReadHistory(&written)
	if err != nil {
		t.Fatal(err)
	}
	return copied
}

// find returns the last operation of a kind that is OK and suits.
func find(t *testing.T, history []Operation, kind verify.Kind, suits func(Operation) bool) *Operation {
	t.Helper()
	for i := range slices.Backward(history) {
		if op := &history[i]; op.Kind == kind && op.Output.Outcome == OK && suits(*op) {
			return op
		}
	}
	t.Fatalf("the history has no such %s", kind)
	return nil
}

func anyOf(Operation) bool { return true }

// nobody is a user who follows nobody.
var nobody = feed.UserID{15: 99}

// kept returns the first post that was acknowledged and never deleted.
func kept(t *testing.T, history []Operation) *Operation {
	t.Helper()
	deleted := whatWasSent(history).deleted
	for i, op := range history {
		if op.Kind == Post && op.Output.Outcome == OK && !deleted[postOf(op)] {
			return &history[i]
		}
	}
	t.Fatal("all posts of the history were deleted")
	return nil
}

// pageOf returns a page with some items at least.
func pageOf(t *testing.T, history []Operation, items int) *Operation {
	t.Helper()
	return find(t, history, Read, func(op Operation) bool { return len(op.Output.Items) >= items })
}

// earliest returns the earliest as_of of a kind.
func earliest(history []Operation, kind verify.Kind) string {
	for _, op := range history {
		if op.Kind == kind && op.Output.Outcome == OK {
			return op.Output.AsOf
		}
	}
	return ""
}

// streams changes the events of all streams.
func streams(history []Operation, change func([]Event) []Event) []Operation {
	for i, op := range history {
		if op.Kind == Listen && op.Output.Outcome == OK {
			history[i].Output.Events = change(op.Output.Events)
		}
	}
	return history
}

func isPost(e Event) bool { return e.Kind == feed.Posted }

// TestADoctoredHistoryFails is why a history that holds means something.
func TestADoctoredHistoryFails(t *testing.T) {
	history, stored := recorded(t)
	for _, tt := range []struct {
		name   string
		doctor func(t *testing.T, history []Operation) []Operation
		want   string // the check that fails
		says   string // in a finding
	}{
		{"an acknowledged post is not there", func(t *testing.T, h []Operation) []Operation {
			kept(t, h).Output.Post = feed.NewPostID().String()
			return h
		}, "history", "is not there"},
		{"a post is the answer to two requests", func(t *testing.T, h []Operation) []Operation {
			twice := *kept(t, h)
			twice.Input.Key = "another"
			return append(h, twice)
		}, "history", "two requests"},
		{"a key made two posts", func(t *testing.T, h []Operation) []Operation {
			twice := *kept(t, h)
			twice.Output.Post = feed.NewPostID().String()
			return append(h, twice)
		}, "history", "made post"},
		{"a post has another text", func(t *testing.T, h []Operation) []Operation {
			kept(t, h).Input.Text += "!"
			return h
		}, "history", "has the text"},
		{"a post has another author", func(t *testing.T, h []Operation) []Operation {
			op := kept(t, h)
			op.Input.User = find(t, h, Post, func(other Operation) bool { return other.Input.User != op.Input.User }).Input.User
			return h
		}, "history", "sent it"},
		{"a post is stored after what its client was told", func(t *testing.T, h []Operation) []Operation {
			kept(t, h).Output.AsOf = earliest(h, Follow)
			return h
		}, "history", "was told that it stands"},
		{"a deletion came to nothing", func(t *testing.T, h []Operation) []Operation {
			find(t, h, Delete, anyOf).Input.Post = kept(t, h).Output.Post
			return h
		}, "history", "and is there"},
		{"a deletion is later than its client was told", func(t *testing.T, h []Operation) []Operation {
			find(t, h, Delete, anyOf).Output.AsOf = earliest(h, Follow)
			return h
		}, "history", "was told that all"},
		{"a post was deleted, and nobody asked for that", func(_ *testing.T, h []Operation) []Operation {
			return slices.DeleteFunc(h, func(op Operation) bool { return op.Kind == Delete })
		}, "history", "nobody asked"},
		{"a post was never sent", func(t *testing.T, h []Operation) []Operation {
			id := kept(t, h).Output.Post
			return slices.DeleteFunc(h, func(op Operation) bool { return op.Output.Post == id })
		}, "unsent", "never sent"},
		{"a post was refused", func(t *testing.T, h []Operation) []Operation {
			kept(t, h).Output = Output{Outcome: Refused}
			return h
		}, "unsent", "never sent"},
		{"the last follow is not in force", func(_ *testing.T, h []Operation) []Operation {
			h[0].Kind = Unfollow // a follow that nobody changes later
			return h
		}, "follows", "was last told"},
		{"a page lacks a post", func(t *testing.T, h []Operation) []Operation {
			out := &pageOf(t, h, 3).Output
			out.Items, out.Next = slices.Delete(out.Items, 1, 2), ""
			return h
		}, "pages", "lacks"},
		{"a walk ends early", func(t *testing.T, h []Operation) []Operation {
			op := find(t, h, Read, func(op Operation) bool { return op.Output.Next != "" && op.Input.Cursor == "" })
			op.Output.Items, op.Output.Next = op.Output.Items[:1], ""
			return h
		}, "pages", "lacks"},
		{"a page shows a post twice", func(t *testing.T, h []Operation) []Operation {
			out := &pageOf(t, h, 3).Output
			out.Items[1] = out.Items[0]
			return h
		}, "pages", "below"},
		{"a page is not newest first", func(t *testing.T, h []Operation) []Operation {
			out := &pageOf(t, h, 3).Output
			out.Items[0], out.Items[1] = out.Items[1], out.Items[0]
			return h
		}, "pages", "below"},
		{"a page shows a post of the page before", func(t *testing.T, h []Operation) []Operation {
			second := find(t, h, Read, func(op Operation) bool { return op.Input.Cursor != "" && len(op.Output.Items) > 0 })
			before := find(t, h, Read, func(op Operation) bool { return op.Output.Next == second.Input.Cursor })
			second.Output.Items[0] = before.Output.Items[len(before.Output.Items)-1]
			return h
		}, "pages", "below"},
		{"a page of a walk shows posts of another moment", func(t *testing.T, h []Operation) []Operation {
			find(t, h, Read, func(op Operation) bool { return op.Input.Cursor != "" }).Output.AsOf = earliest(h, Read)
			return h
		}, "pages", "the walk began"},
		{"a page goes on elsewhere than below its last post", func(t *testing.T, h []Operation) []Operation {
			op := find(t, h, Read, func(op Operation) bool { return op.Output.Next != "" })
			op.Output.Next = find(t, h, Read, func(o Operation) bool { return o.Output.Next != "" && o.Output.Next != op.Output.Next }).Output.Next
			return h
		}, "pages", "goes on"},
		{"a page has more posts than were asked for", func(t *testing.T, h []Operation) []Operation {
			pageOf(t, h, 3).Input.Limit = 2
			return h
		}, "pages", "were asked for"},
		{"a page shows a post that was deleted before", func(t *testing.T, h []Operation) []Operation {
			deletion := h[slices.IndexFunc(h, func(op Operation) bool { return op.Kind == Delete })]
			op := find(t, h, Read, func(op Operation) bool { return op.Call > deletion.Return })
			asOf, err := feed.ParseAsOf(op.Output.AsOf, stored.Shape, stored.Epoch)
			if err != nil {
				t.Fatal(err)
			}
			gone := postOf(deletion)
			above := feed.Cursor{Before: feed.PostID(feed.UserID(gone).Next()), Posts: asOf.Posts}
			op.Input = Input{User: op.Input.User, Limit: 1, Cursor: above.Encode()}
			op.Output.Items = []string{gone.String()}
			op.Output.Next = feed.Cursor{Before: gone, Posts: asOf.Posts}.Encode()
			return h
		}, "pages", "deleted before"},
		{"a page shows a post that is not stored", func(t *testing.T, h []Operation) []Operation {
			op := find(t, h, Read, func(op Operation) bool { return len(op.Output.Items) > 0 && op.Input.Cursor == "" })
			op.Output.Items[0] = feed.NewPostID().String()
			return h
		}, "pages", "not stored"},
		{"a page shows posts of before its as_of alone", func(t *testing.T, h []Operation) []Operation {
			op := find(t, h, Read, func(op Operation) bool { return len(op.Output.Items) > 0 && op.Input.Cursor == "" })
			op.Input.After, op.Output.AsOf, op.Output.Next = "", earliest(h, Read), ""
			return h
		}, "pages", "posted later"},
		{"a page is that of somebody else", func(t *testing.T, h []Operation) []Operation {
			op := find(t, h, Read, func(op Operation) bool { return len(op.Output.Items) > 0 })
			op.Input.User = nobody.String()
			return h
		}, "pages", "did not see"},
		{"a page does not include what was written before", func(t *testing.T, h []Operation) []Operation {
			find(t, h, Read, func(op Operation) bool { return op.Input.After != "" }).Output.AsOf = earliest(h, Read)
			return h
		}, "pages", "does not include"},
		{"a complete page left authors out", func(t *testing.T, h []Operation) []Operation {
			pageOf(t, h, 1).Output.Skipped = 1
			return h
		}, "pages", "left 1 authors out"},
		{"streams lack posts", func(_ *testing.T, h []Operation) []Operation {
			return streams(h, func(events []Event) []Event {
				for i := range events {
					if isPost(events[i]) {
						events[i].Kind, events[i].Post = "", ""
					}
				}
				return events
			})
		}, "streams", "lacks the post"},
		{"streams lack deletions", func(_ *testing.T, h []Operation) []Operation {
			return streams(h, func(events []Event) []Event {
				for i := range events {
					if events[i].Kind == feed.Deleted {
						events[i].Kind, events[i].Post = "", ""
					}
				}
				return events
			})
		}, "streams", "lacks the deletion"},
		{"streams repeat events", func(_ *testing.T, h []Operation) []Operation {
			return streams(h, func(events []Event) []Event {
				i := slices.IndexFunc(events, isPost)
				return slices.Insert(events, i+1, events[max(i, 0)])
			})
		}, "streams", "it has told"},
		{"streams tell posts in another order", func(_ *testing.T, h []Operation) []Operation {
			return streams(h, func(events []Event) []Event {
				if i := slices.IndexFunc(events, isPost); i > 0 && i+1 < len(events) {
					events[i].Post, events[i+1].Post = events[i+1].Post, events[i].Post
					events[i].Kind, events[i+1].Kind = events[i+1].Kind, events[i].Kind
				}
				return events
			})
		}, "streams", "before what it has told"},
		{"streams tell posts that are not stored", func(_ *testing.T, h []Operation) []Operation {
			return streams(h, func(events []Event) []Event {
				if i := slices.IndexFunc(events, isPost); i > 0 {
					events[i].Post = feed.NewPostID().String()
				}
				return events
			})
		}, "streams", "not stored"},
		{"streams go back", func(_ *testing.T, h []Operation) []Operation {
			return streams(h, func(events []Event) []Event {
				if n := len(events); n > 1 {
					events[0].ID, events[n-1].ID = events[n-1].ID, events[0].ID
				}
				return events
			})
		}, "streams", "goes back"},
		{"streams tell deletions of posts that are there", func(_ *testing.T, h []Operation) []Operation {
			deleted := whatWasSent(h).deleted
			return streams(h, func(events []Event) []Event {
				for i := range events {
					if isPost(events[i]) && !deleted[postID(events[i].Post)] {
						events[i].Kind = feed.Deleted
					}
				}
				return events
			})
		}, "streams", "not stored"},
		{"streams are those of somebody else", func(_ *testing.T, h []Operation) []Operation {
			for i := range h {
				if h[i].Kind == Listen {
					h[i].Input.User = nobody.String()
				}
			}
			return h
		}, "streams", "did not follow"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			report := checked(t, tt.doctor(t, clone(t, history)), stored)
			found := slices.ContainsFunc(report.Checks, func(c *audit.Check) bool {
				return c.Name == tt.want && slices.ContainsFunc(c.Findings, func(s string) bool { return strings.Contains(s, tt.says) })
			})
			if !found {
				t.Errorf("failing checks = %v, want %s, which says %q", audittest.Failing(t, report), tt.want, tt.says)
			}
		})
	}
}

// TestADoctoredFeedFails changes the stores, and not the history.
func TestADoctoredFeedFails(t *testing.T) {
	history, stored := recorded(t)
	op := kept(t, history)
	posts := stored.Posts.(*feed.MemoryPosts)
	found, err := posts.Get(t.Context(), postOf(*op))
	if err != nil {
		t.Fatal(err)
	}
	twice := found[0]
	twice.ID = feed.NewPostID()
	if err := posts.Insert(t.Context(), twice); err != nil {
		t.Fatal(err)
	}
	failing := audittest.Failing(t, checked(t, history, stored))
	for _, want := range []string{"unsent", "pages"} {
		if !slices.Contains(failing, want) {
			t.Errorf("a post is stored twice: failing checks = %v, want %s among them", failing, want)
		}
	}
}

func TestAnotherLogDecidesNothing(t *testing.T) {
	history, stored := recorded(t)
	later := stored
	later.Epoch++
	report := checked(t, history, later)
	audittest.Holds(t, report)
	for _, c := range report.Checks {
		if c.Name != "unsent" && c.Name != "follows" && c.Undecided == 0 {
			t.Errorf("in another epoch, %s leaves nothing undecided", c.Name)
		}
	}
	if _, err := stored.Log.Trim(t.Context(), feed.GraphTopic, eventlog.Retention{Since: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	report = checked(t, history, stored)
	audittest.Holds(t, report)
	for _, c := range report.Checks {
		if skipped := c.Skipped != ""; skipped != (c.Name == "pages" || c.Name == "streams") {
			t.Errorf("without the records of the time, %s is skipped because %q", c.Name, c.Skipped)
		}
	}
}
