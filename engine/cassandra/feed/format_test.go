package feed

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/golden"

	"agora/feed"
)

func id(first, last byte) [16]byte { return [16]byte{0: first, 15: last} }

var pinnedPost = feed.Post{
	ID: [16]byte{0: 1, 1: 0x99, 15: 2}, Author: id(3, 4), Text: "Hello", Product: "prd_01jd8q6m3k9v2n4x7y5z8w1t0c", ReplyTo: id(5, 6),
	Media: []string{"https://example.org/a.png", "https://example.org/b.png"},
	At:    feed.At(2, 77), Parent: feed.Parent{Partition: 9, At: feed.At(2, 55)},
	CreatedAt: time.Date(2026, 3, 14, 15, 9, 26, 535897000, time.UTC),
}

// TestPostFormat pins the tables and rows of posts, with the timestamps of their cells. docs/upgrading.md says how to change them.
func TestPostFormat(t *testing.T) {
	s := openPosts(t)
	mustDo(t, s.Insert(t.Context(), pinnedPost))
	mustDo(t, s.Delete(t.Context(), feed.Deletion{ID: id(1, 3), Author: id(3, 4), At: feed.At(2, 99)}))
	_, err := s.Claim(t.Context(), feed.Claim{Author: id(3, 4), Key: "key", Hash: [32]byte{1, 31: 2}, ID: id(1, 2)})
	mustDo(t, err)
	golden.Assert(t, strings.Join([]string{
		server.Columns(t, "posts", "posts_by_author", "months", "changes", "claims"),
		server.Rows(t, `SELECT JSON post, author, writetime(author), at, writetime(at), content, writetime(content), deleted, writetime(deleted) FROM posts`),
		server.Rows(t, `SELECT JSON author, month, post, at, writetime(at) FROM posts_by_author`),
		server.Rows(t, `SELECT JSON * FROM months`),
		server.Rows(t, `SELECT JSON * FROM changes`),
		server.Rows(t, `SELECT JSON * FROM claims`),
	}, "\n"), "posts.txt")
	if got, ok, err := s.get(t.Context(), pinnedPost.ID); err != nil || !ok || !reflect.DeepEqual(got, pinnedPost) {
		t.Errorf("the stored post is read as %+v, %v; want %+v", got, err, pinnedPost)
	}
}

func TestADamagedPostIsAnError(t *testing.T) {
	s := openPosts(t)
	mustDo(t, s.Insert(t.Context(), pinnedPost))
	for _, column := range []string{"content = '{'", "author = 0x01"} {
		server.Rows(t, "UPDATE posts USING TIMESTAMP 9223372036854775807 SET "+column+" WHERE post = 0x01990000000000000000000000000002")
		if found, err := s.Get(t.Context(), pinnedPost.ID); err == nil {
			t.Errorf("with %s, Get = %+v, want an error", column, found)
		}
	}
}

// TestGraphFormat pins the tables and rows of the graph, with the timestamps of their cells.
func TestGraphFormat(t *testing.T) {
	shape := feed.Shape{Posts: 2, Graph: 1}
	g := openGraph(t, shape)
	edge := func(kind feed.EdgeKind, on bool, offset int64) feed.Edge {
		return feed.Edge{EdgeKey: feed.EdgeKey{Kind: kind, From: id(3, 4), To: id(3, 5)}, On: on, Since: feed.At(2, offset)}
	}
	mustDo(t, g.Apply(t.Context(), feed.GraphChanges{
		Edges:  []feed.Edge{edge(feed.Follow, true, 10), edge(feed.Block, true, 11), edge(feed.Mute, false, 12)},
		Counts: []feed.UserCount{{User: id(3, 5), Count: feed.Count{Followers: 7, Through: feed.At(2, 13)}}},
		Active: []feed.UserID{id(3, 0x14)},
		Reach:  feed.Row{Posts: feed.Vector{feed.At(2, 20), feed.At(2, 21)}, Graph: feed.At(2, 13)},
	}))
	mustDo(t, g.PutModes(t.Context(), feed.Modes{Author: id(3, 5), Changes: []feed.ModeChange{
		{Number: 1, At: feed.At(2, 3), Least: id(1, 2), Greatest: id(1, 3)}, {Number: 2, At: feed.At(2, 5)},
	}}))
	ends := feed.Reach{Posts: feed.Vector{feed.At(2, 1), feed.At(2, 2)}, Graph: feed.Vector{feed.At(2, 3)}}
	mustDo(t, g.PutStart(t.Context(), feed.LogStart{Epoch: 2, Ends: ends, Mark: 1 << 63, Marked: true}))
	golden.Assert(t, strings.Join([]string{
		server.Columns(t, "relations", "followers", "counts", "reaches", "modes", "log_starts", "activity"),
		server.Rows(t, `SELECT JSON user, kind, other, is_on, since, writetime(since), applied FROM relations`),
		server.Rows(t, `SELECT JSON user, shard, follower, is_on, since, writetime(since) FROM followers`),
		server.Rows(t, `SELECT JSON user, partition, followers, through, writetime(followers) FROM counts`),
		server.Rows(t, `SELECT JSON partition, graph, writetime(graph), posts, writetime(posts) FROM reaches`),
		server.Rows(t, `SELECT JSON author, number, at, writetime(at), least, writetime(least), greatest, writetime(greatest) FROM modes`),
		server.Rows(t, `SELECT JSON * FROM log_starts`),
		server.Rows(t, `SELECT JSON partition, shard, user FROM activity`),
	}, "\n"), "graph.txt")
}
