// Package eventlog is the log of domain events: a durable, ordered record of what happened in one domain, which any
// number of other parts of the program follow.
//
// Use it where one event has many readers, each at its own pace, and where the order of the events about one
// thing matters: an order was placed, paid, cancelled. A topic is split into partitions by the record's key:
// records of one key are read in the order in which they were appended; the order between keys is undefined. Reading
// removes nothing: each group has its own offset, which can go back. Delivery is at least once, so handlers have to be
// idempotent by Record.ID. One record that cannot be handled stops its partition. To append an event in one
// transaction with the change that it reports, use package outbox. The model is that of Kreps, Narkhede and Rao, "Kafka: a
// Distributed Messaging System for Log Processing" (NetDB 2011).
package eventlog

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"agora/fault"
)

const (
	// MaxRecord is the largest Record.Size, in bytes. Put larger values into a store, and their key into the log.
	MaxRecord = 1 << 20
	// MaxRead is about how many bytes one Read returns: it stops after the record that reaches it.
	MaxRead = 4 << 20
	// MaxPartitions is the largest number of partitions of a topic.
	MaxPartitions = 1024
)

// Stable codes of errors.
const (
	CodeOutOfRange = "offset_out_of_range" // the offset is no longer, or not yet, in the log
	CodePartitions = "partitions_differ"   // the topic was created with another number of partitions
	CodeClosed     = "log_closed"          // the log was closed
)

// Log stores records by topic, partition and offset. Offsets of a partition are 0, 1, 2, … without a gap.
// All methods may be called concurrently. A topic or partition that does not exist is a fault.NotFound, a
// context that has ended gives its own error before anything is done, and every call after Close fails with CodeClosed.
type Log interface {
	// Create makes a topic with a number of partitions, which never changes, because the partition of a key depends on it.
	// It does nothing if the topic exists with the same number; another number is a fault.Conflict.
	Create(ctx context.Context, topic string, partitions int) error

	// Append adds the records in their order, and returns their positions after all of them are durable. If one is not
	// valid (see Check), none is added. After any other error some or all may have been added: a caller that appends again
	// makes duplicates, which readers recognize by Record.ID.
	Append(ctx context.Context, topic string, records ...Record) ([]Position, error)

	// Read returns up to limit messages of a partition from the offset on, bounded by MaxRead, and none at the end of the
	// log. An offset outside of the bounds of Ends fails with CodeOutOfRange.
	Read(ctx context.Context, topic string, partition int, offset int64, limit int) ([]Message, error)

	// Wait returns when the partition holds a record at the offset. It may return early: read again.
	Wait(ctx context.Context, topic string, partition int, offset int64) error

	// Ends returns the bounds of each partition of the topic.
	Ends(ctx context.Context, topic string) ([]Bounds, error)

	// Commit stores the offset that the group reads next. It may go back. It survives the end of the process; a crash
	// of the machine that stores it can lose the latest commits, and the group then handles some records again.
	Commit(ctx context.Context, group, topic string, partition int, offset int64) error

	// Committed returns the stored offset of the group, or ok false if it has never committed one.
	Committed(ctx context.Context, group, topic string, partition int) (offset int64, ok bool, err error)

	// Trim deletes the oldest records of each partition that keep does not retain, and returns their number, whether or
	// not every group has read them: compare agora_log_lag_seconds with the retention.
	Trim(ctx context.Context, topic string, keep Retention) (dropped int64, err error)

	// Close waits for running calls and releases the log.
	Close() error
}

// Record is an event to append.
type Record struct {
	ID    string    // identifies the event, also if it is appended or delivered twice
	Kind  string    // what happened, such as "order.placed", so that readers can skip kinds
	Key   string    // what the event is about; events of one key stay in order
	Value []byte    // the event, in the encoding of its topic
	At    time.Time // when it happened, stored in microseconds and returned in UTC
}

// Size is the size of the record in bytes, for MaxRecord and Retention.Bytes.
func (r Record) Size() int { return len(r.ID) + len(r.Kind) + len(r.Key) + len(r.Value) }

// Message is a record as it is read.
type Message struct {
	Record
	Topic     string
	Partition int
	Offset    int64
	Appended  time.Time // time of the append, in milliseconds and UTC; never decreases within a partition
}

// Position identifies a record of a topic.
type Position struct {
	Partition int
	Offset    int64
}

// Bounds are the offsets of a partition: Oldest is that of the oldest record kept, Next that of the next
// record appended. They are equal if the partition is empty.
type Bounds struct{ Oldest, Next int64 }

// Check returns a CodeOutOfRange error for an offset that cannot be read. A read at Next is valid and returns nothing yet.
func (b Bounds) Check(topic string, partition int, offset int64) error {
	if b.Oldest <= offset && offset <= b.Next {
		return nil
	}
	return fault.New(fault.NotFound, CodeOutOfRange, fmt.Sprintf(
		"offset %d of %s/%d is not in the log, which holds %d to %d", offset, topic, partition, b.Oldest, b.Next))
}

// Retention describes the records that Trim retains. A zero field sets no limit.
type Retention struct {
	Since time.Time // records appended before it are deleted
	Bytes int64     // largest size of a partition, as the sum of Record.Size
}

// Keeps reports whether a record is retained, by the time of its append and the sum of sizes from it to the end.
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
