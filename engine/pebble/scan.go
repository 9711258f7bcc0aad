package pebble

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"agora/pattern/eventlog"
)

// loadTopics returns the number of partitions of each topic.
func (db *DB) loadTopics() (topics map[string]int, err error) {
	iter, err := db.db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{byte(logTopics)}, UpperBound: []byte{byte(logTopics) + 1},
	})
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	topics = map[string]int{}
	for ok := iter.First(); ok; ok = iter.Next() {
		d := Decoder{Rest: iter.Value()}
		topics[string(iter.Key()[1:])] = int(d.Uvarint())
		if d.Failed {
			return nil, fmt.Errorf("topic %s: %w", iter.Key()[1:], errRecord)
		}
	}
	return topics, nil
}

// loadPartition finds the bounds of the partition. Its end is after the last record that a crash has left, or its beginning
// if all records were dropped.
func (db *DB) loadPartition(topic string, p int) (loaded *partition, err error) {
	start, err := db.loadStart(topic, p)
	if err != nil {
		return nil, err
	}
	loaded = &partition{tail: start, changed: make(chan struct{})}
	iter, err := db.db.NewIter(&pebble.IterOptions{
		LowerBound: recordKey(topic, p, start.next), UpperBound: recordKey(topic, p, math.MaxInt64),
	})
	if err != nil {
		return nil, fmt.Errorf("find the end of %s/%d: %w", topic, p, err)
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	if iter.Last() {
		at, r, err := decodeRecord(iter.Value())
		if err != nil {
			return nil, fmt.Errorf("last record of %s/%d: %w", topic, p, err)
		}
		at.bytes += int64(r.Size())
		loaded.tail = tail{next: offsetOf(iter.Key()) + 1, position: at}
	}
	loaded.bounds = eventlog.Bounds{Oldest: start.next, Next: loaded.tail.next}
	return loaded, nil
}

// loadStart returns the beginning of the partition, which is zero until it is trimmed.
func (db *DB) loadStart(topic string, p int) (tail, error) {
	value, ok, err := db.Get(partitionKey(logStarts, topic, p))
	if err != nil || !ok {
		return tail{}, err
	}
	d := Decoder{Rest: value}
	start := tail{next: int64(d.Uvarint()), position: d.position()}
	if d.Failed {
		return tail{}, fmt.Errorf("start of %s/%d: %w", topic, p, errRecord)
	}
	return start, nil
}

// readRecords returns the records with offsets from one up to, but without, another, about eventlog.MaxRead bytes at most.
func (db *DB) readRecords(topic string, p int, from, to int64) (read []eventlog.Message, err error) {
	iter, err := db.db.NewIter(&pebble.IterOptions{
		LowerBound: recordKey(topic, p, from), UpperBound: recordKey(topic, p, to),
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	size := 0
	for ok := iter.First(); ok && size < eventlog.MaxRead; ok = iter.Next() {
		at, r, err := decodeRecord(iter.Value())
		if err != nil {
			return nil, fmt.Errorf("offset %d: %w", offsetOf(iter.Key()), err)
		}
		read = append(read, eventlog.Message{
			Record: r, Topic: topic, Partition: p, Offset: offsetOf(iter.Key()),
			Appended: time.UnixMilli(at.appended).UTC(),
		})
		size += r.Size()
	}
	return read, nil
}

// Get returns a copy of the value of a key; ok is false if there is none.
func (db *DB) Get(key []byte) (value []byte, ok bool, err error) {
	stored, closer, err := db.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	value = append([]byte{}, stored...)
	return value, true, closer.Close()
}

func (db *DB) getUvarint(key []byte) (v uint64, ok bool, err error) {
	value, ok, err := db.Get(key)
	if err != nil || !ok {
		return 0, false, err
	}
	d := Decoder{Rest: value}
	v = d.Uvarint()
	if d.Failed {
		return 0, false, errRecord
	}
	return v, true, nil
}
