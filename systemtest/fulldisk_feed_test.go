package systemtest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestAFullDiskRefusesPostsOnly fills the disk of a server up to the reserve of the feed. It checks that posts and follows are
// refused, that feeds are read and orders are accepted all the same, also after a restart, and that posts are accepted when there is
// space again, without a restart.
func TestAFullDiskRefusesPostsOnly(t *testing.T) {
	const spare = 128 << 20 // bytes: half of the reserve
	disk := tinyDisk(t, "640m")
	s := newServer(t, filepath.Join(disk, "data"), append(patient("simulated:"), "--feed-posts-per-minute", "0")...)
	s.start(t)
	f := openFeed(t, s)
	admin := &client{s, f.members[0].http, s.token(t)}
	lamp := admin.offer(t, "LAMP", 100)
	author, follower := f.members[0], f.members[1]
	follower.must(t, "PUT", "/v1/users/"+author.id+"/follow", nil)
	follower.follows[author.id] = true
	for n := range 10 {
		if err := author.publish(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}

	ballast := fill(t, disk, spare)
	for _, when := range []string{"on a full disk", "on a full disk, after a restart"} {
		author.refused(t, when, "POST", "/v1/posts", map[string]string{"text": "a post without room"})
		follower.refused(t, when, "PUT", "/v1/users/"+f.members[2].id+"/follow", nil)
		f.check(t, when)
		order(t, admin, lamp)
		s.kill(t)
		s.start(t)
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := author.publish(t.Context(), 10); err != nil {
		t.Error(err)
	}
	follower.must(t, "PUT", "/v1/users/"+f.members[2].id+"/follow", nil)
	follower.follows[f.members[2].id] = true
	f.delivered(t)
	f.check(t, "with space again")
	s.stop(t)
	verified := runToEnd(t, command(t, nil, "verify", "feed", "--data", s.data))
	if verified.code != 0 {
		t.Errorf("agora verify feed: exit code %d\n%s%s", verified.code, verified.out, verified.err)
	}
}

// must sends a request that has no answer but success.
func (m *member) must(t *testing.T, method, path string, body any) {
	t.Helper()
	got, err := m.ask(t.Context(), method, path, "", body)
	if err != nil || got.status != http.StatusNoContent {
		t.Fatalf("%s %s: %v %s", method, path, err, got)
	}
}

// refused sends a request that the server has to refuse for lack of space.
func (m *member) refused(t *testing.T, when, method, path string, body any) {
	t.Helper()
	c := client{m.crowd.servers[0], m.http, m.token}
	got, err := c.send(t.Context(), method, path, fmt.Sprintf("%s %s", when, path), body)
	if err != nil || got.status != http.StatusServiceUnavailable || got.problem().Code != "disk_full" {
		t.Errorf("%s, %s %s: %v %s; want 503 disk_full", when, method, path, err, got)
	}
}
