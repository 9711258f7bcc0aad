package feed

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"time"
	"unicode"
	"unicode/utf8"

	"agora/fault"
	"agora/pattern/eventlog"
)

// The bounds of a post.
const (
	MaxText     = 1000 // characters
	MaxMedia    = 4    // links
	MaxMediaURL = 500  // bytes
)

// maxWait bounds how long a write waits for the tail of its server.
const maxWait = time.Second

// NewPost is a post as its author sends it.
type NewPost struct {
	Text    string
	Product string
	ReplyTo PostID // zero for a post that answers none
	Media   []string
}

// Check reports why the post cannot be taken.
func (n NewPost) Check() error {
	var c fault.Collector
	characters := utf8.RuneCountInString(n.Text)
	c.Check(utf8.ValidString(n.Text), "text", "is not UTF-8")
	c.Check(characters >= 1 && characters <= MaxText, "text", "has to have 1 to %d characters", MaxText)
	for _, r := range n.Text {
		if unicode.IsControl(r) && r != '\n' {
			c.Add("text", "has a control character")
			break
		}
	}
	c.Check(len(n.Media) <= MaxMedia, "media", "has to have at most %d links", MaxMedia)
	for i, link := range n.Media[:min(len(n.Media), MaxMedia)] {
		u, err := url.Parse(link)
		ok := err == nil && len(link) <= MaxMediaURL && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
		c.Check(ok, fmt.Sprintf("media[%d]", i), "has to be an http or https URL of at most %d bytes without a user", MaxMediaURL)
	}
	return c.Err()
}

// Service takes writes. Each of them returns the reach that includes it: a page that is read after that reach shows it.
type Service struct {
	Shape  Shape
	Epoch  Epoch
	Log    eventlog.Log
	Posts  PostStore
	Graph  GraphStore
	Tail   *Tail // RunTail keeps it up to date
	Logger *slog.Logger
}

// Post publishes a post. With an Idempotency-Key, a retry returns the post of the first try, or ErrNoPost if that was
// deleted since. The post exists when it is in the log, even if the PostStore fails: the builder inserts it then.
func (s *Service) Post(ctx context.Context, author UserID, n NewPost, key string) (Post, Reach, error) {
	if err := n.Check(); err != nil {
		return Post{}, Reach{}, err
	}
	p := Post{ID: NewPostID(), Author: author, Text: n.Text, Product: n.Product, ReplyTo: n.ReplyTo, Media: n.Media}
	if n.ReplyTo != (PostID{}) {
		parent, err := s.Get(ctx, author, n.ReplyTo)
		if err != nil {
			return Post{}, Reach{}, err
		}
		p.Parent = Parent{Partition: s.Shape.PostsOf(parent.Author), At: parent.At}
	}
	if key != "" {
		known, err := s.claim(ctx, Claim{Author: author, Key: key, Hash: n.hash(), ID: p.ID})
		if err != nil {
			return Post{}, Reach{}, err
		}
		if known.Author == author {
			return known, s.Tail.Reach(), nil
		}
		p.ID = known.ID
	}
	p.CreatedAt = p.ID.Made() // not the clock: a retry after a crash has to append the same post
	at, err := s.append(ctx, PostsTopic, postRecord(&p))
	if err != nil {
		return Post{}, Reach{}, err
	}
	p.At = at
	if err := s.Posts.Insert(ctx, p); err != nil {
		s.warn("a post is in the log, and not yet in the store of posts", err)
	}
	reach, err := s.reached(ctx, PostsTopic, s.Shape.PostsOf(author), at)
	return p, reach, err
}

// claim returns the post of the first request with an Idempotency-Key. If that was not appended yet, it has nothing but
// the identifier to append it under.
func (s *Service) claim(ctx context.Context, c Claim) (Post, error) {
	id, err := s.Posts.Claim(ctx, c)
	if err != nil || id == c.ID {
		return Post{ID: id}, err
	}
	known, deleted, err := s.lookUp(ctx, id)
	if fault.Is(err, fault.NotFound) && !deleted {
		return Post{ID: id}, nil
	}
	return known, err
}

func (n NewPost) hash() [32]byte {
	body, err := json.Marshal(n)
	if err != nil {
		panic("feed: " + err.Error()) // all fields are texts
	}
	return sha256.Sum256(body)
}

