package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"agora/pattern/eventlog"
)

const (
	// likelySize is how many bytes Read asks for each message of its limit. Kafka returns whole batches, and at least one.
	likelySize = 1 << 10
	leastFetch = 64 << 10
)

var decompressor = kgo.DefaultDecompressor()

// place is a partition of a topic.
type place struct {
	*topic
	partition int
}

// Read implements eventlog.Log.
func (l *Log) Read(ctx context.Context, name string, partition int, offset int64, limit int) (read []eventlog.Message, err error) {
	err = l.serve(ctx, func(ctx context.Context) error {
		t, err := l.partition(ctx, name, partition)
		if err != nil {
			return err
		}
		read, err = l.read(ctx, place{t, partition}, offset, limit)
		return err
	})
	return read, err
}

// read is Read of a partition that exists.
func (l *Log) read(ctx context.Context, p place, offset int64, limit int) (read []eventlog.Message, err error) {
	err = persist(ctx, func() error {
		records, err := l.fetch(ctx, p, offset, min(max(limit, 0), eventlog.MaxRead/likelySize)*likelySize)
		if err != nil {
			return l.explain(ctx, p, offset, err)
		}
		read, err = messages(p.name, records, limit)
		return err
	})
	return read, err
}

// messages returns the first records as messages, up to limit and to MaxRead bytes.
func messages(topic string, records []*kgo.Record, limit int) ([]eventlog.Message, error) {
	if limit <= 0 || len(records) == 0 {
		return nil, nil
	}
	read := make([]eventlog.Message, 0, min(limit, len(records)))
	size := 0
	for _, r := range records {
		if len(read) == limit || size >= eventlog.MaxRead {
			break
		}
		m, err := decode(topic, r)
		if err != nil {
			return nil, err
		}
		read = append(read, m)
		size += m.Size()
	}
	return read, nil
}

// explain returns what the error of a fetch means for its caller. A passing error is returned as it is, after the leaders were
// learned again.
func (l *Log) explain(ctx context.Context, p place, offset int64, err error) error {
	if !errors.Is(err, kerr.OffsetOutOfRange) {
		if !isPassing(err) && !isMissing(err) {
			return err
		}
		return errors.Join(l.refresh(ctx, p.topic), err)
	}
	ends, failed := l.ends(ctx, p.topic)
	if failed != nil {
		return failed
	}
	if outside := ends[p.partition].Check(p.name, p.partition, offset); outside != nil {
		return outside
	}
	return err
}

// fetch returns the records of a partition from the offset on: about size bytes of them, and none at the end.
func (l *Log) fetch(ctx context.Context, p place, offset int64, size int) ([]*kgo.Record, error) {
	request := newFetch(l.target, max(size, leastFetch), map[place]int64{p: offset})
	response, err := fetchFrom(ctx, l.client, p.leader(p.partition), request)
	if err != nil {
		return nil, err
	}
	for _, topic := range response.Topics {
		for _, partition := range topic.Partitions {
			options := kgo.ProcessFetchPartitionOpts{Offset: offset, Topic: p.name, Partition: partition.Partition}
			fetched, _ := kgo.ProcessFetchPartition(options, &partition, decompressor, nil)
			return fetched.Records, fetched.Err
		}
	}
	return nil, errors.New("the answer to a fetch lacks the partition that it asked for")
}

// newFetch returns a request for about size bytes from the offsets on. It names the topics by identifier, so that one which
// was made anew is not taken for the one before it.
func newFetch(t target, size int, offsets map[place]int64) *kmsg.FetchRequest {
	request := kmsg.NewPtrFetchRequest()
	request.MaxBytes = int32(min(size, math.MaxInt32))
	request.SessionEpoch = -1 // without a session
	topics := map[*topic]*kmsg.FetchRequestTopic{}
	for p, offset := range offsets {
		asked, ok := topics[p.topic]
		if !ok {
			asked = &kmsg.FetchRequestTopic{Topic: t.name(p.name), TopicID: p.id}
			topics[p.topic] = asked
		}
		partition := kmsg.NewFetchRequestTopicPartition()
		partition.Partition, partition.FetchOffset = int32(p.partition), offset
		partition.PartitionMaxBytes = request.MaxBytes
		asked.Partitions = append(asked.Partitions, partition)
	}
	for _, asked := range topics {
		request.Topics = append(request.Topics, *asked)
	}
	return request
}

// fetchFrom asks one broker.
func fetchFrom(ctx context.Context, client *kgo.Client, broker int32, request *kmsg.FetchRequest) (*kmsg.FetchResponse, error) {
	response, err := client.Broker(int(broker)).Request(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("fetch from broker %d: %w", broker, err)
	}
	fetched := response.(*kmsg.FetchResponse)
	return fetched, kerr.ErrorForCode(fetched.ErrorCode)
}
