package kafka

import (
	"sync"
	"testing"

	"agora/engine/kafka/kafkatest"
	"agora/pattern/eventlog"
	"agora/pattern/eventlog/eventlogtest"
)

var server kafkatest.Server

func TestMain(m *testing.M) { server.Main(m) }

// openLog opens the log at a URL. The test closes it at its end.
func openLog(tb testing.TB, url string) *Log {
	tb.Helper()
	log, err := Open(url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := log.Close(); err != nil {
			tb.Error(err)
		}
	})
	return log
}

func TestLog(t *testing.T) {
	eventlogtest.Run(t, func(t *testing.T) eventlog.Log { return openLog(t, server.URL(t)) })
}

func TestLogIsDurable(t *testing.T) {
	var urls sync.Map
	eventlogtest.Durable(t, func(t *testing.T, name string) eventlog.Log {
		url, known := urls.Load(name)
		if !known {
			url = server.URL(t)
			urls.Store(name, url)
		}
		return openLog(t, url.(string))
	})
}

func BenchmarkLog(b *testing.B) {
	eventlogtest.Benchmark(b, func(b *testing.B) eventlog.Log { return openLog(b, server.URL(b)) })
}