// Delete deletes a post of the author, or of anyone for an admin. A post that is deleted already stays so.
func (s *Service) Delete(ctx context.Context, actor UserID, admin bool, id PostID) (Reach, error) {
	p, err := s.find(ctx, id)
	if err != nil {
		return Reach{}, err
	}
	if p.Author != actor && !admin {
		return Reach{}, fault.New(fault.Denied, "not_your_post", "only its author and admins delete a post")
	}
	at, err := s.append(ctx, PostsTopic, deleteRecord(id, p.Author, time.Now()))
	if err != nil {
		return Reach{}, err
	}
	if err := s.Posts.Delete(ctx, Deletion{ID: id, Author: p.Author, At: at}); err != nil {
		s.warn("a deletion is in the log, and not yet in the store of posts", err)
	}
	return s.reached(ctx, PostsTopic, s.Shape.PostsOf(p.Author), at)
}

// Set turns an edge on or off. An edge that is so already stays as it is.
func (s *Service) Set(ctx context.Context, key EdgeKey, on bool) (Reach, error) {
	if key.From == key.To {
		return Reach{}, fault.ErrInvalid("id", "is your own")
	}
	at, err := s.append(ctx, GraphTopic, edgeRecord(key, on, time.Now()))
	if err != nil {
		return Reach{}, err
	}
	return s.reached(ctx, GraphTopic, s.Shape.GraphOf(key.From), at)
}

// Get returns a post, unless it is deleted, or one of its author and the reader blocks the other. A reader who is not
// signed in is the zero UserID.
func (s *Service) Get(ctx context.Context, reader UserID, id PostID) (Post, error) {
	p, err := s.find(ctx, id)
	if err != nil || reader == (UserID{}) || reader == p.Author {
		return p, err
	}
	pin := s.Tail.Pin()
	defer pin.Release()
	rel, err := s.Graph.Relations(ctx, reader)
	if err != nil {
		return Post{}, err
	}
	edges := map[EdgeKey]Edge{}
	for _, e := range rel.Blocks {
		edges[e.EdgeKey] = e
	}
	pin.overlay(reader, edges)
	if edges[EdgeKey{Block, reader, p.Author}].On || edges[EdgeKey{Block, p.Author, reader}].On {
		return Post{}, ErrNoPost(id)
	}
	return p, nil
}

// find returns a post that is not deleted.
func (s *Service) find(ctx context.Context, id PostID) (Post, error) {
	p, _, err := s.lookUp(ctx, id)
	return p, err
}

// lookUp returns a post, or ErrNoPost. deleted tells a deleted post from one that this server does not know.
func (s *Service) lookUp(ctx context.Context, id PostID) (p Post, deleted bool, err error) {
	pin := s.Tail.Pin()
	defer pin.Release()
	held, deleted := pin.post(id)
	if deleted {
		return Post{}, true, ErrNoPost(id)
	}
	found, err := s.Posts.Get(ctx, id)
	switch {
	case err != nil:
		return Post{}, false, err
	case len(found) > 0 && found[0].Deleted == 0:
		return found[0], false, nil
	case len(found) == 0 && held != nil:
		return *held, false, nil
	}
	return Post{}, len(found) > 0, ErrNoPost(id)
}

func (s *Service) append(ctx context.Context, topic string, r eventlog.Record) (Position, error) {
	at, err := s.Log.Append(ctx, topic, r)
	if err != nil {
		return 0, err
	}
	return At(s.Epoch, at[0].Offset), nil
}

// reached waits until the tail has a record, so that the next read of this server shows it. It gives up after
// maxWait: the record is in the log all the same.
func (s *Service) reached(ctx context.Context, topic string, partition int, at Position) (Reach, error) {
	reach := s.Tail.Reach()
	want := Reach{Posts: reach.Posts, Graph: reach.Graph}
	if topic == GraphTopic {
		want.Graph = want.Graph.with(partition, max(want.Graph[partition], at+1))
	} else {
		want.Posts = want.Posts.with(partition, max(want.Posts[partition], at+1))
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	if err := s.Tail.Wait(ctx, want); err != nil {
		return want, nil // the write is done; a read after want waits by itself
	}
	return s.Tail.Reach(), nil
}

func (s *Service) warn(message string, err error) {
	if s.Logger != nil {
		s.Logger.Warn(message, "error", err)
	}
}
