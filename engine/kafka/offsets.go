package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"agora/pattern/eventlog"
)

// Commit implements eventlog.Log. The offset is one of a consumer group without members, so that it may go back.
func (l *Log) Commit(ctx context.Context, group, name string, partition int, offset int64) error {
	if err := eventlog.CheckCommit(group, offset); err != nil {
		return err
	}
	return l.serve(ctx, func(ctx context.Context) error {
		t, err := l.partition(ctx, name, partition)
		if err != nil {
			return err
		}
		err = persist(ctx, func() error { return l.commit(ctx, group, place{t, partition}, offset) })
		if err != nil {
			return fmt.Errorf("commit of group %s: %w", group, err)
		}
		return nil
	})
}

func (l *Log) commit(ctx context.Context, group string, p place, offset int64) error {
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group = l.name(group)
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = l.name(p.name), p.id
	at := kmsg.NewOffsetCommitRequestTopicPartition()
	at.Partition, at.Offset = int32(p.partition), offset
	topic.Partitions = append(topic.Partitions, at)
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, l.client)
	if err != nil {
		return err
	}
	for _, topic := range response.Topics {
		for _, answer := range topic.Partitions {
			if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
				return l.explain(ctx, p, offset, err)
			}
		}
	}
	return nil
}

// Committed implements eventlog.Log.
func (l *Log) Committed(ctx context.Context, group, name string, partition int) (offset int64, ok bool, err error) {
	err = l.serve(ctx, func(ctx context.Context) error {
		t, err := l.partition(ctx, name, partition)
		if err != nil {
			return err
		}
		err = persist(ctx, func() error {
			offset, err = l.committed(ctx, group, place{t, partition})
			return err
		})
		if err != nil {
			return fmt.Errorf("read the offset of group %s: %w", group, err)
		}
		ok = offset != noOffset
		return nil
	})
	return max(offset, 0), ok, err
}

// committed returns the offset of the group, or noOffset.
func (l *Log) committed(ctx context.Context, group string, p place) (int64, error) {
	request := kmsg.NewPtrOffsetFetchRequest()
	topic := kmsg.NewOffsetFetchRequestGroupTopic()
	topic.Topic, topic.TopicID = l.name(p.name), p.id
	topic.Partitions = []int32{int32(p.partition)}
	asked := kmsg.NewOffsetFetchRequestGroup()
	asked.Group = l.name(group)
	asked.Topics = append(asked.Topics, topic)
	request.Groups = append(request.Groups, asked)
	response, err := request.RequestWith(ctx, l.client)
	if err != nil {
		return noOffset, err
	}
	offset := int64(noOffset)
	for _, group := range response.Groups {
		if err := kerr.ErrorForCode(group.ErrorCode); err != nil {
			return noOffset, err
		}
		for _, topic := range group.Topics {
			for _, answer := range topic.Partitions {
				if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
					return noOffset, l.explain(ctx, p, 0, err)
				}
				offset = answer.Offset
			}
		}
	}
	return offset, nil
}
