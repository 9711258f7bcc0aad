package feed

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"agora/engine/redis"
	"agora/engine/redis/redistest"
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
			s := newTimelines(server, form, feedtest.Trim)
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

// TestWalks has timelines of any form in a Redis that loses keys and returns to earlier states, also in the middle of a run.
func TestWalks(t *testing.T) {
	r := redistest.StartDurable(t)
	server, err := redis.Open(r.URL(t), nil, nil)
	mustDo(t, err)
	defer func() { mustDo(t, server.Close()) }()
	feedtest.Walks(t, 2, func(rt *rapid.T, trim feed.Trim) *feedtest.Stores {
		l := &losing{
			t: t, redis: r, store: newTimelines(server, rapid.SampledFrom(slices.Sorted(maps.Keys(forms))).Draw(rt, "form"), trim),
		}
		l.flush(rt)
		l.begun = r.Written(t)
		l.backup = l.begun
		return &feedtest.Stores{Timelines: l.store, Losses: feedtest.Events{
			"flush": l.flush, "lose head": l.loseHead, "lose key": l.loseKey, "lose another key": l.loseKey, "restart Redis": l.restart,
		}}
	})
}

// losing are timelines of which something gets lost.
type losing struct {
	t      *testing.T
	redis  *redistest.Server
	store  *Timelines
	begun  int64 // the size of Redis's file before there was anything
	backup int64 // its size after the last restart
}

func (l *losing) flush(r *rapid.T) { mustDraw(r, l.store.client.FlushAll(r.Context()).Err()) }

func (l *losing) loseHead(r *rapid.T) {
	mustDraw(r, l.store.client.Del(r.Context(), l.store.headKey()).Err())
}

func (l *losing) loseKey(r *rapid.T) {
	keys, err := l.store.client.Keys(r.Context(), "*").Result()
	mustDraw(r, err)
	if len(keys) > 0 {
		mustDraw(r, l.store.client.Del(r.Context(), rapid.SampledFrom(slices.Sorted(slices.Values(keys))).Draw(r, "key")).Err())
	}
}

// restart kills Redis and starts it again. It comes seldom, because it takes long.
func (l *losing) restart(r *rapid.T) {
	written := l.redis.Written(l.t)
	kept, happens := map[int]int64{
		0: written,                                                             // the process has crashed
		1: max(l.begun, written-rapid.Int64Range(0, 2000).Draw(r, "unsynced")), // the machine has crashed
		2: l.backup,                                                            // all that came after the restart before is lost
	}[rapid.IntRange(0, 8).Draw(r, "restart")]
	if happens {
		restart(l.t, l.redis, l.store, kept)
		l.backup = l.redis.Written(l.t)
	}
}
