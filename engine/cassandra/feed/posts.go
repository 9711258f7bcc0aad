package feed

import (
	"context"
	"errors"
	"fmt"

	"agora/engine/cassandra"
	"agora/feed"
)

// The statements of posts.
const (
	insertPost   = `INSERT INTO posts (post, author, at, content) VALUES (?, ?, ?, ?) USING TIMESTAMP ?`
	insertEntry  = `INSERT INTO posts_by_author (author, month, post, at) VALUES (?, ?, ?, ?) USING TIMESTAMP ?`
	insertNoPost = `INSERT INTO posts_by_author (author, month, post) VALUES (?, ?, ?) USING TIMESTAMP ?`
	insertChange = `INSERT INTO changes (author, at, post, deleted) VALUES (?, ?, ?, ?) USING TIMESTAMP 1`
	insertMonth  = `INSERT INTO months (author, month) VALUES (?, ?) USING TIMESTAMP 1`
	deletePost   = `INSERT INTO posts (post, author, deleted) VALUES (?, ?, ?) USING TIMESTAMP ?`
	dropContent  = `UPDATE posts USING TIMESTAMP ? SET content = '' WHERE post = ?`

	selectPost    = `SELECT author, at, content, deleted FROM posts WHERE post = ?`
	selectMonths  = `SELECT month FROM months WHERE author = ? AND month <= ?`
	selectEntries = `SELECT post, at FROM posts_by_author WHERE author = ? AND month = ? AND post < ? LIMIT ?`

	selectChanges = `SELECT at, post, deleted FROM changes WHERE author = ? AND at >= ? AND at < ? LIMIT ?`
)

// Posts is the feed.PostStore. Of several records of one post, the one with the lowest position is the post, with all that
// it says.
type Posts struct {
	keyspace *cassandra.Keyspace
	months   knownMonths
}

var _ feed.PostStore = (*Posts)(nil)

// OpenPosts returns the store of posts of a keyspace, and creates its tables if they are not there.
func OpenPosts(ctx context.Context, keyspace *cassandra.Keyspace) (*Posts, error) {
	if err := keyspace.Migrate(ctx, migrations, "posts"); err != nil {
		return nil, err
	}
	return &Posts{keyspace: keyspace}, nil
}

// month returns the month that a post is listed in: year * 12 + month of the year, from 0.
func month(id feed.PostID) int {
	made := id.Made()
	return made.Year()*12 + int(made.Month()) - 1
}

// Insert implements feed.PostStore.
func (s *Posts) Insert(ctx context.Context, posts ...feed.Post) error {
	return cassandra.Each(ctx, len(posts), func(ctx context.Context, i int) error {
		p := &posts[i]
		text, err := encodeContent(p)
		if err != nil {
			return fmt.Errorf("encode post %s: %w", p.ID, err)
		}
		timestamp := lowestWins(p.At)
		return s.write(ctx, p.Author, feed.Change{At: p.At, Post: p.ID},
			cassandra.Of(insertEntry, p.Author[:], month(p.ID), p.ID[:], int64(p.At), timestamp),
			cassandra.Of(insertPost, p.ID[:], p.Author[:], int64(p.At), text, timestamp))
	})
}

// Delete implements feed.PostStore.
func (s *Posts) Delete(ctx context.Context, posts ...feed.Deletion) error {
	return cassandra.Each(ctx, len(posts), func(ctx context.Context, i int) error {
		d := &posts[i]
		return s.write(ctx, d.Author, feed.Change{At: d.At, Post: d.ID, Deleted: true},
			cassandra.Of(insertNoPost, d.Author[:], month(d.ID), d.ID[:], lowestWins(0)),
			cassandra.Of(deletePost, d.ID[:], d.Author[:], int64(d.At), lowestWins(d.At)),
			cassandra.Of(dropContent, int64(final), d.ID[:]))
	})
}

// write writes a post and the month that it is listed in, and after that what lists it: what is listed is there.
func (s *Posts) write(ctx context.Context, author feed.UserID, c feed.Change, entry cassandra.Statement, post ...cassandra.Statement) error {
	writes := stage{post}
	in := authorMonth{author, month(c.Post)}
	if !s.months.has(in) {
		writes = append(writes, []cassandra.Statement{cassandra.Of(insertMonth, author[:], in.month)})
	}
	if err := s.keyspace.WriteAll(ctx, writes...); err != nil {
		return err
	}
	s.months.add(in)
	return s.keyspace.WriteAll(ctx, []cassandra.Statement{entry},
		[]cassandra.Statement{cassandra.Of(insertChange, author[:], int64(c.At), c.Post[:], c.Deleted)})
}

