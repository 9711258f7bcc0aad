package feed

import (
	"context"
	"os"
	"testing"
	"time"

	"agora/engine/redis"
	"agora/engine/redis/redistest"
	"agora/fault"
	"agora/feed"
	"agora/feed/feedtest"
)

var server *redistest.Server

func TestMain(m *testing.M) { os.Exit(redistest.Main(m, &server)) }

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// forms are the forms of timelines: of each, tests fold after every merge or after few, too.
var forms = map[string]func(*Timelines){
	"packed":        nil,
	"packed, small": func(t *Timelines) { t.form.(*packed).operands, t.form.(*packed).newest = 2, 3 },
	"packed, tiny":  func(t *Timelines) { t.form.(*packed).operands, t.form.(*packed).newest = 0, 1 },
	"sorted sets":   nil,
}

// eachForm runs a test of each form.
func eachForm(t *testing.T, test func(t *testing.T, form string)) {
	for form := range forms {
		t.Run(form, func(t *testing.T) { test(t, form) })
	}
}

// connect returns timelines of a form on a server.
func connect(t testing.TB, url, form string, trim feed.Trim) *Timelines {
	t.Helper()
	s, err := redis.Open(url, nil, nil)
	mustDo(t, err)
	t.Cleanup(func() { mustDo(t, s.Close()) })
	return newTimelines(s, form, trim)
}

func newTimelines(s *redis.Server, form string, trim feed.Trim) *Timelines {
	timelines := NewTimelines(s, Options{Trim: trim, SortedSets: form == "sorted sets"})
	if tune := forms[form]; tune != nil {
		tune(timelines)
	}
	return timelines
}

func TestTimelines(t *testing.T) {
	eachForm(t, func(t *testing.T, form string) {
		feedtest.Timelines(t, func(t *testing.T) feed.TimelineStore { return connect(t, server.URL(t), form, feedtest.Trim) })
	})
}

var (
	never = feed.Trim{Above: 1 << 30}
	last  = feed.PostID{0: 255}
)

func id(first, last byte) [16]byte { return [16]byte{0: first, 15: last} }

// head returns a head of two partitions.
func head(epoch uint64) feed.Head {
	row := feed.Row{Writer: 1, Posts: feed.Vector{feed.At(1, 0)}, Graph: feed.At(1, 0)}
	return feed.Head{Epoch: epoch, Strategy: feed.Push, Rows: []feed.Row{row, row}}
}

// delivery returns an operand with one post, of which the number is the position.
func delivery(user byte, n int64, base bool) feed.Operand {
	e := feed.Entry{Post: feed.PostID{4: byte(n >> 8), 5: byte(n), 15: 1}, Author: id(9, byte(n)), At: feed.At(1, n)}
	return feed.Operand{User: id(7, user), Timeline: feed.Timeline{Base: base, Entries: []feed.Entry{e}}}
}

// led begins an epoch and returns the fence of a partition.
func led(t testing.TB, s *Timelines, epoch uint64) feed.Fence {
	t.Helper()
	now, _, err := s.Head(t.Context())
	mustDo(t, err)
	mustDo(t, s.Begin(t.Context(), now.Epoch, head(epoch)))
	return feed.Fence{Epoch: epoch, Row: head(epoch).Rows[0]}
}

// wantEntries checks how many entries a timeline has; -1 stands for no timeline.
func wantEntries(t *testing.T, s *Timelines, user byte, want int) {
	t.Helper()
	_, timeline, err := s.Read(t.Context(), id(7, user), 0, last, 1<<20)
	got := len(timeline.Entries)
	if !timeline.Base {
		got = -1
	}
	if err != nil || got != want {
		t.Errorf("the timeline of user %d has %d entries, %v; want %d", user, got, err, want)
	}
}

// TestALargeMergeIsSeveralPipelines merges more than a pipeline takes, and bases that are longer than a head.
func TestALargeMergeIsSeveralPipelines(t *testing.T) {
	eachForm(t, func(t *testing.T, form string) {
		s := connect(t, server.URL(t), form, never)
		fence := led(t, s, 1)
		var operands []feed.Operand
		for n := range 2 * pipelineOperands {
			o := delivery(0, int64(n%1000), true)
			o.User = feed.UserID{0: 7, 13: byte(n >> 8), 14: byte(n), 15: 1}
			operands = append(operands, o)
		}
		long := delivery(2, 2000, true)
		for n := int64(1999); n > 0; n-- {
			long.Entries = append(long.Entries, delivery(2, n, true).Entries...)
		}
		operands = append(operands, long)
		mustDo(t, s.Merge(t.Context(), fence, operands))
		fence.Merges = 1
		mustDo(t, s.Advance(t.Context(), fence, fence.Row))
		for _, o := range operands[len(operands)-300:] {
			_, got, err := s.Read(t.Context(), o.User, 0, last, 1<<20)
			if err != nil || !got.Base || len(got.Entries) != len(o.Entries) || got.Entries[0] != o.Entries[0] {
				t.Fatalf("the timeline of %x has %d entries, %v; want %d", o.User, len(got.Entries), err, len(o.Entries))
			}
		}
	})
}

