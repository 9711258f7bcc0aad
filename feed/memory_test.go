package feed_test

import (
	"testing"

	"pgregory.net/rapid"

	"agora/feed"
	"agora/feed/feedtest"
)

func TestMemoryPosts(t *testing.T) {
	feedtest.Posts(t, func(*testing.T) feed.PostStore { return feed.NewMemoryPosts() })
}

// TestCachedPosts lets the store itself list its posts, as an audit does.
func TestCachedPosts(t *testing.T) {
	feedtest.Posts(t, func(*testing.T) feed.PostStore {
		posts := feed.NewMemoryPosts()
		return struct {
			feed.PostStore
			feed.PostScan
		}{feed.NewCachedPosts(posts, 1<<20), posts}
	})
}

func TestMemoryGraph(t *testing.T) {
	feedtest.Graph(t, func(*testing.T) feed.GraphStore { return feed.NewMemoryGraph(feedtest.Shape) })
}

func TestMemoryFollowLoader(t *testing.T) {
	feedtest.FollowLoader(t, func(*testing.T) feedtest.Loader { return feed.NewMemoryGraph(feedtest.Shape) })
}

func TestMemoryTimelines(t *testing.T) {
	feedtest.Timelines(t, func(*testing.T) feed.TimelineStore { return feed.NewMemoryTimelines(feedtest.Trim) })
}

func TestCachedPostsAgreeWithPosts(t *testing.T) {
	feedtest.PostsAgree(t, func(*rapid.T) (feed.PostStore, feedtest.Events) {
		return feed.NewCachedPosts(feed.NewMemoryPosts(), 1<<20), nil
	})
}

func TestTimelinesAgreeWithTimelinesThatAreNotTrimmed(t *testing.T) {
	feedtest.TimelinesAgree(t, func(*rapid.T) *feedtest.TimelineSubject {
		return &feedtest.TimelineSubject{Store: feed.NewMemoryTimelines(feedtest.Trim)}
	})
}

func TestWalks(t *testing.T) {
	feedtest.Walks(t, 1, func(*rapid.T, feed.Trim) *feedtest.Stores { return &feedtest.Stores{} })
}
