package feed

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"slices"

	"agora/fault"
)

// PostList is a page of the posts of an author, newest first.
type PostList struct {
	Posts []Post
	Next  string // cursor of the next page; empty at the end
}

// UserList is a page of users.
type UserList struct {
	Users []UserID
	Next  string // cursor of the next page; empty at the end
}

// PostsBy returns posts of an author, as far as the reader may see them.
func (s *Service) PostsBy(ctx context.Context, reader, author UserID, cursor string, limit int) (PostList, error) {
	before, err := parsePostCursor(cursor)
	if err != nil {
		return PostList{}, err
	}
	if err := s.visit(ctx, reader, author); err != nil {
		return PostList{}, err
	}
	pin := s.Tail.Pin()
	defer pin.Release()
	var list PostList
	for ended := false; !ended && len(list.Posts) <= limit; {
		var entries []Entry
		if entries, ended, err = s.entries(ctx, pin, AuthorRange{author, before, limit + 1}); err != nil {
			return PostList{}, err
		}
		posts, err := s.hydrate(ctx, pin, entries)
		if err != nil {
			return PostList{}, err
		}
		list.Posts = append(list.Posts, posts...)
		if !ended {
			before = entries[len(entries)-1].Post
		}
	}
	if len(list.Posts) > limit {
		list.Posts = list.Posts[:limit]
		list.Next = list.Posts[limit-1].ID.String()
	}
	return list, nil
}

// entries returns the newest posts of a range from the tail and the store, and whether there are no others below them.
func (s *Service) entries(ctx context.Context, pin *Pin, r AuthorRange) (entries []Entry, ended bool, err error) {
	lists, err := s.Posts.ByAuthor(ctx, r)
	if err != nil {
		return nil, false, err
	}
	entries, ended = lists[0], len(lists[0]) < r.Limit
	held := pin.entriesOf(r.Author, r.Before)
	if !ended {
		last := entries[len(entries)-1].Post
		held = slices.DeleteFunc(held, func(e Entry) bool { return e.Post.Compare(last) < 0 })
	}
	return unite(entries, held), ended, nil
}

// hydrate returns the posts of entries, in their order, without those that are deleted.
func (s *Service) hydrate(ctx context.Context, pin *Pin, entries []Entry) ([]Post, error) {
	posts := make([]Post, len(entries)) // one without an identifier is not shown
	missing := pin.hydrate(entries, posts)
	ids := make([]PostID, len(missing))
	places := make(map[PostID]int, len(missing))
	for i, place := range missing {
		ids[i], places[entries[place].Post] = entries[place].Post, place
	}
	if len(ids) > 0 {
		stored, err := s.Posts.Get(ctx, ids...)
		if err != nil {
			return nil, err
		}
		for _, p := range stored {
			if p.Deleted == 0 {
				posts[places[p.ID]] = p
			}
		}
	}
	return slices.DeleteFunc(posts, func(p Post) bool { return p.ID == PostID{} }), nil
}

// Following returns whom a user follows, in the order of their identifiers, as far as the reader may know of them.
func (s *Service) Following(ctx context.Context, reader, user UserID, cursor string, limit int) (UserList, error) {
	from, err := parseUserCursor(cursor)
	if err != nil {
		return UserList{}, err
	}
	if err := s.visit(ctx, reader, user); err != nil {
		return UserList{}, err
	}
	edges, err := s.edges(ctx, user)
	if err != nil {
		return UserList{}, err
	}
	var found []UserID
	for key, e := range edges {
		if e.On && key.Kind == Follow && key.To.Compare(from) >= 0 && !blocked(edges, user, key.To) {
			found = append(found, key.To)
		}
	}
	if found, err = s.shown(ctx, reader, found); err != nil {
		return UserList{}, err
	}
	slices.SortFunc(found, UserID.Compare)
	if len(found) <= limit {
		return UserList{Users: found}, nil
	}
	return UserList{Users: found[:limit], Next: found[limit].String()}, nil
}

// Followers returns who follows a user, as far as the reader may know of them. A new follower appears when the timelines
// are written next, within seconds.
func (s *Service) Followers(ctx context.Context, reader, user UserID, cursor string, limit int) (UserList, error) {
	from, err := parseFollowerCursor(cursor, s.Shape)
	if err != nil {
		return UserList{}, err
	}
	if err := s.visit(ctx, reader, user); err != nil {
		return UserList{}, err
	}
	hidden, err := s.edges(ctx, user)
	if err != nil {
		return UserList{}, err
	}
	var list UserList
	for from.partition < s.Shape.Graph {
		want := limit + 1 - len(list.Users)
		found, err := s.Graph.Followers(ctx, user, from.partition, from.user, want)
		if err != nil {
			return UserList{}, err
		}
		ended := len(found) < want
		if !ended {
			from.user = found[len(found)-1].Next()
		}
		found = slices.DeleteFunc(found, func(id UserID) bool { return blocked(hidden, user, id) })
		if found, err = s.shown(ctx, reader, found); err != nil {
			return UserList{}, err
		}
		list.Users = append(list.Users, found...)
		if len(list.Users) > limit {
			list.Users = list.Users[:limit]
			last := list.Users[limit-1]
			list.Next = followerCursor{s.Shape.GraphOf(last), last.Next()}.encode()
			break
		}
		if ended {
			from = followerCursor{partition: from.partition + 1}
		}
	}
	return list, nil
}

// shown returns the users of a list without those who block the reader or whom the reader blocks.
func (s *Service) shown(ctx context.Context, reader UserID, users []UserID) ([]UserID, error) {
	if reader == Visitor || len(users) == 0 {
		return users, nil
	}
	edges, err := s.edges(ctx, reader)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(users, func(id UserID) bool { return blocked(edges, reader, id) }), nil
}

func parsePostCursor(s string) (PostID, error) {
	if s == "" {
		return lastPostID, nil
	}
	id, err := ParsePostID(s)
	if err != nil {
		return PostID{}, errListCursor()
	}
	return id, nil
}

func parseUserCursor(s string) (UserID, error) {
	if s == "" {
		return UserID{}, nil
	}
	id, err := ParseUserID(s)
	if err != nil {
		return UserID{}, errListCursor()
	}
	return id, nil
}

// followerCursor is where a list of followers goes on.
type followerCursor struct {
	partition int
	user      UserID // the first one that the page may have
}

// encode returns the cursor as clients have it: the partition and the identifier that the page begins with.
func (c followerCursor) encode() string {
	return base64.RawURLEncoding.EncodeToString(append(binary.AppendUvarint(nil, uint64(c.partition)), c.user[:]...))
}

func parseFollowerCursor(s string, shape Shape) (followerCursor, error) {
	if s == "" {
		return followerCursor{}, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return followerCursor{}, errListCursor()
	}
	partition, n := binary.Uvarint(b)
	if n <= 0 || partition >= uint64(shape.Graph) || len(b) != n+len(UserID{}) {
		return followerCursor{}, errListCursor()
	}
	return followerCursor{int(partition), UserID(b[n:])}, nil
}

func errListCursor() error { return fault.ErrInvalid("cursor", "is not a cursor of this list") }
