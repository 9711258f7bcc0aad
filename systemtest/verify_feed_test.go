package systemtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"agora/generate"
	"agora/lab/load"
	loadfeed "agora/lab/load/feed"
)

// TestTheHistoryOfAFeedHoldsAcrossCrashes kills the server while a load runs, and compares what its clients were told with the feed.
func TestTheHistoryOfAFeedHoldsAcrossCrashes(t *testing.T) {
	kills, between := 2, 1500*time.Millisecond
	if os.Getenv("STRESS") != "" {
		kills, between = 20, 3*time.Second
	}
	data, path := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "history")
	plan := generate.Plan{Users: 120, Seed: 1}
	popular := []string{"AGORA_FEED_THRESHOLD=12"} // so that there are authors who are pulled
	if got := runToEnd(t, command(t, popular, "generate", "--data", data, "--products", "0", "--users", "120", "--follows", "8", "--posts", "5")); got.code != 0 {
		t.Fatalf("agora generate: exit code %d\n%s", got.code, got.err)
	}
	s := newServer(t, data, append(patient("simulated:"), "--feed-posts-per-minute", "0", "--feed-threshold", "12")...)
	s.start(t)
	history, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	mix := loadfeed.DefaultMix()
	for kind := range mix {
		mix[kind] = max(mix[kind], 2) // more changes than in life
	}
	mix[loadfeed.Post] = 30
	loaded := make(chan error, 1)
	go func() {
		_, err := load.Start(t.Context(), load.Options{
			Scenario: loadfeed.Scenario{Generated: &plan, Users: 60, After: 0.5, Visible: 0.2, Streams: 30, Cut: time.Second},
			URL:      s.url, Token: s.token(t), Rate: 200, Duration: time.Duration(kills+1) * between, WarmUp: 100 * time.Millisecond, Mix: mix,
			Seed: 1, Connections: 32, Timeout: 20 * time.Second, Retry: true, Step: time.Second, History: history,
		}, nil)
		loaded <- err
	}()
	for range kills {
		time.Sleep(between)
		s.kill(t)
		s.start(t)
	}
	if err := <-loaded; err != nil {
		t.Fatal(err)
	}
	if err := history.Close(); err != nil {
		t.Fatal(err)
	}
	s.stop(t)
	got := runToEnd(t, command(t, popular, "verify", "feed", "--data", s.data, "--users", "all", "--history", path))
	if got.code != 0 {
		t.Errorf("agora verify feed: exit code %d\n%s%s", got.code, got.out, got.err)
	}
	t.Log("\n" + got.out)
}
