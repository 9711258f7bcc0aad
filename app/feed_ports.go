package app

import (
	"context"

	"agora/app/config"
	"agora/engine/cassandra"
	cassandrafeed "agora/engine/cassandra/feed"
	"agora/engine/pebble"
	pebblefeed "agora/engine/pebble/feed"
	"agora/engine/redis"
	redisfeed "agora/engine/redis/feed"
	"agora/feed"
)

// feedPorts are the ports of the feed.
func feedPorts() []port {
	return []port{
		{
			Port: config.Port{
				Key: "feed.posts", Default: "pebble:feed",
				Help: "Store of posts. Servers that share events have to share it, and feed.graph and feed.timelines too: cassandra://host,host/keyspace?replication=3&tls=true.",
			},
			title: "posts",
			engines: []engine{
				inFeedFolder(func(s *stores, db *pebblefeed.DB) { s.posts = pebblefeed.NewPosts(db) }),
				inCassandra(cassandrafeed.OpenPosts, func(s *stores, posts *cassandrafeed.Posts) { s.posts = posts }),
			},
		},
		{
			Port: config.Port{
				Key: "feed.graph", Default: "pebble:feed",
				Help: "Store of who follows, blocks and mutes whom.",
			},
			title: "follows",
			engines: []engine{
				inFeedFolder(func(s *stores, db *pebblefeed.DB) { s.graph = pebblefeed.NewGraph(db, feedShape) }),
				inCassandra(func(ctx context.Context, k *cassandra.Keyspace) (*cassandrafeed.Graph, error) {
					return cassandrafeed.OpenGraph(ctx, k, feedShape)
				}, func(s *stores, graph *cassandrafeed.Graph) { s.graph = graph }),
			},
		},
		{
			Port: config.Port{
				Key: "feed.timelines", Default: "pebble:timelines",
				Help: "Store of home timelines. They are rebuilt if they are lost. form=zset stores them in Redis as sorted sets, which other programs can read, instead of packed entries.",
			},
			title: "timelines",
			engines: append([]engine{
				{config.Scheme{Name: "pebble", Path: "folder", Own: true}, openPebbleTimelines},
			}, inRedis(map[string]config.Param{"form": config.TextParam}, openRedisTimelines)...),
		},
	}
}

// feedFolder returns the options of a Pebble folder of the feed. Its cache gets a quarter of the memory of the feed.
func (s *stores) feedFolder() pebble.Options {
	return pebble.Options{Logger: s.log, ReserveBytes: diskReserve, CacheBytes: s.cfg.Feed.Memory / 4}
}

// inFeedFolder is the engine Pebble for posts and the graph, which share a folder. set sets the field of the port.
func inFeedFolder(set func(*stores, *pebblefeed.DB)) engine {
	return engine{config.Scheme{Name: "pebble", Path: "folder", Own: true}, func(_ context.Context, s *stores, e config.Engine) error {
		path := e.Path(s.cfg.Data)
		db, known := s.feeds[path]
		if !known {
			var err error
			if db, err = pebblefeed.Open(path, s.feedFolder()); err != nil {
				return err
			}
			s.feeds[path] = db
			s.closing(path, db)
		}
		set(s, db)
		return nil
	}}
}

// inCassandra is the engine Cassandra: open opens a store in a keyspace, and set sets the field of the port. Ports with the same
// URL share the connections.
func inCassandra[S any](open func(context.Context, *cassandra.Keyspace) (S, error), set func(*stores, S)) engine {
	return engine{config.Scheme{Name: "cassandra", Server: true, Driver: true}, func(ctx context.Context, s *stores, e config.Engine) error {
		keyspace, err := s.keyspace(ctx, e)
		if err != nil {
			return err
		}
		store, err := open(ctx, keyspace)
		if err != nil {
			return err
		}
		set(s, store)
		return nil
	}}
}

func openPebbleTimelines(_ context.Context, s *stores, e config.Engine) error {
	timelines, err := pebblefeed.OpenTimelines(e.Path(s.cfg.Data), feedTrim, s.feedFolder())
	if err != nil {
		return err
	}
	s.timelines = timelines
	s.timelineSize = func(context.Context) (timelineSize, error) {
		memory, disk, err := timelines.Bytes()
		return timelineSize{memory: memory, disk: disk}, err
	}
	s.closing("timelines", timelines)
	return nil
}

func openRedisTimelines(_ context.Context, s *stores, server *redis.Server, e config.Engine) error {
	timelines := redisfeed.NewTimelines(server, redisfeed.Options{
		Trim: feedTrim, SortedSets: e.Text("form") == "zset", Expiry: s.cfg.Feed.Idle,
	})
	s.timelines = timelines
	s.timelineSize = func(ctx context.Context) (timelineSize, error) {
		memory, limit, err := timelines.Bytes(ctx)
		return timelineSize{memory: memory, limit: limit}, err
	}
	return nil
}

var (
	feedShape = feed.Shape{Posts: 16, Graph: 16} // must never change
	feedTrim  = feed.Trim{Above: 1000, Keep: 800}
)
