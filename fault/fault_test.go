package fault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"agora/fault"
)

func TestKindOfSeesThroughWrapping(t *testing.T) {
	cause := errors.New("disk says no")
	tests := []struct {
		name string
		err  error
		want fault.Kind
		code string
	}{
		{"classified", fault.New(fault.Conflict, "insufficient_stock", "short"), fault.Conflict, "insufficient_stock"},
		{"wrapped by fmt", fmt.Errorf("place order: %w", fault.ErrNotFound("order", "ord_1")), fault.NotFound, "not_found"},
		{"classifies a cause", fault.Wrap(fault.Unavailable, cause, "the store is away"), fault.Unavailable, "unavailable"},
		{"outermost wins", fault.Wrap(fault.Unavailable, fault.ErrInvalid("sku", "is empty"), "away"), fault.Unavailable, "unavailable"},
		{"deadline", fmt.Errorf("read: %w", context.DeadlineExceeded), fault.Timeout, "timeout"},
		{"cancelled", context.Canceled, fault.Timeout, "timeout"},
		{"unknown is a bug", cause, fault.Internal, "internal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := fault.KindOf(tt.err); got != tt.want {
				t.Errorf("KindOf = %v, want %v", got, tt.want)
			}
			if got := fault.CodeOf(tt.err); got != tt.code {
				t.Errorf("CodeOf = %q, want %q", got, tt.code)
			}
			if !fault.Is(tt.err, tt.want) {
				t.Errorf("Is(%v) = false", tt.want)
			}
		})
	}
}

func TestWrapKeepsNilNil(t *testing.T) {
	if err := fault.Wrap(fault.Internal, nil, "never"); err != nil {
		t.Fatalf("Wrap(nil) = %v, want nil", err)
	}
	if fault.Is(nil, fault.Internal) {
		t.Fatal("a nil error must be of no kind")
	}
}

func TestWrapKeepsTheCause(t *testing.T) {
	cause := errors.New("disk says no")
	err := fault.Wrap(fault.Unavailable, cause, "the store is away")
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if got, want := err.Error(), "the store is away: disk says no"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestCollectorCountsWhatItDoesNotName(t *testing.T) {
	var c fault.Collector
	for i := range fault.MaxFields + 3 {
		c.Add(fmt.Sprintf("lines[%d]", i), "is empty")
	}
	e, _ := errors.AsType[*fault.Error](c.Err())
	if len(e.Fields) != fault.MaxFields || !strings.HasSuffix(e.Message, "lines[19] is empty; and 3 more") {
		t.Errorf("%d fields, and %q", len(e.Fields), e.Message)
	}
}

func TestCollectorNamesEveryField(t *testing.T) {
	var c fault.Collector
	if err := c.Err(); err != nil {
		t.Fatalf("empty collector: %v", err)
	}
	c.Check(true, "name", "is never wrong")
	c.Add("sku", "is longer than %d bytes", 64)
	c.Check(false, "price.amount", "is negative")
	err := c.Err()
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.Invalid || len(e.Fields) != 2 {
		t.Fatalf("Err() = %#v, want an Invalid error with two fields", err)
	}
	if got, want := err.Error(), "sku is longer than 64 bytes; price.amount is negative"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestPassingFailuresAreThoseOfParts(t *testing.T) {
	for _, tt := range []struct {
		err           error
		passing, away bool
	}{
		{nil, false, false},
		{errors.New("a bug"), false, false},
		{fault.ErrInvalid("name", "is empty"), false, false},
		{fault.New(fault.Unavailable, "", "the store is away"), true, true},
		{fmt.Errorf("read: %w", fault.New(fault.Timeout, "", "no answer")), true, false},
		{context.DeadlineExceeded, true, false},
	} {
		if got := fault.Passing(tt.err); got != tt.passing {
			t.Errorf("Passing(%v) = %t", tt.err, got)
		}
		if got := fault.Away(tt.err); got != tt.away {
			t.Errorf("Away(%v) = %t", tt.err, got)
		}
	}
}

func TestANewerSchemaIsNamed(t *testing.T) {
	err := fault.ErrNewerSchema("orders.db", 7, 5)
	if fault.CodeOf(err) != fault.CodeNewerSchema || fault.Passing(err) {
		t.Errorf("code %q, passing %t", fault.CodeOf(err), fault.Passing(err))
	}
	for _, part := range []string{"orders.db", "version 7", "up to 5"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}
