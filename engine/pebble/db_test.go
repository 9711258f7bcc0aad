package pebble

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"agora/fault"
)

func TestAFolderHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	log := openLog(t, dir, vfs.Default)
	if _, err := Open(dir, Options{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a second Open = %v, want Unavailable", err)
	}
	if err := log.db.Err(); err != nil {
		t.Errorf("the first owner: %v", err)
	}
}

func TestCloseTwiceAndWriteAfterIt(t *testing.T) {
	db, err := Open("db", Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	log, err := NewLog(db)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := db.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	if err := log.Create(t.Context(), topic, 1); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a write after Close = %v, want Unavailable", err)
	}
}

func TestPebbleReportsAtDebugLevel(t *testing.T) {
	for level, want := range map[slog.Level]bool{slog.LevelDebug: true, slog.LevelInfo: false} {
		var out bytes.Buffer
		fs := vfs.NewMem()
		options := Options{FS: fs, Logger: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level}))}
		for range 2 { // the second start replays the files of the first, and says so
			db, err := Open("db", options)
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Contains(out.String(), "level=DEBUG"); got != want {
			t.Errorf("at level %v: reports = %v, want %v: %q", level, got, want, out.String())
		}
	}
	var out bytes.Buffer
	logger{slog.New(slog.NewTextHandler(&out, nil))}.Errorf("table %d is damaged", 7)
	if s := out.String(); !strings.Contains(s, `level=ERROR msg="table 7 is damaged"`) {
		t.Errorf("logged %q", s)
	}
}

func TestWritesLeaveTheReserveFree(t *testing.T) {
	fs := vfs.NewMem()
	log := openLog(t, "log", fs)
	log.db.reserve = 1000
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 999})
	if err := log.Create(t.Context(), "t", 1); !fault.Is(err, fault.Unavailable) || log.db.Err() != nil {
		t.Errorf("Create with a full disk = %v, want Unavailable, and writes later", err)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1000})
	if err := log.Create(t.Context(), "t", 1); err != nil {
		t.Error(err)
	}
}
