package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"agora/ident"
	"agora/pattern/eventlog"
)

// The headers of a record.
const (
	headerID   = "id"   // Record.ID
	headerKind = "kind" // Record.Kind
	headerAt   = "at"   // Record.At: microseconds since 1970 in 8 bytes, the highest first
)

const (
	atSize = 8
	// maxBatch is the largest batch in bytes: one of the largest record, with its headers and the batch's own.
	maxBatch = eventlog.MaxRecord + 4<<10
)

// encode returns the records for a topic of Kafka. They share one copy of all data, because the driver may need it after the
// caller has got an error and has used its own again.
func encode(topic string, partitions int, records []eventlog.Record) []*kgo.Record {
	size := 0
	for _, r := range records {
		size += r.Size() + atSize
	}
	data := make([]byte, 0, size)
	encoded := make([]kgo.Record, len(records))
	headers := make([]kgo.RecordHeader, 0, 3*len(records))
	pointers := make([]*kgo.Record, len(records))
	for i, r := range records {
		var at [atSize]byte
		binary.BigEndian.PutUint64(at[:], uint64(r.At.UnixMicro()))
		headers = append(headers,
			kgo.RecordHeader{Key: headerID, Value: add(&data, r.ID)},
			kgo.RecordHeader{Key: headerKind, Value: add(&data, r.Kind)},
			kgo.RecordHeader{Key: headerAt, Value: add(&data, at[:])})
		encoded[i] = kgo.Record{
			Topic: topic, Partition: int32(ident.Partition(r.Key, partitions)),
			Key: add(&data, r.Key), Value: add(&data, r.Value), Headers: slices.Clip(headers[len(headers)-3:]),
		}
		pointers[i] = &encoded[i]
	}
	return pointers
}

// add appends b to data and returns the part of data that b is now.
func add[T string | []byte](data *[]byte, b T) []byte {
	*data = append(*data, b...)
	return slices.Clip((*data)[len(*data)-len(b):])
}

// errForeign is the error of a record that another program wrote.
var errForeign = errors.New("it has not the headers id, kind and at, so another program has written it")

// decode returns the message of a record that was read.
func decode(topic string, r *kgo.Record) (eventlog.Message, error) {
	m := eventlog.Message{
		Record: eventlog.Record{Key: string(r.Key), Value: slices.Clip(r.Value)},
		Topic:  topic, Partition: int(r.Partition), Offset: r.Offset, Appended: r.Timestamp.UTC(),
	}
	found := 0
	for _, h := range r.Headers {
		switch h.Key {
		case headerID:
			m.ID = string(h.Value)
		case headerKind:
			m.Kind = string(h.Value)
		case headerAt:
			if len(h.Value) != atSize {
				continue
			}
			m.At = time.UnixMicro(int64(binary.BigEndian.Uint64(h.Value))).UTC()
		default:
			continue
		}
		found++
	}
	if found != 3 {
		return m, fmt.Errorf("record %d of %s/%d: %w", r.Offset, topic, r.Partition, errForeign)
	}
	return m, nil
}
