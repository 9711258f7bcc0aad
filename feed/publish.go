package feed

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
	"unicode"
	"unicode/utf8"

	"agora/fault"
	"agora/ident"
)

// The bounds of a post.
const (
	MaxText     = 1000 // characters
	MaxMedia    = 4    // links
	MaxMediaURL = 500  // bytes
)

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
	if n.Product != "" {
		if err := ident.Check(ident.Product, n.Product); err != nil {
			c.Add("product_id", "%v", err)
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

// Post publishes a post. With an Idempotency-Key, a retry returns the post of the first try, or ErrNoPost if that was
// deleted since. The post exists when it is in the log, even if the PostStore fails: the builder inserts it then.
func (s *Service) Post(ctx context.Context, author UserID, n NewPost, key string) (Post, Reach, error) {
	if err := n.Check(); err != nil {
		return Post{}, Reach{}, err
	}
	if err := s.mayPost(ctx, author); err != nil {
		return Post{}, Reach{}, err
	}
	p := Post{ID: NewPostID(), Author: author, Text: n.Text, Product: n.Product, ReplyTo: n.ReplyTo, Media: n.Media}
	if err := s.checkProduct(ctx, n.Product); err != nil {
		return Post{}, Reach{}, err
	}
	if n.ReplyTo != (PostID{}) {
		parent, err := s.Get(ctx, author, n.ReplyTo)
		if fault.Is(err, fault.NotFound) {
			err = fault.ErrInvalid("reply_to", "does not exist")
		}
		if err != nil {
			return Post{}, Reach{}, err
		}
		p.Parent = Parent{Partition: s.Shape.PostsOf(parent.Author), At: parent.At}
	}
	if key != "" {
		known, published, err := s.claim(ctx, Claim{Author: author, Key: key, Hash: n.hash(), ID: p.ID})
		if err != nil {
			return Post{}, Reach{}, err
		}
		if published {
			reach, err := s.reached(ctx, PostsTopic, s.Shape.PostsOf(author), known.At)
			return known, reach, err
		}
		p.ID = known.ID
	}
	p.CreatedAt = p.ID.Made() // not the clock: a retry after a crash has to append the same post
	at, err := s.append(ctx, PostsTopic, PostRecord(&p))
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

// mayPost returns an Exhausted error for an author who posts too much.
func (s *Service) mayPost(ctx context.Context, author UserID) error {
	if s.Posting == nil {
		return nil
	}
	decision, err := s.Posting.Allow(ctx, author.String())
	if err != nil || decision.OK {
		return err
	}
	exhausted := fault.New(fault.Exhausted, "too_many_posts", "you post too often")
	exhausted.RetryAfter = decision.RetryAfter
	return exhausted
}

// claim returns the post of the first request with an Idempotency-Key. If that was not published yet, it has nothing but
// the identifier to publish it under.
func (s *Service) claim(ctx context.Context, c Claim) (p Post, published bool, err error) {
	id, err := s.Posts.Claim(ctx, c)
	if err != nil || id == c.ID {
		return Post{ID: id}, false, err
	}
	known, deleted, err := s.lookUp(ctx, id)
	if fault.Is(err, fault.NotFound) && !deleted {
		return Post{ID: id}, false, nil
	}
	return known, true, err
}

func (n NewPost) hash() [32]byte {
	body, err := json.Marshal(n)
	if err != nil {
		panic("feed: " + err.Error()) // all fields are texts
	}
	return sha256.Sum256(body)
}

// Delete deletes a post of the actor, or of anyone for an admin. A post that is deleted already stays so.
func (s *Service) Delete(ctx context.Context, actor UserID, admin bool, id PostID) (Reach, error) {
	p, err := s.find(ctx, id)
	if err != nil {
		return Reach{}, err
	}
	if p.Author != actor && !admin {
		if _, err := s.Get(ctx, actor, id); err != nil {
			return Reach{}, err
		}
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
