// Package kafka is the event log in Apache Kafka. Use it where other programs read the events too, or where one database
// cannot take them: a cluster keeps them on several machines, and grows with its brokers. It needs Kafka 4.
//
// A topic of the log is a topic of Kafka, and a group is a consumer group. Their names begin with the namespace of the URL:
// the topic shop is agora.shop in kafka://host/agora. Key and value of a record are those of Kafka; the rest is in headers
// (record.go). Only this package may write to the topics: transactions and compaction would leave gaps between offsets.
//
// What Append has acknowledged is in the memory of most replicas, or on the disk if a topic has one replica; Create sets this
// for the topics that it makes. Appended is a time of the leader of the partition: it goes back if a broker with a
// slower clock becomes the leader. Kafka deletes the offsets of a group that commits nothing for offsets.retention.minutes, 7 days
// by default; the group then begins with the oldest record.
package kafka

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"agora/pattern/eventlog"
)

const (
	// callTimeout bounds each call, except those of Wait, if its context does not end earlier.
	callTimeout = 10 * time.Second
	dialTimeout = 2 * time.Second
	// firstPause and longestPause bound the delays between attempts within callTimeout.
	firstPause   = 20 * time.Millisecond
	longestPause = 500 * time.Millisecond
	// metadataAge is how soon the driver asks again which broker leads a partition.
	metadataAge = 100 * time.Millisecond

	defaultPort      = "9092"
	defaultNamespace = "agora"
	// defaultReplicas survive the loss of one broker, and accept writes meanwhile.
	defaultReplicas = 3
)

// target is what a URL says.
type target struct {
	brokers   []string
	namespace string // first part of the names of topics and groups
	replicas  int    // of the topics that Create makes
	tls       bool
	login     sasl.Mechanism // nil without a user
}

// parse reads a URL such as kafka://user:password@broker1,broker2:9092/agora?replicas=3. Its errors do not contain the password.
func parse(rawURL string) (target, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" {
		return target{}, errors.New("the address of Kafka has to be kafka://host:port")
	}
	t := target{namespace: cmp.Or(strings.Trim(u.Path, "/"), defaultNamespace), replicas: defaultReplicas, tls: u.Scheme == "kafka+tls"}
	for host := range strings.SplitSeq(u.Hostname(), ",") {
		t.brokers = append(t.brokers, net.JoinHostPort(host, cmp.Or(u.Port(), defaultPort)))
	}
	if eventlog.CheckName("namespace", t.namespace) != nil {
		return target{}, errors.New("the path of Kafka's address has to be one name, with which the names of topics begin")
	}
	if text := u.Query().Get("replicas"); text != "" {
		if t.replicas, err = strconv.Atoi(text); err != nil || t.replicas < 1 || t.replicas > 100 {
			return target{}, errors.New("replicas of Kafka's address has to be a number of brokers")
		}
	}
	t.login, err = login(u)
	return t, err
}

// login returns how the client proves its user, or nil without a user.
func login(u *url.URL) (sasl.Mechanism, error) {
	mechanism := u.Query().Get("sasl")
	if u.User == nil {
		if mechanism != "" {
			return nil, errors.New("the address of Kafka has sasl and no user")
		}
		return nil, nil
	}
	user := u.User.Username()
	password, _ := u.User.Password()
	switch mechanism {
	case "", "scram-sha-512":
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism(), nil
	case "scram-sha-256":
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism(), nil
	case "plain":
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	}
	return nil, errors.New("sasl of Kafka's address has to be scram-sha-512, scram-sha-256 or plain")
}

// options are those of every client of the target.
func (t target) options(log *slog.Logger) []kgo.Opt {
	options := []kgo.Opt{
		kgo.SeedBrokers(t.brokers...),
		kgo.ClientID("agora"),
		kgo.WithLogger(driverLog{log}),
		kgo.DialTimeout(dialTimeout),
		kgo.RetryTimeout(callTimeout),
		kgo.RetryBackoffFn(pause),
		kgo.MetadataMinAge(metadataAge),
	}
	if t.tls {
		options = append(options, kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	if t.login != nil {
		options = append(options, kgo.SASL(t.login))
	}
	return options
}

// driverLog logs the lines of the driver at debug level: the callers get the errors.
type driverLog struct{ log *slog.Logger }

// Level implements kgo.Logger.
func (d driverLog) Level() kgo.LogLevel {
	if d.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelNone
}

// Log implements kgo.Logger.
func (d driverLog) Log(_ kgo.LogLevel, message string, keyvals ...any) {
	d.log.Debug("kafka driver: "+message, keyvals...)
}

// name returns the name in Kafka of a topic or group.
func (t target) name(s string) string { return fmt.Sprintf("%s.%s", t.namespace, s) }
