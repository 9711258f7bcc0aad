package saga_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agora/pattern/saga"
	"agora/pattern/saga/sagatest"
)

// store is a Store in a map.
type store struct {
	mu      sync.Mutex
	records map[string]saga.Record
}

func (s *store) Due(_ context.Context, now time.Time, limit int) ([]saga.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []saga.Record
	for _, r := range s.records {
		if !r.Due.After(now) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b saga.Record) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID)) })
	return due[:min(limit, len(due))], nil
}

func (s *store) Postpone(_ context.Context, r saga.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.records[r.ID].Step == r.Step {
		s.records[r.ID] = r
	}
	return nil
}

// move sets the next step of a saga, or ends the saga if the step is "".
func (s *store) move(id, step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.records, id); step != "" {
		s.records[id] = saga.Record{ID: id, Step: step, Due: time.Now()}
	}
}

func TestTheReferenceOfStore(t *testing.T) {
	sagatest.Run(t, func(*testing.T) sagatest.Fixture {
		s := &store{records: map[string]saga.Record{}}
		return sagatest.Fixture{
			Store: s,
			Begin: func(_ *testing.T, due time.Time) saga.Record {
				r := saga.Record{ID: fmt.Sprint("s", len(s.records)), Step: "pay", Due: due}
				s.records[r.ID] = r
				return r
			},
			End: func(_ *testing.T, id string) { s.move(id, "") },
		}
	})
}

func TestRunnerFinishesWhatACrashLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{records: map[string]saga.Record{}}
		var trail []string
		refused := false
		runner := saga.NewRunner("test", s, map[string]saga.Step{
			"pay": func(_ context.Context, r saga.Record) error {
				trail = append(trail, "pay")
				s.move(r.ID, "undo")
				return nil
			},
			"undo": func(_ context.Context, r saga.Record) error {
				trail = append(trail, "undo")
				if !refused {
					refused = true
					return errors.New("away")
				}
				s.move(r.ID, "")
				return nil
			},
		}, saga.Options{})
		s.move("ord_1", "pay")
		s.records["ord_2"] = saga.Record{ID: "ord_2", Step: "pay", Due: time.Now().Add(time.Hour)}

		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		runner.Run(ctx)
		if got, want := trail, []string{"pay", "undo", "undo"}; !slices.Equal(got, want) {
			t.Errorf("steps = %v, want %v", got, want)
		}
		if _, left := s.records["ord_1"]; left {
			t.Error("the finished saga's record is still there")
		}
		if r := s.records["ord_2"]; r.Attempt != 0 {
			t.Error("a saga that is not due was tried")
		}
	})
}

func TestRunnerPausesLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{records: map[string]saga.Record{"ord_1": {ID: "ord_1", Step: "pay"}}}
		var at []time.Time
		runner := saga.NewRunner("test", s, map[string]saga.Step{
			"pay": func(context.Context, saga.Record) error {
				at = append(at, time.Now())
				return errors.New("away")
			},
		}, saga.Options{})
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
		defer stop()
		runner.Run(ctx)
		if len(at) < 8 || len(at) > 40 {
			t.Fatalf("tried %d times in ten minutes, want a few", len(at))
		}
		if first, last := at[1].Sub(at[0]), at[len(at)-1].Sub(at[len(at)-2]); last < 10*first {
			t.Errorf("pauses grew from %v to only %v", first, last)
		}
	})
}

func TestRunnerReportsAStepItDoesNotKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{records: map[string]saga.Record{"ord_1": {ID: "ord_1", Step: "gone"}}}
		runner := saga.NewRunner("test", s, nil, saga.Options{})
		if n, err := runner.Once(t.Context()); n != 1 || err != nil {
			t.Fatalf("Once = %d, %v", n, err)
		}
		if r := s.records["ord_1"]; r.Attempt != 1 || !r.Due.After(time.Now()) {
			t.Errorf("record = %+v, want it postponed once", r)
		}
	})
}

func TestRecoverDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{records: map[string]saga.Record{"ord_1": {ID: "ord_1", Step: "pay", Due: time.Now().Add(time.Hour)}}}
		runner := saga.NewRunner("test", s, map[string]saga.Step{
			"pay": func(_ context.Context, r saga.Record) error { s.move(r.ID, ""); return nil },
		}, saga.Options{})
		if err := runner.Recover(t.Context()); err != nil || len(s.records) != 0 {
			t.Errorf("Recover = %v and left %d sagas, want none", err, len(s.records))
		}
	})
}
