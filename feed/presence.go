package feed

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"agora/pattern/eventlog"
)

const (
	activePeriod    = 24 * time.Hour // how often a user who reads is recorded as active
	returnPeriod    = time.Minute    // how often a timeline is asked for again: the leader makes it in its next run
	maxPresent      = 1 << 20        // users who are remembered
	presenceAtOnce  = 256            // records of one append
	presenceWaiting = 4096           // records that wait for one
)

// Presence records who reads, so that those who do have timelines and those who do not for long lose theirs. It is safe for
// concurrent use.
type Presence struct {
	log     eventlog.Log
	logger  *slog.Logger
	waiting chan eventlog.Record

	mu       sync.Mutex
	active   map[UserID]time.Time // when it was recorded last
	returned map[UserID]time.Time
}

// NewPresence returns a Presence whose Run has to be called. logger may be nil.
func NewPresence(log eventlog.Log, logger *slog.Logger) *Presence {
	return &Presence{
		log: log, logger: cmp.Or(logger, slog.New(slog.DiscardHandler)), waiting: make(chan eventlog.Record, presenceWaiting),
	}
}

// Note records that a user has read a page, if that is not recorded yet. It does not wait. If too many records wait, this
// one is lost, and a later read of the user is recorded.
func (p *Presence) Note(user UserID, page Page) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	known, period, record := &p.active, activePeriod, activeRecord
	if page.Baseless {
		known, period, record = &p.returned, returnPeriod, ReturnRecord
	}
	if at, ok := (*known)[user]; ok && now.Sub(at) < period {
		return
	}
	select {
	case p.waiting <- record(user, now):
	default:
		return
	}
	if *known == nil || len(*known) >= maxPresent {
		*known = map[UserID]time.Time{}
	}
	(*known)[user] = now
}

// Run appends what was noted to the log, until ctx ends.
func (p *Presence) Run(ctx context.Context) error {
	for {
		records := make([]eventlog.Record, 0, presenceAtOnce)
		select {
		case r := <-p.waiting:
			records = append(records, r)
		case <-ctx.Done():
			return nil
		}
		for more := true; more && len(records) < presenceAtOnce; {
			select {
			case r := <-p.waiting:
				records = append(records, r)
			default:
				more = false
			}
		}
		if _, err := p.log.Append(ctx, GraphTopic, records...); err != nil && ctx.Err() == nil {
			p.logger.WarnContext(ctx, "who reads could not be recorded; later reads are", "error", err)
			p.forget()
		}
	}
}

// forget lets the next read of everyone be recorded.
func (p *Presence) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.active)
	clear(p.returned)
}
