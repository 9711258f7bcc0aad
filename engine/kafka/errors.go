package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"agora/backoff"
	"agora/fault"
	"agora/pattern/eventlog"
)

// Stable codes of errors, in addition to those of the port.
const (
	// CodeReplaced is the code of calls that name a topic which was deleted and made anew while this program used it. The
	// offsets of readers belong to the deleted topic, so the program has to start again.
	CodeReplaced = "topic_replaced"
	// CodeConfig is the code of a Create that finds the topic with another configuration than the log needs.
	CodeConfig = "topic_config"
)

func errReplaced(topic string) error {
	return fault.New(fault.Conflict, CodeReplaced, fmt.Sprintf(
		"topic %s was deleted and made anew: restart the program, whose offsets belong to the deleted topic", topic))
}

// errAway is the error of a call that Kafka did not answer in time.
func errAway(cause error) error {
	return fault.Wrap(fault.Unavailable, cause, "Kafka does not answer in time")
}

// within makes a call with a context that ends after callTimeout at the latest, and classifies its error.
func within(ctx context.Context, call func(ctx context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := call(bounded)
	switch {
	case err == nil, fault.KindOf(err) != fault.Internal && fault.KindOf(err) != fault.Timeout, fault.CodeOf(err) == eventlog.CodeClosed:
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("call of Kafka: %w", ctx.Err())
	case bounded.Err() != nil:
		return errAway(errors.Join(bounded.Err(), err))
	}
	return classify(err)
}

// classify turns an error of the driver into a fault.
func classify(err error) error {
	switch {
	case errors.Is(err, kgo.ErrClientClosed):
		return eventlog.ErrClosed()
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge):
		return fault.Wrap(fault.TooLarge, err, "the topic does not accept records of this size: its max.message.bytes is too low")
	case isPassing(err):
		return fault.Wrap(fault.Unavailable, err, "Kafka cannot be reached")
	}
	return err
}

// isPassing reports whether the same request may succeed later. What Kafka itself answered says so; all other errors are those of
// connections.
func isPassing(err error) bool {
	if fault.KindOf(err) != fault.Internal || errors.Is(err, kgo.ErrClientClosed) {
		return false
	}
	if answer, ok := errors.AsType[*kerr.Error](err); ok {
		return kerr.IsRetriable(answer)
	}
	return !errors.Is(err, errForeign)
}

// isMissing reports whether Kafka answered that it does not have the topic, or not with this identifier.
func isMissing(err error) bool {
	return errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.InconsistentTopicID)
}

// pause is the delay after so many failed attempts, of the driver and of persist.
func pause(failures int) time.Duration {
	return backoff.Jitter(backoff.After(failures-1, firstPause, longestPause))
}

// persist repeats an attempt while a later one may succeed, until ctx ends.
func persist(ctx context.Context, attempt func() error) error {
	for failures := 1; ; failures++ {
		err := attempt()
		if err == nil || !isPassing(err) || ctx.Err() != nil {
			return err
		}
		backoff.Sleep(ctx, pause(failures))
		if ctx.Err() != nil {
			return err
		}
	}
}
