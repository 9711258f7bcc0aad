package feed

import (
	"cmp"
	"testing"
	"time"

	"agora/engine/redis/redistest"
	"agora/fault"
	"agora/feed"
)

// restart kills a durable server, cuts its file to a size if that is not negative, and starts it again.
func restart(t *testing.T, r *redistest.Server, s *Timelines, size int64) {
	t.Helper()
	r.Kill(t)
	if size >= 0 {
		r.Cut(t, size)
	}
	r.Restart(t)
	comeBack(t, s)
}

// comeBack waits until the guards let calls through again.
func comeBack(t *testing.T, s *Timelines) {
	t.Helper()
	for fault.Passing(s.Drop(t.Context(), 0, id(7, 0))) {
		time.Sleep(5 * time.Millisecond)
	}
	for _, _, err := s.Head(t.Context()); fault.Passing(err); _, _, err = s.Head(t.Context()) {
		time.Sleep(5 * time.Millisecond)
	}
}

// TestARowThatLostMergesDoesNotAdvance lets Redis lose something between a merge and the advance.
func TestARowThatLostMergesDoesNotAdvance(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, r *redistest.Server, s *Timelines, before int64){
		"all keys": func(t *testing.T, _ *redistest.Server, s *Timelines, _ int64) {
			mustDo(t, s.client.FlushAll(t.Context()).Err())
		},
		"the head": func(t *testing.T, _ *redistest.Server, s *Timelines, _ int64) {
			mustDo(t, s.client.Del(t.Context(), s.headKey()).Err())
		},
		"the merge":            func(t *testing.T, r *redistest.Server, s *Timelines, before int64) { restart(t, r, s, before) },
		"the end of the merge": func(t *testing.T, r *redistest.Server, s *Timelines, before int64) { restart(t, r, s, before+50) },
	} {
		t.Run(name, func(t *testing.T) {
			eachForm(t, func(t *testing.T, form string) {
				r := redistest.StartDurable(t)
				s := connect(t, r.URL(t), form, never)
				fence := led(t, s, 1)
				mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{delivery(1, 1, true), delivery(2, 1, true)}))
				written := r.Written(t)
				mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{delivery(1, 2, false), delivery(2, 2, false)}))
				lose(t, r, s, written)
				fence.Merges = 2
				if err := s.Advance(t.Context(), fence, feed.Row{Writer: 1, Graph: feed.At(1, 1)}); !fault.Is(err, fault.Stale) {
					t.Errorf("Advance after %s was lost = %v, want Stale", name, err)
				}
				if name == "the merge" || name == "the end of the merge" {
					wantEntries(t, s, 1, 1)
					wantEntries(t, s, 2, 1)
					fence.Merges = feed.AnyMerges
					mustDo(t, s.Advance(t.Context(), fence, fence.Row)) // as a leader that claims again
				} else {
					wantEntries(t, s, 1, -1)
				}
			})
		})
	}
}

// TestWhatWasAcknowledgedSurvivesAKill kills Redis, which has written all that it has acknowledged.
func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	eachForm(t, func(t *testing.T, form string) {
		r := redistest.StartDurable(t)
		s := connect(t, r.URL(t), form, never)
		fence := led(t, s, 1)
		for n := range int64(20) {
			mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{delivery(1, n, n == 0)}))
		}
		r.Written(t)
		restart(t, r, s, -1)
		wantEntries(t, s, 1, 20)
		fence.Merges = feed.AnyMerges
		mustDo(t, s.Advance(t.Context(), fence, fence.Row))
	})
}

// TestALossBetweenTwoPipelinesOfAMergeIsNoticed returns Redis to a state within a merge of many operands.
func TestALossBetweenTwoPipelinesOfAMergeIsNoticed(t *testing.T) {
	s := connect(t, server.URL(t), "packed", never)
	fence := led(t, s, 1)
	var operands []feed.Operand
	for n := range pipelineOperands + 1 {
		operands = append(operands, delivery(byte(n%5), int64(n), true))
	}
	backup := func() string { return s.client.Dump(t.Context(), s.headKey()).Val() }
	for name, tt := range map[string]struct {
		lose  func(begun string)
		stale bool
	}{
		"nothing":          {func(string) {}, false},
		"the first part":   {func(begun string) { mustDo(t, s.client.RestoreReplace(t.Context(), s.headKey(), 0, begun).Err()) }, true},
		"everything":       {func(string) { mustDo(t, s.client.FlushAll(t.Context()).Err()) }, true},
		"all but the head": {func(string) { mustDo(t, s.Drop(t.Context(), 1, id(7, 0), id(7, 1))) }, false},
	} {
		fence = led(t, s, fence.Epoch+1)
		begun := backup()
		m := merge{store: s, fence: fence, row: encodeRow(fence.Epoch, fence.Row)}
		rest, err := m.pipeline(t.Context(), operands)
		if err != nil || len(rest) == 0 {
			t.Fatalf("the first pipeline leaves %d operands, %v", len(rest), err)
		}
		tt.lose(begun)
		if _, err := m.pipeline(t.Context(), rest); fault.Is(err, fault.Stale) != tt.stale || err != nil && !tt.stale {
			t.Errorf("after the loss of %s the second pipeline is %v, want Stale: %v", name, err, tt.stale)
		}
	}
}

// TestAFoldThatComesLateChangesNothing folds a timeline that was changed since it was read.
func TestAFoldThatComesLateChangesNothing(t *testing.T) {
	s := connect(t, server.URL(t), "packed", never)
	p := s.form.(*packed)
	two := delivery(1, 9, true) // one operand, so that the list is as long as the one that was read
	two.Entries = append(two.Entries, delivery(1, 8, true).Entries...)
	for name, tt := range map[string]struct {
		change func(fence feed.Fence) error
		want   int
	}{
		"merged":  {func(f feed.Fence) error { return s.Merge(t.Context(), f, []feed.Operand{delivery(1, 2, false)}) }, 2},
		"dropped": {func(feed.Fence) error { return s.Drop(t.Context(), 1, id(7, 1)) }, -1},
		"replaced": {func(f feed.Fence) error {
			return cmp.Or(s.Drop(t.Context(), 1, id(7, 1)), s.Merge(t.Context(), f, []feed.Operand{two}))
		}, 2},
		"folded": {func(f feed.Fence) error { return p.settle(t.Context(), f, []feed.UserID{id(7, 1)}) }, 1},
	} {
		mustDo(t, s.client.FlushAll(t.Context()).Err())
		fence := led(t, s, 1)
		mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{delivery(1, 1, true)}))
		key := s.key(1, id(7, 1))
		f, err := p.fold(key, s.client.LRange(t.Context(), key, 0, -1).Val())
		mustDo(t, err)
		mustDo(t, tt.change(fence))
		mustDo(t, s.writeFolds(t.Context(), fence, []fold{f}))
		if wantEntries(t, s, 1, tt.want); t.Failed() {
			t.Fatalf("a fold of a timeline that was %s is wrong", name)
		}
		fence.Row.Writer++
		if err := s.writeFolds(t.Context(), fence, []fold{f}); !fault.Is(err, fault.Stale) {
			t.Errorf("a fold under another row = %v, want Stale", err)
		}
	}
}
