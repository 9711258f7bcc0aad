// Package eventlog is the log of domain events: what happened in one domain, kept in order for every other
// part of the program that follows it.
//
// Use it where one fact has many readers, each at its own pace, and where the order of the facts about one
// thing matters: an order was placed, paid, cancelled. A topic is split into partitions by the record's key,
// so that everything with one key is read in the order in which it was appended, and nothing is promised
// between keys. Reading does not remove: each group keeps its own offset and can go back. Delivery is at
// least once, so handlers have to be idempotent by Record.ID. The model is that of Kreps, Narkhede and Rao,
// "Kafka: a Distributed Messaging System for Log Processing" (NetDB 2011).
//
// What it is not: a queue that acknowledges, delays or redelivers single messages, since one record that
// cannot be handled holds up its whole partition; a transaction with the store that the event is about,
// which is what package outbox is for; and not the way of analytics' millions of events a second, which has
// an EventLog of batches of its own.
package eventlog

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"agora/fault"
)

const (
	// MaxRecord is the largest Record.Size, in bytes. Larger things belong into a store, and their name into the log.
	MaxRecord = 1 << 20
	// MaxRead is about how many bytes one Read returns: it stops after the record that reaches it.
	MaxRead = 4 << 20
	// MaxPartitions is the largest number of partitions of a topic.
	MaxPartitions = 1024
)

// The stable codes of errors that a caller may have to tell apart.
const (
	CodeOutOfRange = "offset_out_of_range" // the offset is no longer, or not yet, in the log
	CodePartitions = "partitions_differ"   // the topic was created with another number of partitions
	CodeClosed     = "log_closed"          // the log was closed: a caller outlived it
)

// Log keeps records by topic, partition and offset. Offsets of a partition are 0, 1, 2, … without a gap.
// All methods may be called concurrently. A topic or partition that does not exist is a fault.NotFound, a
// context that has ended is its own error before anything was done, and every call after Close fails with CodeClosed.
type Log interface {
	// Create makes a topic with a number of partitions that it keeps for ever, since the number decides where
	// a key is. It does nothing for a topic that is there with the same number; another is a fault.Conflict.
	Create(ctx context.Context, topic string, partitions int) error

	// Append adds the records in their order, and returns the position of each when all of them will survive a crash.
	// They are all refused if one of them is not valid (see Check). After any other error the outcome is open: some or
	// all may be kept, so a caller that appends again makes duplicates, which readers know by Record.ID.
	Append(ctx context.Context, topic string, records ...Record) ([]Position, error)

	// Read returns up to limit messages of a partition, from the offset on, and fewer if MaxRead says so. At the
	// end of the log that is none. An offset outside of what Ends gives fails with CodeOutOfRange.
	Read(ctx context.Context, topic string, partition int, offset int64, limit int) ([]Message, error)

	// Wait returns when the partition holds a record at the offset. It may return early: read again.
	Wait(ctx context.Context, topic string, partition int, offset int64) error

	// Ends returns the bounds of each partition of the topic.
	Ends(ctx context.Context, topic string) ([]Bounds, error)

	// Commit stores the offset from which the group reads on. It may go back. It survives the end of the process; a
	// crash of the machine that stores it may take the latest ones away, and the group then handles some again.
	Commit(ctx context.Context, group, topic string, partition int, offset int64) error

	// Committed returns the stored offset of the group, or ok false if it has never committed one.
	Committed(ctx context.Context, group, topic string, partition int) (offset int64, ok bool, err error)

	// Trim drops the oldest records of each partition, as far as keep says, and returns how many. It does
	// not ask whether every group has read them: watch agora_log_lag_seconds against the time that is kept.
	Trim(ctx context.Context, topic string, keep Retention) (dropped int64, err error)

	// Close waits for the calls under way and releases the log.
	Close() error
}

// Record is an event as its domain appends it.
type Record struct {
	ID    string    // the same event has the same one however often it is delivered
	Kind  string    // what happened, such as "order.placed", so that a reader can pass over what is not for it
	Key   string    // what it happened to; events of one key keep their order
	Value []byte    // the event itself, encoded as its topic says
	At    time.Time // when it happened, kept to the microsecond and returned in UTC
}

