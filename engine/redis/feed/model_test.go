package feed

import (
	"testing"

	"pgregory.net/rapid"

	"agora/engine/redis"
	"agora/feed"
	"agora/feed/feedtest"
)

func mustDraw(r *rapid.T, err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func TestTimelinesAgreeWithMemory(t *testing.T) {
	eachForm(t, func(t *testing.T, form string) {
		server, err := redis.Open(server.URL(t), nil, nil)
		mustDo(t, err)
		defer func() { mustDo(t, server.Close()) }()
		feedtest.TimelinesAgree(t, func(r *rapid.T) *feedtest.TimelineSubject {
			s := NewTimelines(server, Options{Trim: feedtest.Trim, SortedSets: form == "sorted sets"})
			if tune := forms[form]; tune != nil {
				tune(s)
			}
			flush := func(r *rapid.T) { mustDraw(r, s.client.FlushAll(r.Context()).Err()) }
			flush(r)
			return &feedtest.TimelineSubject{
				Store: s,
				Losses: feedtest.Events{
					"flush":     flush,
					"lose head": func(r *rapid.T) { mustDraw(r, s.client.Del(r.Context(), s.headKey()).Err()) },
				},
				Evict: func(r *rapid.T, epoch uint64, user feed.UserID) {
					mustDraw(r, s.client.Del(r.Context(), s.key(epoch, user)).Err())
				},
				OnePosition: form == "sorted sets",
			}
		})
	})
}
