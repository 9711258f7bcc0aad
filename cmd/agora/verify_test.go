package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVerifyFeedComparesAHistory compares what a client was told of a post with a feed that has none.
func TestVerifyFeedComparesAHistory(t *testing.T) {
	const (
		lost    = `{"client":1,"call":1,"return":2,"kind":"post","input":{"user":"usr_01jd8q6m3k9v2n4x7y5z8w1t0a","key":"k","text":"t"},"output":{"outcome":"ok","post":"pst_01jd8q6m3k9v2n4x7y5z8w1t0c","as_of":"AgIC"}}`
		refused = `{"client":1,"call":1,"return":2,"kind":"post","input":{"user":"usr_01jd8q6m3k9v2n4x7y5z8w1t0a","key":"k","text":"t"},"output":{"outcome":"refused"}}`
	)
	data := t.TempDir()
	if got := runToEnd(t, command(t, nil, "generate", "--data", data, "--products", "10", "--users", "20", "--follows", "3", "--posts", "2")); got.code != 0 {
		t.Fatalf("generate: exit code %d: %s", got.code, got.err)
	}
	for _, tt := range []struct {
		name, history string
		code          int
		out, err      string
	}{
		{"of a post that was lost", lost, 1, "pst_01jd8q6m3k9v2n4x7y5z8w1t0c was acknowledged and is not there", "differs"},
		{"of a post that was refused", refused, 0, "ok    history", ""},
		{"of something else", `{"kind":"steal"}`, 1, "", "operation 1 of the history"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history")
			if err := os.WriteFile(path, []byte(tt.history), 0o600); err != nil {
				t.Fatal(err)
			}
			got := runToEnd(t, command(t, nil, "verify", "feed", "--data", data, "--users", "all", "--history", path))
			if got.code != tt.code || !strings.Contains(got.out, tt.out) || !strings.Contains(got.err, tt.err) {
				t.Errorf("exit code %d, want %d\n%s%s", got.code, tt.code, got.out, got.err)
			}
		})
	}
}
