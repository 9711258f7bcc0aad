package cassandra

import (
	"context"
	"errors"
	"io"
	"net"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"agora/fault"
)

// classify turns an error of the driver into a fault. gocql.ErrNotFound, and what is a bug, pass as they are.
func classify(err error) error {
	if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	if answer, ok := errors.AsType[gocql.RequestError](err); ok {
		return classifyAnswer(answer.Code(), err)
	}
	if errors.Is(err, gocql.ErrTimeoutNoResponse) {
		return fault.Wrap(fault.Timeout, err, "Cassandra did not answer in time")
	}
	if isAway(err) {
		return fault.Wrap(fault.Unavailable, err, "Cassandra is away")
	}
	return err
}

// classifyAnswer is classify for an error that a node has answered.
func classifyAnswer(code int, err error) error {
	switch code {
	case gocql.ErrCodeUnavailable, gocql.ErrCodeOverloaded, gocql.ErrCodeBootstrapping,
		gocql.ErrCodeReadFailure, gocql.ErrCodeWriteFailure, gocql.ErrCodeTruncate:
		return fault.Wrap(fault.Unavailable, err, "too few nodes of Cassandra can do it")
	case gocql.ErrCodeReadTimeout, gocql.ErrCodeWriteTimeout, gocql.ErrCodeCASWriteUnknown:
		return fault.Wrap(fault.Timeout, err, "the nodes of Cassandra did not answer in time")
	default:
		return err
	}
}

func isAway(err error) bool {
	for _, away := range []error{
		gocql.ErrNoConnections, gocql.ErrConnectionClosed, gocql.ErrUnavailable, gocql.ErrNoStreams,
		gocql.ErrSessionClosed, gocql.ErrNoConnectionsStarted, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
	} {
		if errors.Is(err, away) {
			return true
		}
	}
	_, network := errors.AsType[net.Error](err)
	return network
}
