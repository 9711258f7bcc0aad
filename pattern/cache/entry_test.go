package cache

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"agora/fault"
)

func TestEntriesComeBack(t *testing.T) {
	until := time.UnixMilli(1_700_000_000_123)
	value, ok := decode(encodeValue([]byte("body"), until))
	if !ok || value.what != present || string(value.body) != "body" {
		t.Errorf("a value came back as %+v, %v", value, ok)
	}
	if !value.fresh(until.Add(-time.Millisecond)) || value.fresh(until) {
		t.Error("the value is not fresh exactly before the time that it was given")
	}

	cause := fault.New(fault.NotFound, "product_gone", "product prd_1 was\nwithdrawn")
	none, ok := decode(encodeAbsence(fmt.Errorf("load: %w", cause), until))
	if !ok || none.what != absent {
		t.Fatalf("an absence came back as %+v, %v", none, ok)
	}
	if err := none.err(); !fault.Is(err, fault.NotFound) || fault.CodeOf(err) != cause.Code || err.Error() != cause.Message {
		t.Errorf("the error came back as %v (%s), want %v (%s)", err, fault.CodeOf(err), cause, cause.Code)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(encodeValue([]byte("body"), time.UnixMilli(1)))
	f.Add(encodeAbsence(errors.New("plain"), time.UnixMilli(1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, ok := decode(b)
		if !ok {
			return
		}
		if e.what == absent && !fault.Is(e.err(), fault.NotFound) {
			t.Errorf("the error of an absence is %v", e.err())
		}
		if e.what == present && string(encodeValue(e.body, time.UnixMilli(e.freshUntil))) != string(b) {
			t.Errorf("%x is read as %+v, which is written differently", b, e)
		}
	})
}
