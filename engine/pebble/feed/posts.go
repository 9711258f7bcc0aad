package feed

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"

	cockroach "github.com/cockroachdb/pebble/v2"

	"agora/engine/pebble"
	"agora/fault"
	"agora/feed"
)

// Posts is the feed.PostStore.
type Posts struct {
	db    *pebble.DB
	seed  maphash.Seed
	locks stripes // held from the read of a post or a claim until its write is durable
}

var _ feed.PostStore = (*Posts)(nil)

// NewPosts returns the store of posts of a database. There must be only one.
func NewPosts(db *DB) *Posts { return &Posts{db: db.db, seed: maphash.MakeSeed()} }

// Insert implements feed.PostStore.
func (s *Posts) Insert(ctx context.Context, posts ...feed.Post) error {
	ids := make([][16]byte, len(posts))
	for i := range posts {
		ids[i] = posts[i].ID
	}
	return s.change(ctx, ids, func(i int, known *feed.Post) {
		if known.ID == posts[i].ID {
			known.At = known.At.First(posts[i].At)
			return
		}
		*known = posts[i]
	})
}

// Delete implements feed.PostStore.
func (s *Posts) Delete(ctx context.Context, posts ...feed.Deletion) error {
	ids := make([][16]byte, len(posts))
	for i := range posts {
		ids[i] = posts[i].ID
	}
	return s.change(ctx, ids, func(i int, known *feed.Post) {
		d := posts[i]
		if known.ID != d.ID {
			known.Author = d.Author
		}
		*known = feed.Post{ID: d.ID, Author: known.Author, At: known.At, Deleted: known.Deleted.First(d.At)}
	})
}

// changed is a post before and after a change. A post that is not there has no identifier.
type changed struct{ before, after feed.Post }

// change reads posts, has them changed, one by one, and writes those that differ.
func (s *Posts) change(ctx context.Context, ids [][16]byte, change func(i int, known *feed.Post)) error {
	unlock := s.locks.lock(ids...)
	defer unlock()
	posts := make(map[feed.PostID]*changed, len(ids))
	for i, id := range ids {
		c, ok := posts[id]
		if !ok {
			known, _, err := s.get(ctx, id)
			if err != nil {
				return err
			}
			c = &changed{before: known, after: known}
			posts[id] = c
		}
		change(i, &c.after)
	}
	var rows []row
	for id, c := range posts {
		after := c.after
		if c.before.ID == after.ID && c.before.At == after.At && c.before.Deleted == after.Deleted {
			continue
		}
		rows = append(rows, row{key(postByID, id[:]), appendPost(nil, after)})
		rows = appendMoved(rows, c.before, after, false)
		rows = appendMoved(rows, c.before, after, true)
		if c.before.ID != after.ID || c.before.At != after.At {
			rows = append(rows, row{authorKey(after.Author, id), binary.AppendUvarint(nil, uint64(after.At))})
		}
	}
	return write(ctx, s.db, rows)
}

func (s *Posts) get(ctx context.Context, id feed.PostID) (p feed.Post, ok bool, err error) {
	value, ok, err := get(ctx, s.db, key(postByID, id[:]))
	if err != nil || !ok {
		return feed.Post{}, false, err
	}
	p, err = decodePost(id, value)
	return p, err == nil, err
}

// Get implements feed.PostStore.
func (s *Posts) Get(ctx context.Context, ids ...feed.PostID) ([]feed.Post, error) {
	found := make([]feed.Post, 0, len(ids))
	for _, id := range ids {
		p, ok, err := s.get(ctx, id)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, p)
		}
	}
	return found, nil
}

// ByAuthor implements feed.PostStore.
func (s *Posts) ByAuthor(ctx context.Context, ranges ...feed.AuthorRange) (lists [][]feed.Entry, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	iter, err := s.db.Pebble().NewIter(&cockroach.IterOptions{LowerBound: key(postByAuthor), UpperBound: key(postByAuthor + 1)})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "posts cannot be listed")
	}
	lists = make([][]feed.Entry, len(ranges))
	for _, i := range inOrder(ranges, func(a, b feed.AuthorRange) int { return a.Author.Compare(b.Author) }) {
		if err == nil {
			lists[i], err = list(iter, ranges[i])
		}
	}
	if closed := iter.Close(); closed != nil {
		return nil, fault.Wrap(fault.Unavailable, closed, "posts cannot be listed")
	}
	return lists, err
}

func list(iter *cockroach.Iterator, r feed.AuthorRange) (entries []feed.Entry, err error) {
	from := authorKey(r.Author, r.Before)
	ok := iter.SeekGE(from)
	if ok && string(iter.Key()) == string(from) {
		ok = iter.Next()
	}
	for ; ok && len(entries) < r.Limit && string(iter.Key()[:17]) == string(from[:17]); ok = iter.Next() {
		e := feed.Entry{Author: r.Author}
		for i, b := range iter.Key()[17:] {
			e.Post[i] = ^b
		}
		d := pebble.Decoder{Rest: iter.Value()}
		if e.At = feed.Position(d.Uvarint()); d.Failed {
			return nil, fmt.Errorf("post %s of %s: %w", e.Post, r.Author, errDamaged)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func authorKey(author feed.UserID, post feed.PostID) []byte {
	for i := range post {
		post[i] = ^post[i]
	}
	return key(postByAuthor, author[:], post[:])
}

// Claim implements feed.PostStore.
func (s *Posts) Claim(ctx context.Context, c feed.Claim) (feed.PostID, error) {
	at := key(claims, c.Author[:], []byte(c.Key))
	unlock := s.locks.lock([16]byte{15: byte(maphash.Bytes(s.seed, at))})
	defer unlock()
	value, ok, err := get(ctx, s.db, at)
	if err != nil {
		return feed.PostID{}, err
	}
	if !ok {
		return c.ID, write(ctx, s.db, []row{{at, append(append([]byte{}, c.Hash[:]...), c.ID[:]...)}})
	}
	d := pebble.Decoder{Rest: value}
	hash, id := d.Bytes(len(c.Hash)), d.Bytes(len(c.ID))
	if d.Failed {
		return feed.PostID{}, fmt.Errorf("claim of %s: %w", c.Author, errDamaged)
	}
	if string(hash) != string(c.Hash[:]) {
		return feed.PostID{}, feed.ErrKeyReused()
	}
	return feed.PostID(id), write(ctx, s.db, nil)
}
