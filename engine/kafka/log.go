package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"agora/fault"
	"agora/pattern/eventlog"
)

// Log is an eventlog.Log that any number of servers may have open. It is safe for concurrent use.
type Log struct {
	target
	log      *slog.Logger
	client   *kgo.Client
	admin    *kadm.Client // makes requests with client
	appender *appender
	watcher  *watcher
	sizes    sizes
	topics   sync.Map // of *topic by its name in the log
	closing  sync.Once
	closed   chan struct{}
	calls    sync.RWMutex // held for reading by every call, so that Close waits for them
}

var _ eventlog.Log = (*Log)(nil)

// Open returns the log at a URL: kafka://user:password@broker1,broker2:9092/namespace, or kafka+tls:// for TLS. Parameters are
// replicas, the copies of each topic that Create makes (3 by default), and sasl, the mechanism of the user
// (scram-sha-512 by default). It connects with the first call. log may be nil.
func Open(rawURL string, log *slog.Logger) (*Log, error) {
	log = cmp.Or(log, slog.New(slog.DiscardHandler))
	t, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	l := &Log{target: t, log: log, closed: make(chan struct{})}
	l.client, err = kgo.NewClient(append(t.options(log), producing(log)...)...)
	if err != nil {
		return nil, fmt.Errorf("make a client of Kafka: %w", err)
	}
	l.admin = kadm.NewClient(l.client)
	l.admin.SetTimeoutMillis(int32(callTimeout.Milliseconds()))
	l.appender = newAppender(l.client)
	// A connection carries one request at a time, so the waits have connections of their own.
	waiting, err := kgo.NewClient(t.options(log)...)
	if err != nil {
		l.client.Close()
		return nil, fmt.Errorf("make a client of Kafka: %w", err)
	}
	l.watcher = newWatcher(waiting)
	return l, nil
}

// Create implements eventlog.Log.
func (l *Log) Create(ctx context.Context, name string, partitions int) error {
	if err := eventlog.CheckTopic(name, partitions); err != nil {
		return err
	}
	return l.serve(ctx, func(ctx context.Context) error {
		t, err := l.current(ctx, name)
		if fault.Is(err, fault.NotFound) {
			if err := l.make(ctx, name, partitions); err != nil {
				return err
			}
			t, err = l.appeared(ctx, name)
		}
		if err != nil {
			return err
		}
		if t.partitions != partitions {
			return eventlog.ErrPartitionsDiffer(name, t.partitions, partitions)
		}
		return l.checkPolicy(ctx, t)
	})
}

// make creates the topic in Kafka, unless another server does so at the same time.
func (l *Log) make(ctx context.Context, name string, partitions int) error {
	err := persist(ctx, func() error {
		_, err := l.admin.CreateTopic(ctx, int32(partitions), int16(l.replicas), topicConfig(l.replicas), l.name(name))
		return err
	})
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists):
		return nil
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return fault.Wrap(fault.Conflict, err, fmt.Sprintf(
			"Kafka has too few brokers for %d replicas of topic %s: start more, or set replicas in the URL, as in ?replicas=1", l.replicas, name))
	case err != nil:
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	return nil
}

// topicConfig returns the configuration of topics with so many replicas. Trim alone deletes records. Most replicas have to have
// a record before it is acknowledged; a single replica has to sync it.
func topicConfig(replicas int) map[string]*string {
	config := map[string]string{
		"cleanup.policy":                 "delete",
		"retention.ms":                   "-1",
		"retention.bytes":                "-1",
		"segment.bytes":                  fmt.Sprint(128 << 20), // Trim frees the disk by the segment
		"max.message.bytes":              fmt.Sprint(maxBatch),
		"message.timestamp.type":         "LogAppendTime",
		"min.insync.replicas":            fmt.Sprint(replicas/2 + 1),
		"unclean.leader.election.enable": "false",
	}
	if replicas == 1 {
		config["flush.messages"] = "1"
	}
	pointers := make(map[string]*string, len(config))
	for key, value := range config {
		pointers[key] = &value
	}
	return pointers
}

// required are the settings of a topic, made by anybody, that this package relies on.
var required = map[string]string{"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime"}

// checkPolicy returns an error if the topic has another configuration than required.
func (l *Log) checkPolicy(ctx context.Context, t *topic) error {
	var configs kadm.ResourceConfigs
	err := persist(ctx, func() (err error) {
		configs, err = l.admin.DescribeTopicConfigs(ctx, l.name(t.name))
		return err
	})
	if err != nil {
		return fmt.Errorf("read the configuration of topic %s: %w", t.name, err)
	}
	config, err := configs.On(l.name(t.name), nil)
	if err = errors.Join(err, config.Err); err != nil {
		return fmt.Errorf("read the configuration of topic %s: %w", t.name, err)
	}
	for _, c := range config.Configs {
		if want, ok := required[c.Key]; ok && c.MaybeValue() != want {
			return fault.New(fault.Conflict, CodeConfig, fmt.Sprintf("topic %s has %s=%s in Kafka and needs %s", l.name(t.name), c.Key, c.MaybeValue(), want))
		}
	}
	return nil
}

// serve makes a call unless the log is closed.
func (l *Log) serve(ctx context.Context, call func(ctx context.Context) error) error {
	l.calls.RLock()
	defer l.calls.RUnlock()
	if err := l.usable(ctx); err != nil {
		return err
	}
	return within(ctx, call)
}

// usable returns why no call can be served, or nil.
func (l *Log) usable(ctx context.Context) error {
	select {
	case <-l.closed:
		return eventlog.ErrClosed()
	default:
		return ctx.Err()
	}
}

// Ends implements eventlog.Log.
func (l *Log) Ends(ctx context.Context, name string) (ends []eventlog.Bounds, err error) {
	err = l.serve(ctx, func(ctx context.Context) error {
		t, err := l.current(ctx, name)
		if err != nil {
			return err
		}
		ends, err = l.ends(ctx, t)
		return err
	})
	return ends, err
}

// ends returns the bounds of each partition.
func (l *Log) ends(ctx context.Context, t *topic) ([]eventlog.Bounds, error) {
	oldest, err := l.offsets(ctx, t, oldestOffset)
	if err != nil {
		return nil, err
	}
	next, err := l.offsets(ctx, t, nextOffset)
	if err != nil {
		return nil, err
	}
	ends := make([]eventlog.Bounds, t.partitions)
	for p := range ends {
		// A Trim between the two requests can only move Oldest up to the Next of that moment.
		ends[p] = eventlog.Bounds{Oldest: oldest[p], Next: max(oldest[p], next[p])}
	}
	return ends, nil
}

// Close implements eventlog.Log. It also waits, for callTimeout at most, for records whose Append gave up before Kafka answered.
func (l *Log) Close() error {
	l.closing.Do(func() {
		close(l.closed) // ends the calls of Wait
		l.watcher.close()
	})
	l.calls.Lock()
	defer l.calls.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	_ = l.appender.settle(ctx) // the callers of those appends have got their errors
	l.client.Close()
	return nil
}
