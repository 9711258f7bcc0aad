package varnish

import (
	"context"
	"sync"
	"time"
)

// item is a key to be purged, in one of the rounds after its change.
type item struct {
	key     string
	number  uint64 // number of the change
	changed time.Time
	round   int
}

func (i item) due() time.Time { return i.changed.Add(rounds[i.round]) }

// queue holds the keys to be purged. A key that changes again begins with the first round again, and the remaining rounds
// of its earlier change are dropped. Each round is a list in the order of changes, so that the item that is due first is at
// the head of one of the lists. It is safe for concurrent use.
type queue struct {
	room int
	wake chan struct{} // has a token after something was added

	mu     sync.Mutex
	count  uint64 // number of the newest change
	keys   map[string]state
	rounds [len(rounds)][]item // some items are of changes before the latest one, and are skipped
}

// state is a key that has to be purged.
type state struct {
	latest uint64 // number of the latest change
	first  bool   // the first purge has not begun, so that it serves further changes too
}

func newQueue(room int) *queue {
	return &queue{room: room, wake: make(chan struct{}, 1), keys: map[string]state{}}
}

// add adds keys that changed, and returns how many it dropped because the queue was full.
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

// due removes and returns up to n items that are due. If none is due, next is the time of the next item, or zero if there
// is none.
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

// done moves purged items to their next round, or removes their keys after the last round.
func (q *queue) done(items []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, item := range items {
		if q.keys[item.key].latest != item.number {
			continue // changed again since
		}
		if item.round++; item.round == len(rounds) {
			delete(q.keys, item.key)
			continue
		}
		q.rounds[item.round] = append(q.rounds[item.round], item)
	}
}

// putBack puts back items whose purge failed. It drops those that changed before a time, and returns how many.
func (q *queue) putBack(items []item, since time.Time) (dropped int) {
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

// drain removes and returns all keys.
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

// wait returns after an add, at a time (zero for never), or when ctx ends.
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
