package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"agora/telemetry"
)

func TestTheSizeOfTimelinesIsMeasuredAtIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := telemetry.NewMetrics()
		measured := make(chan struct{})
		size := timelineSize{memory: 10, disk: 200, limit: 5}
		var failure error
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			watchTimelines(ctx, func(context.Context) (timelineSize, error) {
				measured <- struct{}{}
				return size, failure
			}, metrics, slog.New(slog.DiscardHandler))
		}()
		check := func(want float64) {
			t.Helper()
			<-measured
			synctest.Wait()
			if got, _ := metrics.Value("agora_timeline_memory_bytes"); got != want {
				t.Errorf("the timelines take %v bytes in all places, want %v", got, want)
			}
		}
		check(210)
		if got, _ := metrics.Value("agora_timeline_memory_limit_bytes"); got != 5 {
			t.Errorf("the limit is %v bytes, want 5", got)
		}
		size.disk = 300
		check(310)
		size, failure = timelineSize{}, errors.New("away")
		check(310)
		stop()
		<-ended
	})
}
