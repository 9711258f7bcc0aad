// Package feedtest holds the conformance suites of the ports of package feed. Every store of posts, of the graph and of
// timelines has to pass its suite.
package feedtest

import (
	"testing"
	"time"

	"agora/feed"
)

// Shape is the shape that the suites expect of a store.
var Shape = feed.Shape{Posts: 2, Graph: 2}

// Trim is the trim that the suites expect of a store.
var Trim = feed.Trim{Above: 5, Keep: 3}

var last = feed.PostID{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}

func user(n byte) feed.UserID { return feed.UserID{15: n} }

func post(n, author byte, at feed.Position) feed.Post {
	return feed.Post{
		ID: feed.PostID{15: n}, Author: user(author), Text: "text", Media: []string{"https://example.org/a.png"},
		CreatedAt: time.UnixMilli(int64(n)).UTC(), At: at,
	}
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
