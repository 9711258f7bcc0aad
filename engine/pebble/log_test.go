package pebble

import (
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/pattern/eventlog"
	"agora/pattern/eventlog/eventlogtest"
)

// openLog opens the log in a folder of a file system. The test closes both at its end.
func openLog(t testing.TB, dir string, fs vfs.FS) *Log {
	t.Helper()
	db, err := Open(dir, Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	log, err := NewLog(db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeLog(t, log) })
	return log
}

func closeLog(t testing.TB, log *Log) {
	t.Helper()
	if err := log.Close(); err != nil {
		t.Errorf("close the log: %v", err)
	}
	if err := log.db.Close(); err != nil {
		t.Errorf("close the database: %v", err)
	}
}

// owning is a log that closes its database too.
type owning struct{ *Log }

func (o owning) Close() error {
	if err := o.Log.Close(); err != nil {
		return err
	}
	return o.db.Close()
}

func TestLog(t *testing.T) {
	eventlogtest.Run(t, func(t *testing.T) eventlog.Log { return openLog(t, "log", vfs.NewMem()) })
}

func TestLogIsDurable(t *testing.T) {
	parent := t.TempDir()
	eventlogtest.Durable(t, func(t *testing.T, name string) eventlog.Log {
		return owning{openLog(t, filepath.Join(parent, name), vfs.Default)}
	})
}

func BenchmarkLog(b *testing.B) {
	eventlogtest.Benchmark(b, func(b *testing.B) eventlog.Log { return openLog(b, b.TempDir(), vfs.Default) })
}
