package analytics

import (
	"context"
	"fmt"
)

// Horizon says up to where repeats of a partition are found: an identifier that occurred in the log since then is known.
// An older one may be stored again if it is repeated.
type Horizon struct {
	Partition   int
	From        Offset
	Since       Micros // the arrival of the first batch there; 0 if there is none yet
	Identifiers int    // at least so many different ones are known, if there were so many
}

// Horizons returns the horizons of all partitions, as of the last epoch.
func Horizons(ctx context.Context, ports Ports, rules *Rules) ([]Horizon, error) {
	state, err := loadState(ctx, ports.State)
	if err != nil {
		return nil, fmt.Errorf("load the state: %w", err)
	}
	if state.head == nil {
		return nil, nil
	}
	horizons := make([]Horizon, len(state.head.Parts))
	for n := range horizons {
		from := state.head.Parts[n].Live[0]
		horizons[n] = Horizon{Partition: n, From: from, Identifiers: (liveGenerations - 1) * rules.Generation}
		if horizons[n].Since, err = firstArrival(ctx, ports.Log, n, from); err != nil {
			return nil, err
		}
	}
	return horizons, nil
}

// firstArrival returns the arrival of the first batch from an offset on.
func firstArrival(ctx context.Context, log EventLog, partition int, from Offset) (Micros, error) {
	for {
		records, err := log.Read(ctx, partition, from, 1)
		if err != nil {
			return 0, fmt.Errorf("read partition %d of the log: %w", partition, err)
		}
		if len(records) == 0 {
			return 0, nil
		}
		for _, record := range records {
			if h, ok := HeaderOf(record); ok {
				return h.Arrival, nil
			}
		}
		from += Offset(len(records))
	}
}
