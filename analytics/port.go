package analytics

import (
	"context"
	"fmt"

	"agora/fault"
)

// Stable codes of errors.
const (
	CodeStale   = "fold_stale"  // another one has gone on from there
	CodeTrimmed = "log_trimmed" // the record is no longer in the log
)

// ErrStale returns the error of a write that begins where the store is not any more. what names the store.
func ErrStale(what string) *fault.Error {
	return fault.New(fault.Conflict, CodeStale, what+" has gone on since")
}

// ErrTrimmed returns the error of a read before the begin of a partition.
func ErrTrimmed(partition int, begin Offset) *fault.Error {
	return fault.New(fault.Gone, CodeTrimmed, fmt.Sprintf("partition %d of the log begins at offset %d", partition, begin))
}

// EventLog holds records by partition and offset. All methods may be called concurrently.
type EventLog interface {
	// Append adds records to a partition in their order and returns the offset of the first one after all are durable. In
	// the same write it adds what their headers say to the accepted items of Bounds. After an error some, all or none
	// may have been added.
	Append(ctx context.Context, partition int, records ...[]byte) (Offset, error)

	// Read returns records from the offset on: at least one, unless the offset is the end, and no more than are about max
	// bytes. The caller may keep them. An offset before the begin fails with CodeTrimmed.
	Read(ctx context.Context, partition int, from Offset, most int) ([][]byte, error)

	// Bounds returns where the partitions begin and end, and what was accepted up to those ends, all of one moment.
	Bounds(ctx context.Context) (Bounds, error)

	// Trim removes the records before the offset. What was accepted stays.
	Trim(ctx context.Context, partition int, before Offset) error
}

// Bounds is how far a log reaches.
type Bounds struct {
	Begin    []Offset // by partition
	End      []Offset
	Accepted map[LineKey]int64 // items, with rejected ones
}

// Change is a key of the state with its new value. A nil value removes the key.
type Change struct{ Key, Value []byte }

// StateStore holds the state of a fold: keys and values whose meaning is the fold's.
type StateStore interface {
	// Scan calls each with all keys that begin with the prefix, in their order, and their values. Both are valid during the
	// call only.
	Scan(ctx context.Context, prefix []byte, each func(key, value []byte) error) error

	// Read returns the values of keys, all of one moment; nil for a key that is not there.
	Read(ctx context.Context, keys ...[]byte) ([][]byte, error)

	// Commit makes all changes at once and durable, and moves the epoch of the store from one number to the next. It fails
	// with CodeStale, and changes nothing, if the store is at another epoch. A new store is at epoch 0. After any other
	// error the commit may have happened.
	Commit(ctx context.Context, from, to int64, changes []Change) error
}

// File is a file of the lake as the catalogue has it.
type File struct {
	Name      string // empty if the range has no event left, and so needs no file
	Partition int
	From, To  Offset // the records that its events came in
	Purged    Offset // the erasures of the partition before this offset have been applied
	Rows      int64
	Bytes     int64
	Lines     []Line
}

// Snapshot is the catalogue at one moment.
type Snapshot struct {
	Number int64    // of changes so far
	Next   []Offset // by partition: where the next file begins
	Files  []File   // by partition and From
}

// Catalogue says which files are part of the lake.
type Catalogue interface {
	// Snapshot returns the catalogue of this moment.
	Snapshot(ctx context.Context) (Snapshot, error)

	// Add adds files and moves Next of their partitions from From to To, all in one transaction. It fails with CodeStale, and
	// changes nothing, if one of them does not begin where its partition is. After any other error it may have happened.
	Add(ctx context.Context, files ...File) error

	// Replace ends one file and adds another for the same range. It fails with CodeStale, and changes nothing, if the catalogue
	// does not have the old one with the same Name and Purged.
	Replace(ctx context.Context, before, after File) error
}

// Files holds the files themselves.
type Files interface {
	// Write writes a file and returns its size in bytes after it is durable. It replaces a file of that name. After an error
	// the file is as it was, or there in whole.
	Write(ctx context.Context, name string, rows *Rows) (int64, error)

	// Filter writes a second file with the rows of the first one that drop does not want gone.
	Filter(ctx context.Context, from, to string, drop func(Stored) bool) (int64, error)

	// List returns the names of all files in their order.
	List(ctx context.Context) ([]string, error)

	// Remove removes files. It is no error if there is none of a name.
	Remove(ctx context.Context, names ...string) error
}