// TestAPartOfATimelineIsReadAtAnyDepth reads parts of a timeline whose newer entries are in its head.
func TestAPartOfATimelineIsReadAtAnyDepth(t *testing.T) {
	eachForm(t, func(t *testing.T, form string) {
		s := connect(t, server.URL(t), form, never)
		fence := led(t, s, 1)
		var whole feed.Timeline
		for n := range int64(300) {
			o := delivery(1, n*7%300, n == 0) // late ones too
			mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{o}))
			whole = whole.Merge(o.Timeline, never)
		}
		for _, limit := range []int{1, 20, 63, 64, 1000} {
			for before := range int64(300) {
				below := delivery(1, before, false).Entries[0].Post
				_, got, err := s.Read(t.Context(), id(7, 1), 0, below, limit)
				want := whole.Below(below, limit)
				if err != nil || !got.Base || got.Floor != want.Floor || len(got.Entries) != len(want.Entries) ||
					len(got.Entries) > 0 && got.Entries[len(got.Entries)-1] != want.Entries[len(want.Entries)-1] {
					t.Fatalf("%d entries below %d are %v, %v; want %v", limit, before, got, err, want)
				}
			}
		}
	})
}

func TestTimelinesExpireAfterTheLastWrite(t *testing.T) {
	eachForm(t, func(t *testing.T, form string) {
		s := connect(t, server.URL(t), form, never)
		old := led(t, s, 1)
		mustDo(t, s.Merge(t.Context(), old, []feed.Operand{delivery(1, 1, true)}))
		key := s.key(1, id(7, 1))
		mustDo(t, s.client.Persist(t.Context(), key).Err())
		mustDo(t, s.Merge(t.Context(), old, []feed.Operand{delivery(1, 2, false)}))
		if left := s.client.PTTL(t.Context(), key).Val(); left < defaultExpiry-time.Hour || left > defaultExpiry {
			t.Fatalf("after a write a timeline expires in %v, want %v", left, defaultExpiry)
		}
		if left := s.client.PTTL(t.Context(), s.headKey()).Val(); left != -1 {
			t.Errorf("the head expires in %v, want never", left)
		}
		s.expiry = time.Millisecond
		mustDo(t, s.Merge(t.Context(), old, []feed.Operand{delivery(1, 3, false)}))
		led(t, s, 2)
		for s.client.Exists(t.Context(), key).Val() != 0 { // ends when the server's clock has moved on
			if s.client.PTTL(t.Context(), key).Val() == -1 {
				t.Fatal("a timeline of an epoch that is over never expires")
			}
		}
	})
}

func TestBytes(t *testing.T) {
	s := connect(t, server.URL(t), "packed", never)
	mustDo(t, s.client.ConfigSet(t.Context(), "maxmemory", "1gb").Err())
	t.Cleanup(func() { mustDo(t, s.client.ConfigSet(context.WithoutCancel(t.Context()), "maxmemory", "0").Err()) })
	before, limit, err := s.Bytes(t.Context())
	mustDo(t, err)
	if limit != 1<<30 {
		t.Errorf("the limit of Redis is %d bytes, want 1 GiB", limit)
	}
	mustDo(t, s.client.Set(t.Context(), "some", make([]byte, 1<<20), 0).Err())
	if after, _, err := s.Bytes(t.Context()); err != nil || before == 0 || after < before+1<<20 {
		t.Errorf("Redis has %d bytes and with one more MiB %d, %v", before, after, err)
	}
}

// TestARedisThatIsAway kills Redis, and starts it again without its data.
func TestARedisThatIsAway(t *testing.T) {
	eachForm(t, func(t *testing.T, form string) {
		r := redistest.Start(t)
		s := connect(t, r.URL(t), form, never)
		fence := led(t, s, 1)
		mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{delivery(1, 1, true)}))
		r.Kill(t)
		calls := map[string]func() error{
			"Head":    func() error { _, _, err := s.Head(t.Context()); return err },
			"Begin":   func() error { return s.Begin(t.Context(), 1, head(2)) },
			"Read":    func() error { _, _, err := s.Read(t.Context(), id(7, 1), 0, last, 10); return err },
			"Merge":   func() error { return s.Merge(t.Context(), fence, []feed.Operand{delivery(1, 2, true)}) },
			"Advance": func() error { return s.Advance(t.Context(), fence, fence.Row) },
			"Drop":    func() error { return s.Drop(t.Context(), 1, id(7, 1)) },
			"Bytes":   func() error { _, _, err := s.Bytes(t.Context()); return err },
		}
		for name, call := range calls {
			if err := call(); !fault.Is(err, fault.Unavailable) {
				t.Errorf("%s without Redis = %v, want Unavailable", name, err)
			}
		}
		r.Restart(t)
		for fault.Passing(calls["Bytes"]()) || fault.Passing(calls["Drop"]()) {
			time.Sleep(10 * time.Millisecond) // until the breakers let calls through
		}
		if _, ok, err := s.Head(t.Context()); ok || err != nil {
			t.Errorf("Head of an empty Redis = %v, %v", ok, err)
		}
		fence = led(t, s, 3)
		mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{delivery(1, 1, true)})) // Redis has lost the scripts, too
		wantEntries(t, s, 1, 1)
	})
}

// TestASilentRedisIsNotWaitedFor stops a Redis that keeps its connections.
func TestASilentRedisIsNotWaitedFor(t *testing.T) {
	r := redistest.Start(t)
	s := connect(t, r.URL(t), "packed", never)
	fence := led(t, s, 1)
	r.Pause(t)
	defer r.Resume(t)
	if _, _, err := s.Read(t.Context(), id(7, 1), 0, last, 10); !fault.Passing(err) {
		t.Errorf("Read of a silent Redis = %v, want that it may pass", err)
	}
	if err := s.Merge(t.Context(), fence, []feed.Operand{delivery(1, 2, true)}); !fault.Passing(err) {
		t.Errorf("Merge of a silent Redis = %v, want that it may pass", err)
	}
}
