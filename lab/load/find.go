package load

import (
	"context"
	"time"
)

const (
	// findWarmUp is the least warm-up of a step: connections and caches stay warm between steps.
	findWarmUp = 2 * time.Second

	// pauseAfterMiss lets the server finish its backlog after a rate that was too high.
	pauseAfterMiss = 2 * time.Second

	growth      = 1.5  // from a rate that was held to the next
	resolution  = 1.05 // between the highest rate that was held and the lowest that was not
	lowestRate  = 1.0
	highestRate = 1e6
)

// find searches for the highest rate that is held. It raises the rate until one is missed, halves the distance between
// the highest that was held and the lowest that was missed, and then tries the result for the whole duration, at lower
// rates until one is held. It returns the last trial, and the trials before it as steps.
func (l *load) find(ctx context.Context) (steps []Step, last Trial, err error) {
	held, missed := 0.0, 0.0
	warmUp := l.WarmUp // of the first step, because the server is cold
	for rate := l.Rate; rate != 0 && ctx.Err() == nil; rate = next(held, missed, rate) {
		if last, err = l.step(ctx, rate, warmUp, l.Step); err != nil {
			return steps, last, err
		}
		steps = append(steps, last.step())
		warmUp = min(findWarmUp, l.Step)
		if last.Held {
			held = rate
		} else {
			missed = rate
		}
	}
	for rate := held; rate >= lowestRate && ctx.Err() == nil; rate /= resolution {
		if last, err = l.step(ctx, rate, max(warmUp, l.WarmUp), l.Duration); err != nil || last.Held {
			return steps, last, err
		}
		steps = append(steps, last.step())
	}
	return steps, last, nil
}

// step tries a rate, and pauses after a rate that was missed.
func (l *load) step(ctx context.Context, rate float64, warmUp, duration time.Duration) (Trial, error) {
	t, err := l.try(ctx, rate, warmUp, duration)
	if err == nil && !t.Held {
		wait(ctx, pauseAfterMiss)
	}
	return t, err
}

// next returns the rate to try after one, or 0 if the highest is known well enough. held is the highest rate that was
// held, and missed the last one that was not. They are 0 if there is none.
func next(held, missed, rate float64) float64 {
	switch {
	case missed == 0:
		if rate >= highestRate {
			return 0
		}
		return min(rate*growth, highestRate)
	case held == 0:
		if rate /= 2; rate < lowestRate {
			return 0
		}
		return rate
	case missed/held <= resolution:
		return 0
	default:
		return (held + missed) / 2
	}
}