// Get implements feed.PostStore.
func (s *Posts) Get(ctx context.Context, ids ...feed.PostID) ([]feed.Post, error) {
	read := make([]feed.Post, len(ids))
	there := make([]bool, len(ids))
	err := cassandra.Each(ctx, len(ids), func(ctx context.Context, i int) (err error) {
		read[i], there[i], err = s.get(ctx, ids[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	found := read[:0]
	for i, p := range read {
		if there[i] {
			found = append(found, p)
		}
	}
	return found, nil
}

func (s *Posts) get(ctx context.Context, id feed.PostID) (p feed.Post, ok bool, err error) {
	var row row
	ok, err = s.keyspace.Get(ctx, cassandra.Of(selectPost, id[:]), row.columns()...)
	if err != nil || !ok {
		return feed.Post{}, false, err
	}
	p, err = row.post(id)
	return p, err == nil, err
}

// row is a row of the table posts without its identifier.
type row struct {
	author      []byte
	at, deleted int64
	content     string
}

// columns returns where author, at, content and deleted are read to.
func (r *row) columns() []any { return []any{&r.author, &r.at, &r.content, &r.deleted} }

// post returns the post of the row.
func (r *row) post(id feed.PostID) (feed.Post, error) {
	p := feed.Post{ID: id, At: feed.Position(r.at), Deleted: feed.Position(r.deleted)}
	copy(p.Author[:], r.author)
	var err error
	if r.deleted == 0 {
		err = decodeContent(r.content, &p)
	}
	if err != nil || len(r.author) != len(p.Author) {
		return feed.Post{}, fmt.Errorf("post %s: %w", id, errors.Join(errDamaged, err))
	}
	return p, nil
}

// ByAuthor implements feed.PostStore. Months are read one after the other, the ranges at the same time.
func (s *Posts) ByAuthor(ctx context.Context, ranges ...feed.AuthorRange) ([][]feed.Entry, error) {
	lists := make([][]feed.Entry, len(ranges))
	err := cassandra.Each(ctx, len(ranges), func(ctx context.Context, i int) (err error) {
		lists[i], err = s.byAuthor(ctx, ranges[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return lists, nil
}

func (s *Posts) byAuthor(ctx context.Context, r feed.AuthorRange) (entries []feed.Entry, err error) {
	var (
		months []int
		m      int
	)
	err = s.keyspace.Read(ctx, cassandra.Of(selectMonths, r.Author[:], month(r.Before)), []any{&m}, func() error {
		months = append(months, m)
		return nil
	})
	for _, m := range months {
		if err != nil || len(entries) >= r.Limit {
			break
		}
		var (
			id []byte
			at int64
		)
		page := cassandra.Of(selectEntries, r.Author[:], m, r.Before[:], r.Limit-len(entries))
		err = s.keyspace.Read(ctx, page, []any{&id, &at}, func() error {
			if len(id) != len(feed.PostID{}) {
				return fmt.Errorf("posts of %s: %w", r.Author, errDamaged)
			}
			entries = append(entries, feed.Entry{Post: feed.PostID(id), Author: r.Author, At: feed.Position(at)})
			return nil
		})
	}
	return entries, err
}

// Changes implements feed.PostStore.
func (s *Posts) Changes(ctx context.Context, ranges ...feed.ChangeRange) ([][]feed.Change, error) {
	lists := make([][]feed.Change, len(ranges))
	err := cassandra.Each(ctx, len(ranges), func(ctx context.Context, i int) (err error) {
		lists[i], err = s.changes(ctx, ranges[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return lists, nil
}

func (s *Posts) changes(ctx context.Context, r feed.ChangeRange) (changes []feed.Change, err error) {
	var (
		at      int64
		post    []byte
		deleted bool
	)
	page := cassandra.Of(selectChanges, r.Author[:], max(int64(r.From), 1), int64(r.To), r.Limit)
	err = s.keyspace.Read(ctx, page, []any{&at, &post, &deleted}, func() error {
		if len(post) != len(feed.PostID{}) {
			return fmt.Errorf("changes of %s: %w", r.Author, errDamaged)
		}
		changes = append(changes, feed.Change{At: feed.Position(at), Post: feed.PostID(post), Deleted: deleted})
		return nil
	})
	return changes, err
}
