package backoff_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"agora/backoff"
)

func TestSleepEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		backoff.Sleep(ctx, time.Minute)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("slept %v after the context had ended at 1s", took)
		}
		backoff.Sleep(t.Context(), time.Minute)
		if took := time.Since(begin); took != time.Second+time.Minute {
			t.Errorf("slept until %v, want 1m1s", took)
		}
	})
}

func TestAfterDoublesUpToTheLongest(t *testing.T) {
	want := []time.Duration{100, 200, 400, 800, 1000, 1000}
	for failures, d := range want {
		if got := backoff.After(failures, 100, 1000); got != d {
			t.Errorf("After(%d) = %v, want %v", failures, got, d)
		}
	}
	if got := backoff.After(1_000_000, time.Second, 1<<62); got != 1<<62 {
		t.Errorf("a million failures give %v, want the longest delay", got)
	}
	if got := backoff.After(3, 0, time.Hour); got != 0 {
		t.Errorf("a first delay of 0 grew to %v", got)
	}
}

func TestDelaysBeginAgainAfterReset(t *testing.T) {
	delays := backoff.Delays{First: time.Second, Longest: time.Minute}
	for range 3 {
		for failures := range 10 {
			full := backoff.After(failures, time.Second, time.Minute)
			if got := delays.Next(); got < full/2 || got > full {
				t.Errorf("delay %v after %d failures, want %v to %v", got, failures, full/2, full)
			}
		}
		delays.Reset()
	}
	var none backoff.Delays
	if got := none.Next(); got != 0 {
		t.Errorf("the zero sequence waits %v", got)
	}
}
