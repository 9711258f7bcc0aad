package eventlogtest

import (
	"context"
	"errors"
	"sync/atomic"

	"agora/pattern/eventlog"
)

// Alternating returns a log that sends its calls to two servers in turn, which have the same store open. An engine whose
// store servers share passes Run with it, too.
func Alternating(first, second eventlog.Log) eventlog.Log {
	return &alternating{servers: [2]eventlog.Log{first, second}}
}

// alternating sends its calls to two servers in turn.
type alternating struct {
	servers [2]eventlog.Log
	calls   atomic.Int64
}

func (a *alternating) next() eventlog.Log { return a.servers[a.calls.Add(1)%2] }

func (a *alternating) Create(ctx context.Context, topic string, partitions int) error {
	return a.next().Create(ctx, topic, partitions)
}

func (a *alternating) Append(ctx context.Context, topic string, records ...eventlog.Record) ([]eventlog.Position, error) {
	return a.next().Append(ctx, topic, records...)
}

func (a *alternating) Read(ctx context.Context, topic string, partition int, offset int64, limit int) ([]eventlog.Message, error) {
	return a.next().Read(ctx, topic, partition, offset, limit)
}

func (a *alternating) Wait(ctx context.Context, topic string, partition int, offset int64) error {
	return a.next().Wait(ctx, topic, partition, offset)
}

func (a *alternating) Ends(ctx context.Context, topic string) ([]eventlog.Bounds, error) {
	return a.next().Ends(ctx, topic)
}

func (a *alternating) Commit(ctx context.Context, group, topic string, partition int, offset int64) error {
	return a.next().Commit(ctx, group, topic, partition, offset)
}

func (a *alternating) Committed(ctx context.Context, group, topic string, partition int) (int64, bool, error) {
	return a.next().Committed(ctx, group, topic, partition)
}

func (a *alternating) Trim(ctx context.Context, topic string, keep eventlog.Retention) (int64, error) {
	return a.next().Trim(ctx, topic, keep)
}

func (a *alternating) Close() error { return errors.Join(a.servers[0].Close(), a.servers[1].Close()) }
