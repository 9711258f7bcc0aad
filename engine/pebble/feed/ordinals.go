package feed

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"agora/engine/pebble"
	"agora/fault"
	"agora/feed"
)

const (
	pageBits    = 12
	pageUsers   = 1 << pageBits
	maxPages    = 1 << 16
	maxOrdinals = maxPages * pageUsers
	maxNumbers  = 1 << 20 // users whose ordinal is in memory
)

// ordinals numbers users, in the order in which they come: sets of users and timelines hold 3 or 4 bytes for each
// instead of 16. An ordinal never gets another user.
type ordinals struct {
	db    *pebble.DB
	next  atomic.Uint32 // all ordinals below are given
	pages [maxPages]atomic.Pointer[[pageUsers]feed.UserID]
	give  sync.Mutex // held by the caller who gives ordinals or loads a page

	mu      sync.RWMutex
	numbers map[feed.UserID]uint32 // some of them
}

func loadOrdinals(db *pebble.DB) (*ordinals, error) {
	o := &ordinals{db: db, numbers: map[feed.UserID]uint32{}}
	iter, err := db.Pebble().NewIter(nil)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the ordinals of users cannot be read")
	}
	if iter.SeekLT(key(userOfOrdinal+1)) && prefix(iter.Key()[0]) == userOfOrdinal {
		o.next.Store(binary.BigEndian.Uint32(iter.Key()[1:]) + 1)
	}
	return o, fault.Wrap(fault.Unavailable, iter.Close(), "the ordinals of users cannot be read")
}

// user returns the user with an ordinal.
func (o *ordinals) user(ctx context.Context, n uint32) (feed.UserID, error) {
	if n >= o.next.Load() {
		return feed.UserID{}, fmt.Errorf("user %d: %w", n, errDamaged)
	}
	page := o.pages[n>>pageBits].Load()
	if page == nil {
		o.give.Lock()
		defer o.give.Unlock()
		var err error
		if page, err = o.load(ctx, n>>pageBits); err != nil {
			return feed.UserID{}, err
		}
	}
	return page[n%pageUsers], nil
}

// load returns the page with a number. The caller holds o.give.
func (o *ordinals) load(ctx context.Context, number uint32) (*[pageUsers]feed.UserID, error) {
	if page := o.pages[number].Load(); page != nil {
		return page, nil
	}
	page := new([pageUsers]feed.UserID)
	beyond := key(userOfOrdinal, key32((number+1)<<pageBits))
	err := scan(ctx, o.db, key(userOfOrdinal), key(userOfOrdinal, key32(number<<pageBits)), func(k, value []byte) (bool, error) {
		if string(k) >= string(beyond) {
			return false, nil
		}
		copy(page[binary.BigEndian.Uint32(k[1:])%pageUsers][:], value)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	o.pages[number].Store(page)
	return page, nil
}

// find returns the ordinal of a user; ok is false if the user has none. An ordinal that is returned is durable.
func (o *ordinals) find(ctx context.Context, user feed.UserID) (n uint32, ok bool, err error) {
	o.mu.RLock()
	n, ok = o.numbers[user]
	o.mu.RUnlock()
	if ok {
		return n, true, nil
	}
	n, ok, err = o.read(ctx, user)
	if err != nil || !ok {
		return 0, false, err
	}
	if n >= o.next.Load() { // a caller is about to give it
		o.give.Lock()
		defer o.give.Unlock()
		if n >= o.next.Load() {
			return 0, false, fault.Wrap(fault.Unavailable, o.db.Err(), "the ordinal of a user may be lost")
		}
	}
	o.remember(user, n)
	return n, true, nil
}

func (o *ordinals) read(ctx context.Context, user feed.UserID) (n uint32, ok bool, err error) {
	value, ok, err := get(ctx, o.db, key(ordinalOfUser, user[:]))
	if err != nil || !ok {
		return 0, false, err
	}
	d := pebble.Decoder{Rest: value}
	if n = uint32(d.Uvarint()); d.Failed {
		return 0, false, fmt.Errorf("ordinal of %s: %w", user, errDamaged)
	}
	return n, true, nil
}

func (o *ordinals) remember(user feed.UserID, n uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.numbers) >= maxNumbers {
		clear(o.numbers)
	}
	o.numbers[user] = n
}

// of sets the ordinal of each user in the map, and gives one to those who have none.
func (o *ordinals) of(ctx context.Context, users map[feed.UserID]uint32) error {
	var fresh []feed.UserID
	for user := range users {
		n, ok, err := o.find(ctx, user)
		if err != nil {
			return err
		}
		if !ok {
			fresh = append(fresh, user)
		}
		users[user] = n
	}
	if len(fresh) == 0 {
		return nil
	}
	return o.assign(ctx, users, fresh)
}

// assign gives ordinals, which are durable when it returns.
func (o *ordinals) assign(ctx context.Context, users map[feed.UserID]uint32, fresh []feed.UserID) error {
	o.give.Lock()
	defer o.give.Unlock()
	next := o.next.Load()
	var (
		rows  []row
		given []feed.UserID
	)
	for _, user := range fresh {
		n, ok, err := o.read(ctx, user) // another caller may have been here
		if err != nil {
			return err
		}
		if !ok {
			if next == maxOrdinals {
				return fault.New(fault.Unavailable, "too_many_users", fmt.Sprintf("the folder has %d users, and no room for more", next))
			}
			n = next
			next++
			if _, err := o.load(ctx, n>>pageBits); err != nil {
				return err
			}
			rows = append(rows, row{key(ordinalOfUser, user[:]), binary.AppendUvarint(nil, uint64(n))}, row{key(userOfOrdinal, key32(n)), append([]byte{}, user[:]...)})
			given = append(given, user)
		}
		users[user] = n
	}
	if err := write(ctx, o.db, rows); err != nil {
		return err
	}
	for _, user := range given {
		n := users[user]
		o.pages[n>>pageBits].Load()[n%pageUsers] = user // nobody reads it before next has moved
	}
	o.next.Store(next)
	for _, user := range given {
		o.remember(user, users[user])
	}
	return nil
}
