package feed

import (
	"flag"
	"testing"

	"pgregory.net/rapid"

	"agora/engine/cassandra"
	"agora/engine/cassandra/cassandratest"
	"agora/feed"
	"agora/feed/feedtest"
)

var server cassandratest.Server

// TestMain lets a model make 20 sequences of calls unless -rapid.checks says how many: each call waits for a disk.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
	server.Main(m)
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens the keyspace of a URL until the test ends.
func open(t testing.TB, url string) *cassandra.Keyspace {
	t.Helper()
	keyspace, err := cassandra.Open(t.Context(), url, cassandra.Options{})
	mustDo(t, err)
	t.Cleanup(func() { mustDo(t, keyspace.Close()) })
	return keyspace
}

// openPosts returns an empty store of posts.
func openPosts(t testing.TB) *Posts {
	t.Helper()
	posts, err := OpenPosts(t.Context(), open(t, server.URL(t)))
	mustDo(t, err)
	return posts
}

func TestPosts(t *testing.T) {
	feedtest.Posts(t, func(t *testing.T) feed.PostStore { return openPosts(t) })
}

func TestPostsAgreeWithMemory(t *testing.T) {
	s := openPosts(t)
	feedtest.PostsAgree(t, func(*rapid.T) (feed.PostStore, feedtest.Events) { return s, nil })
}
