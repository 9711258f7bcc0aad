package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"agora/generate"
)

// TestAServerShowsGeneratedFollowsAndPosts generates them, and reads them over HTTP.
func TestAServerShowsGeneratedFollowsAndPosts(t *testing.T) {
	data := t.TempDir()
	plan := generate.Plan{Products: 20, Users: 40, Follows: 4, Posts: 3, Seed: 1}
	if _, err := Generate(t.Context(), load(t, map[string]string{"data": data}), plan, slog.New(slog.DiscardHandler), nil); err != nil {
		t.Fatal(err)
	}
	s := serve(t, map[string]string{"data": data})
	var followed, wrote struct{ Items []struct{ ID string } }
	decode(t, s.want(t, http.StatusOK, "GET", fmt.Sprintf("/v1/users/%s/following?limit=100", plan.UserID(0)), nil), &followed)
	if want := len(plan.Graph().Followed(0)); len(followed.Items) != want {
		t.Errorf("the first shopper follows %d, want %d", len(followed.Items), want)
	}
	author := plan.PostAuthor(0)
	decode(t, s.want(t, http.StatusOK, "GET", fmt.Sprintf("/v1/users/%s/posts?limit=100", plan.UserID(author)), nil), &wrote)
	want := 0
	for i := range plan.Writings() {
		if plan.PostAuthor(i) == author {
			want++
		}
	}
	if len(wrote.Items) != want || wrote.Items[want-1].ID != plan.PostID(0) {
		t.Errorf("the author of the first post has %v, want %d posts up to %s", wrote.Items, want, plan.PostID(0))
	}
}
