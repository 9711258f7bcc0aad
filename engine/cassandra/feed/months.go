package feed

import (
	"sync"

	"agora/feed"
)

// maxKnownMonths bounds the memory of knownMonths: about 6 MB.
const maxKnownMonths = 1 << 16

// authorMonth is a month in which an author wrote.
type authorMonth struct {
	author feed.UserID
	month  int
}

// knownMonths remembers rows of the table months that are written: they are never removed, and nearly all posts find theirs there.
type knownMonths struct {
	mu      sync.Mutex
	written map[authorMonth]struct{}
}

func (k *knownMonths) has(m authorMonth) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.written[m]
	return ok
}

func (k *knownMonths) add(m authorMonth) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.written == nil || len(k.written) >= maxKnownMonths {
		k.written = map[authorMonth]struct{}{}
	}
	k.written[m] = struct{}{}
}
