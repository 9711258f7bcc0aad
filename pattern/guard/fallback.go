package guard

import (
	"context"

	"agora/telemetry"
)

// Fallback asks a limiter that processes share, and one of its own when that cannot answer: a limit protects the
// program and must neither close it nor fall away with the server that counts. Meanwhile each process allows
// the whole rate, so that several allow a multiple of it.
type Fallback struct {
	shared, own Limiter
	count       telemetry.Counter
}

var _ Limiter = (*Fallback)(nil)

// NewFallback returns a limiter of the name, which is the label "limiter" of its metric.
func NewFallback(name string, shared, own Limiter, m *telemetry.Metrics) *Fallback {
	return &Fallback{shared, own, m.Counter("agora_limiter_fallback_total",
		"Requests that were counted by this process alone, as the shared limiter did not answer.", "limiter").With(name)}
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