// Size is what the record counts for against MaxRecord and Retention.Bytes.
func (r Record) Size() int { return len(r.ID) + len(r.Kind) + len(r.Key) + len(r.Value) }

// Message is a record as it is read.
type Message struct {
	Record
	Topic     string
	Partition int
	Offset    int64
	Appended  time.Time // when the log took it, to the millisecond and in UTC; it never goes back within a partition
}

// Position is where a record stands in its topic.
type Position struct {
	Partition int
	Offset    int64
}

// Bounds are the offsets of a partition: Oldest is that of the oldest record kept, Next that of the next
// record appended. They are equal if the partition is empty.
type Bounds struct{ Oldest, Next int64 }

// Check returns a CodeOutOfRange error if nothing can be read at the offset. The offset Next is good: its
// record is yet to come.
func (b Bounds) Check(topic string, partition int, offset int64) error {
	if b.Oldest <= offset && offset <= b.Next {
		return nil
	}
	return fault.New(fault.NotFound, CodeOutOfRange, fmt.Sprintf(
		"offset %d of %s/%d is not in the log, which holds %d to %d", offset, topic, partition, b.Oldest, b.Next))
}

// Retention says what Trim keeps. A zero field sets no limit.
type Retention struct {
	Since time.Time // records appended before it are dropped, whenever their event happened
	Bytes int64     // the most bytes, in Record.Size, that a partition keeps
}

// Keeps reports whether a record stays, by when it was appended and by the sum of sizes from it to the end.
func (r Retention) Keeps(appended time.Time, bytes int64) bool {
	return !appended.Before(r.Since) && (r.Bytes <= 0 || bytes <= r.Bytes)
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

// CheckName reports why s cannot name a topic or a group; field says which of them it is.
func CheckName(field, s string) error {
	if !nameForm.MatchString(s) {
		return fault.ErrInvalid(field, "has to be 1 to 100 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit")
	}
	return nil
}

// CheckTopic reports why a topic cannot be created.
func CheckTopic(topic string, partitions int) error {
	if err := CheckName("topic", topic); err != nil {
		return err
	}
	if partitions < 1 || partitions > MaxPartitions {
		return fault.ErrInvalid("partitions", "has to be 1 to %d", MaxPartitions)
	}
	return nil
}

// Check reports why the records cannot be appended: each needs an event's identifier, a kind, a key and a time, and
// one of more than MaxRecord bytes is fault.TooLarge. Every engine calls it before it writes anything.
func Check(records []Record) error {
	var c fault.Collector
	for i, r := range records {
		if size := r.Size(); size > MaxRecord {
			field := fault.Field{Name: fmt.Sprintf("records[%d]", i), Message: fmt.Sprintf("has %d bytes, at most %d fit", size, MaxRecord)}
			return fault.New(fault.TooLarge, "too_large", field.Name+" "+field.Message, field)
		}
		c.Check(r.ID != "", fmt.Sprintf("records[%d].id", i), "is empty")
		c.Check(r.Kind != "", fmt.Sprintf("records[%d].kind", i), "is empty")
		c.Check(r.Key != "", fmt.Sprintf("records[%d].key", i), "is empty")
		c.Check(!r.At.IsZero(), fmt.Sprintf("records[%d].at", i), "is not set")
	}
	return c.Err()
}

// CheckCommit reports why a group cannot commit the offset.
func CheckCommit(group string, offset int64) error {
	if err := CheckName("group", group); err != nil {
		return err
	}
	if offset < 0 {
		return fault.ErrInvalid("offset", "is negative")
	}
	return nil
}

// ErrMissingPartition returns the error of a call that names a partition which the topic does not have.
func ErrMissingPartition(topic string, partition int) error {
	return fault.ErrNotFound("partition", fmt.Sprintf("%s/%d", topic, partition))
}

// ErrClosed returns the error of a call that came after Close.
func ErrClosed() error {
	return fault.New(fault.Internal, CodeClosed, "the event log is closed")
}

// ErrPartitionsDiffer returns the error of a Create that asks for another number of partitions.
func ErrPartitionsDiffer(topic string, has, want int) error {
	return fault.New(fault.Conflict, CodePartitions, fmt.Sprintf(
		"topic %s has %d partitions and cannot be opened with %d: its keys are where the first number put them", topic, has, want))
}
