package accounts

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"agora/fault"
)

// Origin is the network address that a request comes from, or "" where it is not known.
type Origin string

// turns bounds how many callers work at a time. Those that wait are served in turn by origin, so that an origin with many
// callers delays mostly its own. When too many wait, the last caller of the origin
// that has most is refused in favour of a caller of an origin that has fewer.
type turns struct {
	room int // callers that may wait

	mu      sync.Mutex
	free    int // callers that may begin at once
	waiting int
	queues  map[Origin][]*turn // callers that wait, the first one first; no queue is empty
	order   []Origin           // of the queues, the next one first
}

// turn is a caller that waits. It gets nil when it may begin, or why it may not.
type turn struct{ decided chan error }

func newTurns(atOnce, room int) *turns {
	return &turns{room: room, free: atOnce, queues: map[Origin][]*turn{}}
}

const codeBusy = "sign_in_busy"

func errSignInBusy() error {
	return &fault.Error{
		Kind: fault.Unavailable, Code: codeBusy,
		Message: "too many people are signing in right now", RetryAfter: time.Second,
	}
}

// begin waits for a turn, which ends with end. It is fault.Unavailable if too many are waiting.
func (t *turns) begin(ctx context.Context, from Origin) error {
	own, err := t.join(from)
	if own == nil {
		return err
	}
	select {
	case err := <-own.decided:
		return err
	case <-ctx.Done():
	}
	if !t.quit(from, own) && <-own.decided == nil {
		t.end() // it was this caller's turn just now
	}
	return fmt.Errorf("wait for the password hash: %w", ctx.Err())
}

// join returns the caller's place in its queue, or nil if the caller may begin, or an error.
func (t *turns) join(from Origin) (*turn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free > 0 {
		t.free--
		return nil, nil
	}
	if t.waiting >= t.room && !t.makeRoom(from) {
		return nil, errSignInBusy()
	}
	own := &turn{make(chan error, 1)}
	if len(t.queues[from]) == 0 {
		t.order = append(t.order, from)
	}
	t.queues[from] = append(t.queues[from], own)
	t.waiting++
	return own, nil
}

// makeRoom refuses the last caller of the longest queue, if that stays at least as long as the one of from becomes.
// t.mu must be held.
func (t *turns) makeRoom(from Origin) bool {
	longest := from
	for origin, queue := range t.queues {
		if len(queue) > len(t.queues[longest]) {
			longest = origin
		}
	}
	if len(t.queues[longest]) < len(t.queues[from])+2 {
		return false
	}
	queue := t.queues[longest]
	last := queue[len(queue)-1]
	t.remove(longest, len(queue)-1)
	last.decided <- errSignInBusy()
	return true
}

// quit takes a caller out of its queue, and reports whether it was still there.
func (t *turns) quit(from Origin, own *turn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.queues[from], own)
	if i >= 0 {
		t.remove(from, i)
	}
	return i >= 0
}

// remove takes the i-th caller out of a queue. t.mu must be held.
func (t *turns) remove(from Origin, i int) {
	t.waiting--
	queue := slices.Delete(t.queues[from], i, i+1)
	if len(queue) > 0 {
		t.queues[from] = queue
		return
	}
	delete(t.queues, from)
	at := slices.Index(t.order, from)
	t.order = slices.Delete(t.order, at, at+1)
}

// end gives the turn to the next caller.
func (t *turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.order) == 0 {
		t.free++
		return
	}
	from := t.order[0]
	next := t.queues[from][0]
	t.remove(from, 0)
	if len(t.queues[from]) > 0 {
		t.order = append(t.order[1:], from)
	}
	next.decided <- nil
}
