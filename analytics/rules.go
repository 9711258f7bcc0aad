package analytics

import (
	"time"

	"agora/fault"
)

// Rules are the numbers that decide what a fold makes of a log. Another fold of the log has to have the same.
type Rules struct {
	Key        Key
	Generation int           // identifiers; the latest five generations are known
	CutRows    int64         // events after which a file is cut at the end of the epoch
	CutEpochs  int64         // a file is cut in each partition at least every so many epochs
	IdleAfter  time.Duration // without events after which the windows of a source are published
	Types      int           // of a source and a day that have windows of their own
}

// DefaultRules are the rules of a server, but for the key.
var DefaultRules = Rules{
	Generation: 5_000_000, CutRows: 256 << 10, CutEpochs: 30, IdleAfter: 30 * time.Second, Types: 2000,
}

func (r *Rules) check() error {
	var c fault.Collector
	// A file then has at most as many generations as the cut before it and after it name.
	c.Check(int64(r.Generation) >= r.CutRows, "generation", "is smaller than a file")
	c.Check(r.CutRows > 0 && r.CutEpochs > 0, "cut", "is not positive")
	c.Check(r.IdleAfter > 0, "idle", "is not positive")
	c.Check(r.Types > 0, "types", "is not positive")
	return c.Err()
}

const day = 24 * time.Hour
