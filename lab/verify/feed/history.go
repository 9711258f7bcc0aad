// Package feed holds the history of a feed's clients: what they posted, deleted and changed, the pages that they read, and the
// streams that they listened to. Load tests record it, and Check compares it with the stored feed: in tests, and in agora verify feed.
package feed

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"agora/feed"
	"agora/ident"
	"agora/lab/verify"
)

// The kinds of operations.
const (
	Post     verify.Kind = "post"     // a post of Text under Key
	Delete   verify.Kind = "delete"   // the deletion of Post
	Follow   verify.Kind = "follow"   // User follows Other
	Unfollow verify.Kind = "unfollow" // User no longer follows Other
	Block    verify.Kind = "block"    // User blocks Other
	Unblock  verify.Kind = "unblock"  // User no longer blocks Other
	Mute     verify.Kind = "mute"     // User mutes Other
	Unmute   verify.Kind = "unmute"   // User no longer mutes Other
	Read     verify.Kind = "read"     // a page of the home timeline
	Listen   verify.Kind = "listen"   // a stream of the home timeline, from its beginning to its cut
)

// The outcomes of operations.
const (
	OK      verify.Outcome = "ok"      // done; a stream was open, and its events are those that came before the cut
	Refused verify.Outcome = "refused" // nothing changed
	Unknown                = verify.Unknown
)

// Operation is one operation of a client. A request that is repeated under one key is recorded as one operation, from the first
// call to the last return, or as one operation for each call.
type Operation = verify.Operation[Input, Output]

// Input is what an operation asked for.
type Input struct {
	User  string `json:"user"`            // who asked
	Key   string `json:"key,omitempty"`   // of a Post: the Idempotency-Key, unique among those of the user
	Text  string `json:"text,omitempty"`  // of a Post: unique in the history
	Post  string `json:"post,omitempty"`  // of a Delete: the post to delete
	Other string `json:"other,omitempty"` // of Follow to Unmute: the other user

	After  string `json:"after,omitempty"`  // of a Read: the page has to be at least as new; an as_of, encoded
	Cursor string `json:"cursor,omitempty"` // of a Read: the Next of the page before; empty for the first page of a walk
	Limit  int    `json:"limit,omitempty"`  // of a Read: most items of the page
	From   string `json:"from,omitempty"`   // of a Listen: the id of the last event, or the live of a page; empty to begin now
}

// Output is what the client was told.
type Output struct {
	Outcome verify.Outcome `json:"outcome"`
	Post    string         `json:"post,omitempty"`  // of a Post that is OK: its id
	AsOf    string         `json:"as_of,omitempty"` // of each OK except Listen: the reach of a write, or the moment of a page, encoded

	Items   []string   `json:"items,omitempty"`   // of a Read: ids of the posts in their order
	Next    string     `json:"next,omitempty"`    // of a Read: the cursor of the next page; empty for the last page
	State   feed.State `json:"state,omitempty"`   // of a Read
	Skipped int        `json:"skipped,omitempty"` // of a Read: how many authors were left out
	Events  []Event    `json:"events,omitempty"`  // of a Listen, in their order
}

// Event is one event of a stream.
type Event struct {
	At   int64          `json:"at"`             // nanoseconds since 1970, by the recorder's clock
	ID   string         `json:"id"`             // where the stream goes on after the event
	Kind feed.EventKind `json:"kind,omitempty"` // empty if the event only moves the id
	Post string         `json:"post,omitempty"` // of feed.Posted and feed.Deleted
}

// Result implements verify.Output.
func (o Output) Result() verify.Outcome { return o.Outcome }

// ReadHistory reads a history of a feed, and returns it in the order of the calls.
func ReadHistory(r io.Reader) ([]Operation, error) { return verify.ReadHistory(r, checkOperation) }

var (
	edges    = []verify.Kind{Follow, Unfollow, Block, Unblock, Mute, Unmute}
	kinds    = append([]verify.Kind{Post, Delete, Read, Listen}, edges...)
	outcomes = []verify.Outcome{OK, Refused, Unknown}
)

// checkOperation returns an error for an operation that no client can have recorded.
func checkOperation(op Operation) error {
	in, out := op.Input, op.Output
	ok := out.Outcome == OK
	switch {
	case !slices.Contains(kinds, op.Kind):
		return fmt.Errorf("no operation is called %q", op.Kind)
	case !slices.Contains(outcomes, out.Outcome):
		return fmt.Errorf("no outcome is called %q", out.Outcome)
	case ident.Check(ident.User, in.User) != nil:
		return fmt.Errorf("%q is no user", in.User)
	case slices.Contains(edges, op.Kind) && ident.Check(ident.User, in.Other) != nil:
		return fmt.Errorf("%q is no user", in.Other)
	case op.Kind == Delete && ident.Check(ident.Post, in.Post) != nil:
		return fmt.Errorf("%q is no post", in.Post)
	case op.Kind == Post && (in.Key == "" || in.Text == ""):
		return errors.New("a post has no key or no text")
	case ok && op.Kind == Post && ident.Check(ident.Post, out.Post) != nil:
		return fmt.Errorf("%q is no post", out.Post)
	case ok && op.Kind != Listen && out.AsOf == "":
		return errors.New("an answer has no as_of")
	case ok && op.Kind == Read && !slices.Contains([]feed.State{feed.Complete, feed.Rebuilding, feed.Lossy}, out.State):
		return fmt.Errorf("no page has the state %q", out.State)
	}
	for _, id := range out.Items {
		if ident.Check(ident.Post, id) != nil {
			return fmt.Errorf("%q is no post", id)
		}
	}
	return checkEvents(out.Events)
}

func checkEvents(events []Event) error {
	for _, e := range events {
		switch e.Kind {
		case "", feed.Reset:
		case feed.Posted, feed.Deleted:
			if ident.Check(ident.Post, e.Post) != nil {
				return fmt.Errorf("%q is no post", e.Post)
			}
		default:
			return fmt.Errorf("no event is called %q", e.Kind)
		}
	}
	return nil
}
