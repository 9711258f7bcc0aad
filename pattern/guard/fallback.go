package guard

import (
	"context"

	"agora/telemetry"
)

// Fallback uses a limiter that processes share, and a limiter of this process while the shared one fails, so that requests
// are then neither refused nor unlimited. During that time each process allows the whole rate, so that several processes
// allow a multiple of it.
type Fallback struct {
	shared, own Limiter
	count       telemetry.Counter
}

var _ Limiter = (*Fallback)(nil)

// FallbackOptions describe a Fallback.
type FallbackOptions struct {
	Name    string             // the label "limiter" of the metric
	Metrics *telemetry.Metrics // agora_limiter_fallback_total; nil means none
}

// NewFallback returns a limiter that asks own when shared fails.
func NewFallback(shared, own Limiter, o FallbackOptions) *Fallback {
	return &Fallback{shared, own, o.Metrics.Counter("agora_limiter_fallback_total",
		"Requests that were counted by this process alone, as the shared limiter did not answer.", "limiter").With(o.Name)}
}

// Allow implements Limiter.
func (f *Fallback) Allow(ctx context.Context, key string) (Decision, error) {
	d, err := f.shared.Allow(ctx, key)
	if err == nil {
		return d, nil
	}
	f.count.Inc()
	return f.own.Allow(ctx, key)
}
