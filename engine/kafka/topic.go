package kafka

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"agora/backoff"
	"agora/fault"
	"agora/pattern/eventlog"
)

// topic is a topic that this process has used. Its identifier and partitions never change.
type topic struct {
	name       string // in the log
	id         kadm.TopicID
	partitions int
	leaders    atomic.Pointer[[]int32] // the broker that leads each partition
}

// leader returns the broker that leads a partition, or led it when the topic was described.
func (t *topic) leader(partition int) int32 { return (*t.leaders.Load())[partition] }

// topic returns the topic, or fault.NotFound. It asks Kafka at the first call that names the topic.
func (l *Log) topic(ctx context.Context, name string) (*topic, error) {
	if known, ok := l.topics.Load(name); ok {
		return known.(*topic), nil
	}
	t, err := l.describe(ctx, name)
	if err != nil {
		return nil, err
	}
	first, _ := l.topics.LoadOrStore(name, t)
	return first.(*topic), nil
}

// current returns the topic as topic does, and asks Kafka in any case whether it is still there.
func (l *Log) current(ctx context.Context, name string) (*topic, error) {
	if known, ok := l.topics.Load(name); ok {
		return known.(*topic), l.refresh(ctx, known.(*topic))
	}
	return l.topic(ctx, name)
}

// partition returns the topic, or fault.NotFound if it has no such partition.
func (l *Log) partition(ctx context.Context, name string, partition int) (*topic, error) {
	t, err := l.topic(ctx, name)
	if err == nil && (partition < 0 || partition >= t.partitions) {
		err = eventlog.ErrMissingPartition(name, partition)
	}
	return t, err
}

// appeared returns a topic that was just made, which brokers learn of one after the other.
func (l *Log) appeared(ctx context.Context, name string) (*topic, error) {
	for attempt := 1; ; attempt++ {
		t, err := l.current(ctx, name)
		if !fault.Is(err, fault.NotFound) || ctx.Err() != nil {
			return t, err
		}
		backoff.Sleep(ctx, pause(attempt))
	}
}

// refresh learns the leaders of the topic's partitions again. It fails if the topic is no longer there.
func (l *Log) refresh(ctx context.Context, t *topic) error {
	now, err := l.describe(ctx, t.name)
	if err != nil {
		return err
	}
	if now.id != t.id || now.partitions < t.partitions {
		return errReplaced(t.name)
	}
	t.leaders.Store(now.leaders.Load())
	return nil
}

// describe asks Kafka for the topic until each of its partitions has a leader.
func (l *Log) describe(ctx context.Context, name string) (*topic, error) {
	t := &topic{name: name}
	err := persist(ctx, func() error {
		details, err := l.admin.ListTopics(ctx, l.name(name))
		if err != nil {
			return err
		}
		detail := details[l.name(name)]
		if isMissing(detail.Err) || detail.Topic == "" {
			return fault.ErrNotFound("topic", name)
		}
		if detail.Err != nil {
			return detail.Err
		}
		return t.learn(detail)
	})
	if err != nil {
		return nil, fmt.Errorf("describe topic %s: %w", name, err)
	}
	return t, nil
}

// learn takes over what Kafka says of the topic.
func (t *topic) learn(detail kadm.TopicDetail) error {
	leaders := make([]int32, len(detail.Partitions))
	for p := range leaders {
		d, ok := detail.Partitions[int32(p)]
		if !ok || d.Leader < 0 {
			return kerr.LeaderNotAvailable
		}
		leaders[p] = d.Leader
	}
	t.id, t.partitions = detail.ID, len(leaders)
	t.leaders.Store(&leaders)
	return nil
}

// Times that Kafka takes for the bounds of a partition.
const (
	nextOffset   = -1
	oldestOffset = -2
)

// noOffset is Kafka's answer if no record has the time or a later one.
const noOffset = -1

// offsets returns, for each partition, the offset of the first record that was appended at a time in milliseconds or later, or
// noOffset. The time may be nextOffset or oldestOffset.
func (l *Log) offsets(ctx context.Context, t *topic, milliseconds int64) ([]int64, error) {
	request := kmsg.NewPtrListOffsetsRequest()
	request.TimeoutMillis = int32(callTimeout.Milliseconds())
	asked := kmsg.NewListOffsetsRequestTopic()
	asked.Topic = l.name(t.name)
	for p := range t.partitions {
		partition := kmsg.NewListOffsetsRequestTopicPartition()
		partition.Partition, partition.Timestamp = int32(p), milliseconds
		asked.Partitions = append(asked.Partitions, partition)
	}
	request.Topics = append(request.Topics, asked)
	offsets := make([]int64, t.partitions)
	err := persist(ctx, func() error {
		response, err := request.RequestWith(ctx, l.client)
		if err != nil {
			return err
		}
		for _, topic := range response.Topics {
			for _, p := range topic.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return err
				}
				offsets[p.Partition] = p.Offset
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the offsets of topic %s: %w", t.name, err)
	}
	return offsets, nil
}
