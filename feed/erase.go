package feed

import (
	"context"
	"slices"
	"time"

	"agora/pattern/eventlog"
)

// eraseAtOnce is how many records an erasure appends at a time.
const eraseAtOnce = 500

// Erase removes a user's posts, timeline, follows, blocks and mutes, and the follows and blocks of the user by others. The
// user must not be able to write any more. An erasure that fails is completed by the next call. The log has the texts of
// the posts until its retention ends. Mutes of the user by others stay, and mean nothing.
func (s *Service) Erase(ctx context.Context, user UserID) error {
	if err := s.erasePosts(ctx, user); err != nil {
		return err
	}
	edges, err := s.edges(ctx, user)
	if err != nil {
		return err
	}
	var on []EdgeKey
	for key, e := range edges {
		if e.On {
			on = append(on, key)
		}
	}
	if err := s.turnOff(ctx, on); err != nil {
		return err
	}
	for p := range s.Shape.Graph {
		if err := s.eraseFollowers(ctx, user, p); err != nil {
			return err
		}
	}
	head, ok, err := s.Timelines.Head(ctx)
	if err != nil || !ok {
		return err
	}
	return s.Timelines.Drop(ctx, head.Epoch, user)
}

func (s *Service) erasePosts(ctx context.Context, author UserID) error {
	pin := s.Tail.Pin()
	defer pin.Release()
	before := lastPostID
	for {
		entries, ended, err := s.entries(ctx, pin, AuthorRange{author, before, eraseAtOnce})
		if err != nil {
			return err
		}
		posts, err := s.hydrate(ctx, pin, entries)
		if err != nil {
			return err
		}
		if err := s.deleteAll(ctx, author, posts); err != nil || ended {
			return err
		}
		before = entries[len(entries)-1].Post
	}
}

// deleteAll deletes posts of one author.
func (s *Service) deleteAll(ctx context.Context, author UserID, posts []Post) error {
	if len(posts) == 0 {
		return nil
	}
	records := make([]eventlog.Record, len(posts))
	for i := range posts {
		records[i] = deleteRecord(posts[i].ID, author, time.Now())
	}
	at, err := s.Log.Append(ctx, PostsTopic, records...)
	if err != nil {
		return err
	}
	deletions := make([]Deletion, len(posts))
	for i := range posts {
		deletions[i] = Deletion{ID: posts[i].ID, Author: author, At: At(s.Epoch, at[i].Offset)}
	}
	return s.Posts.Delete(ctx, deletions...)
}

func (s *Service) eraseFollowers(ctx context.Context, user UserID, partition int) error {
	var from UserID
	for {
		followers, err := s.Graph.Followers(ctx, user, partition, from, eraseAtOnce)
		if err != nil {
			return err
		}
		keys := make([]EdgeKey, len(followers))
		for i, follower := range followers {
			keys[i] = EdgeKey{Follow, follower, user}
		}
		if err := s.turnOff(ctx, keys); err != nil || len(followers) < eraseAtOnce {
			return err
		}
		from = followers[len(followers)-1].Next()
	}
}

func (s *Service) turnOff(ctx context.Context, keys []EdgeKey) error {
	for chunk := range slices.Chunk(keys, eraseAtOnce) {
		records := make([]eventlog.Record, len(chunk))
		for i, key := range chunk {
			records[i] = EdgeRecord(key, false, time.Now())
		}
		if _, err := s.Log.Append(ctx, GraphTopic, records...); err != nil {
			return err
		}
	}
	return nil
}
