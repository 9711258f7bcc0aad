package feedtest

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"agora/fault"
	"agora/feed"
)

// The models compare a store with the in-memory reference of its port, in random sequences of calls. A store adds events of its
// own, such as a crash.

// Events are what happens to a store between two calls, by name. After each the store has to hold all that it has acknowledged.
type Events map[string]func(*rapid.T)

// longer is how many times more sequences of calls there are with the variable STRESS, and shorter how many times fewer rapid checks
// with the flag -short.
const longer, shorter = 10, 5

// check checks a property of random sequences of calls. The flag -rapid.checks says of how many. Of sequences that take long there is a
// share, and none if that is less than one.
func check(t *testing.T, share int, property func(*rapid.T)) {
	t.Helper()
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	n, err := strconv.Atoi(before)
	mustDo(t, err)
	if os.Getenv("STRESS") != "" {
		n *= longer
	}
	if n /= share; n == 0 || testing.Short() && n < shorter {
		t.Skip("the sequences take long: STRESS=1 runs them")
	}
	mustDo(t, checks.Set(strconv.Itoa(n)))
	defer func() { mustDo(t, checks.Set(before)) }()
	rapid.Check(t, property)
}

func mustDraw(r *rapid.T, err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// with adds events to the actions of a model.
func (e Events) with(actions map[string]func(*rapid.T)) map[string]func(*rapid.T) {
	for name, event := range e {
		actions[name] = event
	}
	return actions
}

// same checks that a store and the reference return the same result, or errors with the same code.
func same(r *rapid.T, call string, got, want any, gotErr, wantErr error) {
	r.Helper()
	if (gotErr == nil) != (wantErr == nil) || gotErr != nil && fault.CodeOf(gotErr) != fault.CodeOf(wantErr) {
		r.Fatalf("%s = %v, the reference says %v", call, gotErr, wantErr)
	}
	if !reflect.DeepEqual(got, want) {
		r.Fatalf("%s = %+v, the reference says %+v", call, got, want)
	}
}

// salt distinguishes the identifiers of one sequence of calls from those of the others, so that a store needs not be emptied.
type salt uint32

func (s salt) id(first, last byte) (id [16]byte) {
	binary.BigEndian.PutUint32(id[8:], uint32(s))
	id[0], id[15] = first, last
	return id
}

// modelUsers are the users of a model; drawUser draws one of the first five.
const modelUsers = 6

func (s salt) user(n byte) feed.UserID { return s.id(7, n) }

func (s salt) drawUser(r *rapid.T, label string) feed.UserID {
	return s.user(byte(rapid.IntRange(0, modelUsers-2).Draw(r, label)))
}

func drawAt(r *rapid.T) feed.Position {
	return feed.At(feed.Epoch(rapid.IntRange(1, 2).Draw(r, "epoch")), rapid.Int64Range(1, 40).Draw(r, "offset"))
}

// modelPosts are the posts of a model.
const modelPosts = 12

func (s salt) postID(n byte) feed.PostID { return s.id(n/3, n) }

// drawPost draws a post of which the identifier decides all but the position. The posts of an author are of several months.
func (s salt) drawPost(r *rapid.T) feed.Post {
	n := byte(rapid.IntRange(1, modelPosts).Draw(r, "post"))
	p := feed.Post{
		ID: s.postID(n), Author: s.user(n % (modelUsers - 1)), Text: fmt.Sprint("text ", n), At: drawAt(r),
		CreatedAt: time.Unix(int64(n), int64(n)).UTC(),
	}
	if n%2 == 0 {
		p.Product, p.Media, p.ReplyTo = "prd_1", []string{"a", "b"}, feed.PostID{15: 1}
		p.Parent = feed.Parent{Partition: 3, At: feed.At(1, 2)}
	}
	return p
}
