package httpapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestContextOfAnExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &exchange{Context: t.Context(), deadline: time.Now().Add(time.Second)}
		defer x.release()
		if x.Err() != nil || x.armed.Load() != nil {
			t.Fatal("asking for the error alone makes a timer, or there is an error already")
		}
		if d, ok := x.Deadline(); !ok || !d.Equal(x.deadline) {
			t.Errorf("Deadline = %v, %v", d, ok)
		}
		if exchangeOf(context.WithoutCancel(x)) != x {
			t.Error("the exchange is not found below another context")
		}
		child, cancel := context.WithCancel(x)
		defer cancel()
		<-child.Done()
		if !errors.Is(x.Err(), context.DeadlineExceeded) || !errors.Is(child.Err(), context.DeadlineExceeded) {
			t.Errorf("Err = %v, the child's %v; want deadline exceeded", x.Err(), child.Err())
		}
	})
}

func TestContextThatNobodyWatchedStillEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		defer cancel()
		x := &exchange{Context: parent, deadline: time.Now().Add(time.Second)}
		time.Sleep(time.Second)
		if !errors.Is(x.Err(), context.DeadlineExceeded) {
			t.Fatalf("Err = %v, want deadline exceeded", x.Err())
		}
		cancel()
		if !errors.Is(x.Err(), context.DeadlineExceeded) {
			t.Errorf("Err changed to %v", x.Err())
		}
		<-x.Done()
	})
}

func TestContextEndsWithItsParent(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	x := &exchange{Context: parent, deadline: time.Now().Add(time.Hour)}
	done := x.Done()
	cancel()
	<-done
	if !errors.Is(x.Err(), context.Canceled) {
		t.Errorf("Err = %v, want canceled", x.Err())
	}
}
