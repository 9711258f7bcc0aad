package feed

import (
	"context"
	"sync"
	"time"

	"agora/pattern/eventlog"
)

const (
	activePeriod = 24 * time.Hour // how often a user who reads is recorded as active
	returnPeriod = time.Minute    // how often a timeline is asked for again: the leader makes it in its next run
	maxPresent   = 1 << 20        // users who are remembered
)

// Presence records who reads, so that those who do have timelines and those who do not for long lose theirs. It is safe for
// concurrent use.
type Presence struct {
	Log eventlog.Log

	mu       sync.Mutex
	active   map[UserID]time.Time // when it was recorded last
	returned map[UserID]time.Time
}

// Note records that a user has read a page, if that is not recorded yet. It does not wait for anything but the log.
func (p *Presence) Note(ctx context.Context, user UserID, page Page) error {
	now := time.Now()
	record := activeRecord
	if page.Baseless {
		record = returnRecord
	}
	if !p.due(user, page.Baseless, now) {
		return nil
	}
	_, err := p.Log.Append(ctx, GraphTopic, record(user, now))
	return err
}

func (p *Presence) due(user UserID, baseless bool, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, period := &p.active, activePeriod
	if baseless {
		known, period = &p.returned, returnPeriod
	}
	if at, ok := (*known)[user]; ok && now.Sub(at) < period {
		return false
	}
	if *known == nil || len(*known) >= maxPresent {
		*known = map[UserID]time.Time{}
	}
	(*known)[user] = now
	return true
}
