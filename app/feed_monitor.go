package app

import (
	"context"
	"log/slog"
	"time"

	"agora/backoff"
	"agora/telemetry"
)

// timelineSize is how many bytes the stored timelines take.
type timelineSize struct {
	memory uint64
	disk   uint64
	limit  uint64 // of memory; 0 for none
}

// sizePeriod is how often the size of the timelines is measured.
const sizePeriod = 15 * time.Second

// watchTimelines measures the size of the timelines at intervals, until ctx ends.
func watchTimelines(ctx context.Context, size func(context.Context) (timelineSize, error), metrics *telemetry.Metrics, log *slog.Logger) {
	taken := metrics.Gauge("agora_timeline_memory_bytes",
		"Bytes that stored timelines take, by place: memory or disk. Of a Redis, all that it stores.", "place")
	limit := metrics.Gauge("agora_timeline_memory_limit_bytes", "Memory that the Redis of the timelines may take; 0 without a limit.")
	for ctx.Err() == nil {
		now, err := size(ctx)
		if err == nil {
			taken.Set(float64(now.memory), "memory")
			taken.Set(float64(now.disk), "disk")
			limit.Set(float64(now.limit))
		} else if ctx.Err() == nil {
			log.WarnContext(ctx, "the size of the timelines is unknown", "error", err)
		}
		backoff.Sleep(ctx, sizePeriod)
	}
}
