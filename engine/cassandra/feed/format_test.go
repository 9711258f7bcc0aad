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
