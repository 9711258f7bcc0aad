package feedtest

import (
	"reflect"
	"testing"

	"agora/fault"
	"agora/feed"
)

// Posts tests a store of posts. open returns an empty one and sees to its end.
func Posts(t *testing.T, open func(t *testing.T) feed.PostStore) {
	for name, test := range map[string]func(*testing.T, feed.PostStore){
		"insert and get": testInsert, "delete": testDelete, "by author": testByAuthor, "claim": testClaim,
		"changes": testChanges, "each post": testEachPost,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func get(t *testing.T, s feed.PostStore, id feed.PostID) feed.Post {
	t.Helper()
	found, err := s.Get(t.Context(), id)
	if err != nil || len(found) != 1 {
		t.Fatalf("Get = %v, %v; want one post", found, err)
	}
	return found[0]
}

func testInsert(t *testing.T, s feed.PostStore) {
	p := post(1, 1, feed.At(1, 5))
	p.ReplyTo, p.Parent, p.Product = feed.PostID{14: 1}, feed.Parent{Partition: 1, At: feed.At(1, 2)}, "prd_1"
	mustDo(t, s.Insert(t.Context(), p))
	if got := get(t, s, p.ID); got.Text != p.Text || got.Author != p.Author || got.ReplyTo != p.ReplyTo ||
		got.Product != p.Product || !reflect.DeepEqual(got.Media, p.Media) || !got.CreatedAt.Equal(p.CreatedAt) || got.At != p.At {
		t.Errorf("Get = %+v, want %+v", got, p)
	}
	later := p
	later.Text, later.At = "other", feed.At(1, 9)
	mustDo(t, s.Insert(t.Context(), later))
	if got := get(t, s, p.ID); got.Text != p.Text || got.At != p.At {
		t.Errorf("a second Insert left %+v, want %+v", got, p)
	}
	later.At = feed.At(1, 3)
	mustDo(t, s.Insert(t.Context(), later))
	if got := get(t, s, p.ID); got.At != later.At {
		t.Errorf("the post is at %v, want the lowest position %v", got.At, later.At)
	}
	if found, err := s.Get(t.Context(), feed.PostID{1}); err != nil || len(found) != 0 {
		t.Errorf("Get of no post = %v, %v", found, err)
	}
}

func testDelete(t *testing.T, s feed.PostStore) {
	p := post(1, 1, feed.At(1, 5))
	mustDo(t, s.Insert(t.Context(), p))
	for _, at := range []feed.Position{feed.At(1, 8), feed.At(1, 7), feed.At(1, 9)} {
		mustDo(t, s.Delete(t.Context(), feed.Deletion{ID: p.ID, Author: p.Author, At: at}))
	}
	mustDo(t, s.Insert(t.Context(), p))
	if got := get(t, s, p.ID); got.Deleted != feed.At(1, 7) || got.Text != "" || len(got.Media) != 0 || got.At != p.At {
		t.Errorf("a deleted post is %+v, want one without content, deleted at %v", got, feed.At(1, 7))
	}
	early := post(2, 1, feed.At(1, 6)) // its deletion comes first
	mustDo(t, s.Delete(t.Context(), feed.Deletion{ID: early.ID, Author: early.Author, At: feed.At(1, 10)}))
	if got := get(t, s, early.ID); got.At != 0 || got.Deleted != feed.At(1, 10) {
		t.Errorf("a post of which only the deletion is known is %+v", got)
	}
	mustDo(t, s.Insert(t.Context(), early))
	if got := get(t, s, early.ID); got.Deleted != feed.At(1, 10) || got.Text != "" || got.At != early.At {
		t.Errorf("a post inserted after its deletion is %+v, want it deleted", got)
	}
	lists, err := s.ByAuthor(t.Context(), feed.AuthorRange{Author: p.Author, Before: last, Limit: 10})
	if err != nil || len(lists[0]) != 2 {
		t.Errorf("ByAuthor = %v, %v; want the two deleted posts", lists, err)
	}
}

func testByAuthor(t *testing.T, s feed.PostStore) {
	for n := byte(1); n <= 9; n++ {
		mustDo(t, s.Insert(t.Context(), post(n, 1+n%2, feed.At(1, int64(20-n)))))
	}
	lists, err := s.ByAuthor(t.Context(),
		feed.AuthorRange{Author: user(2), Before: last, Limit: 3},
		feed.AuthorRange{Author: user(1), Before: feed.PostID{15: 6}, Limit: 3},
		feed.AuthorRange{Author: user(3), Before: last, Limit: 3})
	mustDo(t, err)
	var got [][]byte
	for i, list := range lists {
		got = append(got, []byte{})
		for _, e := range list {
			got[i] = append(got[i], e.Post[15])
			if want := feed.At(1, int64(20-e.Post[15])); e.At != want || e.Author != user(1+e.Post[15]%2) {
				t.Errorf("the entry of post %d is %+v", e.Post[15], e)
			}
		}
	}
	if want := [][]byte{{9, 7, 5}, {4, 2}, {}}; !reflect.DeepEqual(got, want) {
		t.Errorf("ByAuthor = %v, want %v", got, want)
	}
}

func testChanges(t *testing.T, s feed.PostStore) {
	at := func(offset int64) feed.Position { return feed.At(1, offset) }
	posted := func(n byte, offset int64) feed.Change { return feed.Change{At: at(offset), Post: feed.PostID{15: n}} }
	deleted := func(n byte, offset int64) feed.Change {
		return feed.Change{At: at(offset), Post: feed.PostID{15: n}, Deleted: true}
	}
	for n := byte(1); n <= 5; n++ { // the first identifier comes last
		mustDo(t, s.Insert(t.Context(), post(n, 1, at(20-2*int64(n)))))
	}
	mustDo(t, s.Insert(t.Context(), post(6, 2, at(13))))
	mustDo(t, s.Insert(t.Context(), post(7, 1, feed.At(2, 0))))
	mustDo(t, s.Delete(t.Context(), feed.Deletion{ID: feed.PostID{15: 3}, Author: user(1), At: at(15)}))
	mustDo(t, s.Delete(t.Context(), feed.Deletion{ID: feed.PostID{15: 8}, Author: user(1), At: at(17)})) // its Insert comes later
	mustDo(t, s.Insert(t.Context(), post(1, 1, at(19))))                                                 // again
	for _, tt := range []struct {
		name     string
		author   byte
		from, to feed.Position
		limit    int
		want     []feed.Change
	}{
		{"all", 1, 0, feed.At(2, 1), 10, []feed.Change{
			posted(5, 10), posted(4, 12), posted(3, 14), deleted(3, 15), posted(2, 16), deleted(8, 17), posted(1, 18), {At: feed.At(2, 0), Post: feed.PostID{15: 7}},
		}},
		{"a part", 1, at(12), at(16), 10, []feed.Change{posted(4, 12), posted(3, 14), deleted(3, 15)}},
		{"the first", 1, at(11), at(18), 2, []feed.Change{posted(4, 12), posted(3, 14)}},
		{"another author", 2, at(11), at(18), 2, []feed.Change{posted(6, 13)}},
		{"none", 3, 0, feed.At(2, 1), 10, nil},
		{"nothing", 1, at(18), at(18), 10, nil},
	} {
		lists, err := s.Changes(t.Context(), feed.ChangeRange{Author: user(4), To: feed.At(2, 1), Limit: 1},
			feed.ChangeRange{Author: user(tt.author), From: tt.from, To: tt.to, Limit: tt.limit})
		if err != nil || len(lists) != 2 || len(lists[0]) != 0 {
			t.Errorf("%s: Changes = %v, %v; want two lists, of which the first is empty", tt.name, lists, err)
			continue
		}
		got := counting(t, s, lists[1])
		if len(got) != len(tt.want) || len(got) > 0 && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: Changes = %v, want %v", tt.name, got, tt.want)
		}
	}
	mustDo(t, s.Insert(t.Context(), post(2, 1, at(11)))) // a lower position
	mustDo(t, s.Delete(t.Context(), feed.Deletion{ID: feed.PostID{15: 3}, Author: user(1), At: at(13)}))
	lists, err := s.Changes(t.Context(), feed.ChangeRange{Author: user(1), From: at(11), To: at(17), Limit: 10})
	if want := []feed.Change{posted(2, 11), posted(4, 12), deleted(3, 13), posted(3, 14)}; err != nil || !reflect.DeepEqual(counting(t, s, lists[0]), want) {
		t.Errorf("with lower positions, Changes = %v, %v; want %v", lists[0], err, want)
	}
}

// counting returns the changes whose positions count.
func counting(t *testing.T, s feed.PostStore, changes []feed.Change) (left []feed.Change) {
	t.Helper()
	for _, c := range changes {
		p := get(t, s, c.Post)
		if c.Deleted && p.Deleted == c.At || !c.Deleted && p.At == c.At {
			left = append(left, c)
		}
	}
	return left
}

func testClaim(t *testing.T, s feed.PostStore) {
	c := feed.Claim{Author: user(1), Key: "key", Hash: [32]byte{1}, ID: feed.PostID{15: 1}}
	for _, id := range []feed.PostID{{15: 1}, {15: 2}} {
		c.ID = id
		if got, err := s.Claim(t.Context(), c); err != nil || got != (feed.PostID{15: 1}) {
			t.Errorf("Claim = %v, %v; want the first identifier", got, err)
		}
	}
	c.Hash = [32]byte{2}
	if _, err := s.Claim(t.Context(), c); fault.CodeOf(err) != feed.CodeKeyReused {
		t.Errorf("Claim for another request = %v, want code %s", err, feed.CodeKeyReused)
	}
	c.Author = user(2)
	if got, err := s.Claim(t.Context(), c); err != nil || got != c.ID {
		t.Errorf("Claim of another author = %v, %v", got, err)
	}
}
