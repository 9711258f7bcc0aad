package varnish

import (
	"context"
	"sync"
	"time"
)

// item is a key to be purged, in one of the rounds after its change.
type item struct {
	key     string
	number  uint64 // of the change
	changed time.Time
	round   int
}

func (i item) due() time.Time { return i.changed.Add(rounds[i.round]) }

// queue holds what has to be purged when. A key that changes again begins again with the first round, and what
// was left to do for the change before is forgotten. Each round is a list in the order of changes, so that what is
// due first is at the head of one of them. It is safe for concurrent use.
type queue struct {
	room int
	wake chan struct{} // has a token after something was added

	mu     sync.Mutex
	count  uint64 // of all changes
	keys   map[string]state
	rounds [len(rounds)][]item // with items of changes before the latest among them, which are passed by
}

// state is what is known of a key that has to be purged.
type state struct {
	latest uint64 // change
	first  bool   // the first purge for it has not begun, so that another change needs no other
}

func newQueue(room int) *queue {
	return &queue{room: room, wake: make(chan struct{}, 1), keys: map[string]state{}}
}

// add takes in keys that changed, and returns for how many of them there was no room.
func (q *queue) add(keys []string, at time.Time) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, key := range keys {
		known, ok := q.keys[key]
		switch {
		case ok && known.first:
		case !ok && len(q.keys) >= q.room:
			dropped++
		default:
			q.count++
			q.keys[key] = state{q.count, true}
			q.rounds[0] = append(q.rounds[0], item{key: key, number: q.count, changed: at})
		}
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return dropped
}

// due takes up to n items whose time has come. If there is none, next is when there will be; zero for never.
func (q *queue) due(now time.Time, n int) (due []item, next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for round := range q.rounds {
		list := q.rounds[round]
		taken := 0
		for _, item := range list {
			if q.keys[item.key].latest == item.number {
				if item.due().After(now) || len(due) == n {
					break
				}
				q.keys[item.key] = state{latest: item.number}
				due = append(due, item)
			}
			taken++
		}
		list = list[taken:]
		q.rounds[round] = list
		if len(list) > 0 && (next.IsZero() || list[0].due().Before(next)) {
			next = list[0].due()
		}
	}
	return due, next
}

// done lets items that were purged wait for their next round, if there is one.
func (q *queue) done(items []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, item := range items {
		if q.keys[item.key].latest != item.number {
			continue // it has changed meanwhile
		}
		if item.round++; item.round == len(rounds) {
			delete(q.keys, item.key)
			continue
		}
		q.rounds[item.round] = append(q.rounds[item.round], item)
	}
}

// again puts items back that could not be purged, and returns how many it gave up because they changed before a time.
func (q *queue) again(items []item, since time.Time) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var back [len(rounds)][]item
	for _, item := range items {
		switch {
		case q.keys[item.key].latest != item.number:
		case item.changed.Before(since):
			delete(q.keys, item.key)
			dropped++
		default:
			q.keys[item.key] = state{item.number, item.round == 0}
			back[item.round] = append(back[item.round], item)
		}
	}
	for round, items := range back {
		q.rounds[round] = append(items, q.rounds[round]...)
	}
	return dropped
}

// drain takes all keys.
func (q *queue) drain() []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := make([]item, 0, len(q.keys))
	for key, known := range q.keys {
		all = append(all, item{key: key, number: known.latest})
	}
	clear(q.keys)
	clear(q.rounds[:])
	return all
}

// len returns how many keys have to be purged.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.keys)
}

// wait returns when something was added, at a time (zero for never), or when ctx ends.
func (q *queue) wait(ctx context.Context, until time.Time) {
	var timer <-chan time.Time
	if !until.IsZero() {
		timer = time.After(time.Until(until))
	}
	select {
	case <-q.wake:
	case <-timer:
	case <-ctx.Done():
	}
}
