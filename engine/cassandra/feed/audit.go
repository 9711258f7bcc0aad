package feed

import (
	"context"
	"fmt"

	"agora/engine/cassandra"
	"agora/feed"
)

// The statements that read whole tables. Cassandra has each row on the nodes of its own, so that the order is none that means anything.
const (
	selectAllPosts = `SELECT post, author, at, content, deleted FROM posts`
	selectUsers    = `SELECT DISTINCT user FROM relations`
	selectCounted  = `SELECT DISTINCT user FROM counts`
)

var (
	_ feed.PostScan = (*Posts)(nil)
	_ feed.UserScan = (*Graph)(nil)
)

// EachPost implements feed.PostScan.
func (s *Posts) EachPost(ctx context.Context, visit func(feed.Post) error) error {
	var (
		row row
		id  []byte
	)
	return s.keyspace.Read(ctx, cassandra.Of(selectAllPosts), append([]any{&id}, row.columns()...), func() error {
		if len(id) != len(feed.PostID{}) {
			return fmt.Errorf("a post: %w", errDamaged)
		}
		p, err := row.post(feed.PostID(id))
		if err != nil {
			return err
		}
		return visit(p)
	})
}

// EachUser implements feed.UserScan: who has relations, and of the others who has followers that were counted.
func (g *Graph) EachUser(ctx context.Context, visit func(feed.UserID) error) error {
	if err := g.eachUser(ctx, selectUsers, visit); err != nil {
		return err
	}
	return g.eachUser(ctx, selectCounted, func(user feed.UserID) error {
		var applied map[int]int64
		there, err := g.keyspace.Get(ctx, cassandra.Of(selectApplied, user[:]), &applied)
		if err != nil || there {
			return err
		}
		return visit(user)
	})
}

func (g *Graph) eachUser(ctx context.Context, statement string, visit func(feed.UserID) error) error {
	var user []byte
	return g.keyspace.Read(ctx, cassandra.Of(statement), []any{&user}, func() error {
		if len(user) != len(feed.UserID{}) {
			return fmt.Errorf("a user: %w", errDamaged)
		}
		return visit(feed.UserID(user))
	})
}
