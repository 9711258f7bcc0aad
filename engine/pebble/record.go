package pebble

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"agora/pattern/eventlog"
)

// The keys and values of the log. Integers in keys are big-endian, so that keys sort like offsets. A topic ends with a zero
// byte, which its name cannot contain.
//
//	logRecords    topic 0 partition(4) offset(8)   → record, as appendRecord writes it
//	logTopics     topic                            → uvarint partitions
//	logStarts     topic 0 partition(4)             → uvarint offset, position
//	logCommitted  topic 0 partition(4) group       → uvarint offset

func topicKey(topic string) []byte { return append([]byte{byte(logTopics)}, topic...) }

func partitionKey(store prefix, topic string, partition int) []byte {
	key := make([]byte, 0, len(topic)+14)
	key = append(key, byte(store))
	key = append(key, topic...)
	key = append(key, 0)
	return binary.BigEndian.AppendUint32(key, uint32(partition))
}

func recordKey(topic string, partition int, offset int64) []byte {
	return binary.BigEndian.AppendUint64(partitionKey(logRecords, topic, partition), uint64(offset))
}

func committedKey(topic string, partition int, group string) []byte {
	return append(partitionKey(logCommitted, topic, partition), group...)
}

// offsetOf returns the offset at the end of a record's key.
func offsetOf(key []byte) int64 { return int64(binary.BigEndian.Uint64(key[len(key)-8:])) }

// position is the part of a record that retention needs. Both figures only grow with the offset, so that a binary search
// finds the first record that stays, without reading the records to drop.
type position struct {
	bytes    int64 // the sum of Record.Size of all earlier records, including dropped ones
	appended int64 // Unix milliseconds
}

func appendPosition(to []byte, at position) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(to, uint64(at.bytes)), uint64(at.appended))
}

// tail is the end of a partition.
type tail struct {
	next int64
	position
}

// add adds the record at the tail to the batch, with the key prefix of its partition, and moves the tail after it.
func (t *tail) add(b *pebble.Batch, partition []byte, now int64, r eventlog.Record) error {
	t.appended = max(t.appended, now)
	value := appendRecord(make([]byte, 0, r.Size()+40), t.position, r)
	if err := b.Set(binary.BigEndian.AppendUint64(partition, uint64(t.next)), value, nil); err != nil {
		return fmt.Errorf("add record: %w", err)
	}
	t.next++
	t.bytes += int64(r.Size())
	return nil
}

// recordVersion is the first byte of every stored record; another layout takes another number.
const recordVersion = 1

// appendRecord encodes a record: version, position, time of the event in microseconds, identifier, kind
// and key with their lengths, and the value up to the end.
func appendRecord(to []byte, at position, r eventlog.Record) []byte {
	to = append(to, recordVersion)
	to = appendPosition(to, at)
	to = binary.AppendVarint(to, r.At.UnixMicro())
	to = AppendString(to, r.ID)
	to = AppendString(to, r.Kind)
	to = AppendString(to, r.Key)
	return append(to, r.Value...)
}

var errRecord = errors.New("a stored record is damaged")

// decodeRecord is the inverse of appendRecord. The record does not share memory with data.
func decodeRecord(data []byte) (position, eventlog.Record, error) {
	if len(data) == 0 || data[0] != recordVersion {
		return position{}, eventlog.Record{}, fmt.Errorf("%w: unknown version", errRecord)
	}
	d := Decoder{Rest: data[1:]}
	at := d.position()
	r := eventlog.Record{At: time.UnixMicro(d.Varint()).UTC(), ID: d.String(), Kind: d.String(), Key: d.String()}
	if d.Failed {
		return position{}, eventlog.Record{}, errRecord
	}
	r.Value = append([]byte{}, d.Rest...)
	return at, r, nil
}

func (d *Decoder) position() position {
	return position{bytes: int64(d.Uvarint()), appended: int64(d.Uvarint())}
}
