package cassandra

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"agora/fault"
)

// answer is an error that a node has answered.
type answer int

func (a answer) Code() int       { return int(a) }
func (a answer) Message() string { return a.Error() }
func (a answer) Error() string   { return fmt.Sprintf("code %x", int(a)) }

func TestErrorsAreFaults(t *testing.T) {
	for _, tt := range []struct {
		err       error
		kind      fault.Kind
		uncertain bool // of a write
	}{
		{gocql.ErrNoConnections, fault.Unavailable, false},
		{gocql.ErrConnectionClosed, fault.Unavailable, true},
		{io.EOF, fault.Unavailable, true},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, fault.Unavailable, true},
		{gocql.ErrTimeoutNoResponse, fault.Timeout, true},
		{context.DeadlineExceeded, fault.Timeout, true},
		{answer(gocql.ErrCodeUnavailable), fault.Unavailable, false},
		{answer(gocql.ErrCodeOverloaded), fault.Unavailable, false},
		{answer(gocql.ErrCodeWriteTimeout), fault.Timeout, true},
		{answer(gocql.ErrCodeCASWriteUnknown), fault.Timeout, true},
		{answer(gocql.ErrCodeReadTimeout), fault.Timeout, true},
		{answer(gocql.ErrCodeWriteFailure), fault.Unavailable, true},
		{answer(gocql.ErrCodeSyntax), fault.Internal, false},
		{answer(gocql.ErrCodeInvalid), fault.Internal, false},
	} {
		err := classify(tt.err)
		if fault.KindOf(err) != tt.kind || !errors.Is(err, tt.err) {
			t.Errorf("classify(%v) = %v of kind %v, want kind %v", tt.err, err, fault.KindOf(err), tt.kind)
		}
		if Uncertain(err) != tt.uncertain {
			t.Errorf("Uncertain(%v) = %v", tt.err, Uncertain(err))
		}
	}
	if classify(nil) != nil || Uncertain(nil) {
		t.Error("nil is an error")
	}
}
