package projection_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/eventlog"
	"agora/pattern/lead"
	"agora/pattern/projection"
)

const (
	topic      = "orders"
	group      = "views"
	partitions = 2
)

// stand has a truth, whose changes are events, and a model that follows it: the set of the names that were added.
type stand struct {
	*testing.T
	log  *eventlog.Memory
	lead *lead.Memory

	mu       sync.Mutex
	truth    []string
	model    map[string]bool
	fail     error // what every change of the model returns
	rebuilds int
	during   func() // called by each rebuild
}

func newStand(t *testing.T) *stand {
	s := &stand{T: t, log: eventlog.NewMemory(), lead: lead.NewMemory(), model: map[string]bool{}}
	if err := s.log.Create(t.Context(), topic, partitions); err != nil {
		t.Fatal(err)
	}
	return s
}

// add changes the truth n times and appends the events.
func (s *stand) add(n int) {
	s.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		name := fmt.Sprint("n", len(s.truth))
		s.truth = append(s.truth, name)
		if _, err := s.log.Append(s.Context(), topic, eventlog.Record{ID: name, Kind: "added", Key: name, At: time.Now()}); err != nil {
			s.Fatal(err)
		}
	}
}

// outgrow drops all events from the log.
func (s *stand) outgrow() {
	s.Helper()
	if n, err := s.log.Trim(s.Context(), topic, eventlog.Retention{Since: time.Now().Add(time.Hour)}); n == 0 || err != nil {
		s.Fatalf("trim dropped %d events, %v", n, err)
	}
}

func decode(batch []eventlog.Message) ([]string, error) {
	var names []string
	for _, m := range batch {
		names = append(names, m.ID)
	}
	return names, nil
}

func (s *stand) project(_ context.Context, names []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		if s.fail == nil {
			s.model[name] = true
		}
	}
	return s.fail
}

func (s *stand) rebuild(ctx context.Context) error {
	s.mu.Lock()
	s.rebuilds++
	names, during := slices.Clone(s.truth), s.during
	s.mu.Unlock()
	if during != nil {
		during()
	}
	return s.project(ctx, names)
}

func (s *stand) lost(_ context.Context, names []string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(names, func(name string) bool { return !s.model[name] }), nil
}

// set changes the stand while projections run.
func (s *stand) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// runner returns the projection as a server has it; leader may be nil.
func (s *stand) runner(leader lead.Leader) *projection.Runner[string] {
	return projection.New(projection.Projection[string]{
		Events: s.log, Topic: topic, Group: group, Decode: decode, Project: s.project, Rebuild: s.rebuild, Lost: s.lost,
	}, projection.Options{Leader: leader})
}

// follow runs a projection until stop.
func (s *stand) follow(leader lead.Leader) (stop func()) {
	ctx, cancel := context.WithCancel(s.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.runner(leader).Follow(ctx) }()
	synctest.Wait()
	return func() {
		s.Helper()
		cancel()
		if err := <-ended; err != nil {
			s.Errorf("Follow = %v, want nil", err)
		}
	}
}

func (s *stand) catchUp() {
	s.Helper()
	if err := s.runner(nil).CatchUp(s.Context()); err != nil {
		s.Fatal(err)
	}
}

func (s *stand) wantModel() {
	s.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.truth {
		if !s.model[name] {
			s.Errorf("the model lacks %s; it has %d of %d", name, len(s.model), len(s.truth))
			return
		}
	}
}

func (s *stand) wantRebuilds(want int) {
	s.Helper()
	if s.rebuilds != want {
		s.Errorf("the model was rebuilt %d times, want %d", s.rebuilds, want)
	}
}

// damages are what can happen to a model that has caught up, and how often it has to be rebuilt then.
var damages = map[string]struct {
	damage   func(*stand)
	rebuilds int
}{
	"none":       {func(*stand) {}, 0},
	"model lost": {func(s *stand) { s.model = map[string]bool{} }, 1},
	"model and events lost": {func(s *stand) {
		s.model = map[string]bool{}
		s.add(8)
		s.outgrow()
	}, 1},
	"model from a backup": {func(s *stand) {
		s.add(3)
		s.catchUp()
		delete(s.model, s.truth[len(s.truth)-1])
	}, 1},
	"events dropped unread": {func(s *stand) { s.add(8); s.outgrow() }, 1},
}

func TestCatchUpMendsTheModel(t *testing.T) {
	for name, tt := range damages {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			s.add(5)
			s.catchUp()
			s.wantModel()
			tt.damage(s)
			s.catchUp()
			s.wantModel()
			s.add(2)
			s.catchUp()
			s.wantModel()
			s.wantRebuilds(tt.rebuilds)
		})
	}
}

func TestFollowMendsTheModel(t *testing.T) {
	for name, tt := range damages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				s.add(5)
				s.catchUp()
				tt.damage(s)
				stop := s.follow(nil)
				s.wantModel()
				s.add(2)
				synctest.Wait()
				s.wantModel()
				stop()
				s.wantRebuilds(tt.rebuilds)
			})
		})
	}
}

func TestFollowGoesOnAfterEventsWereDroppedUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		stop := s.follow(nil)
		s.add(4)
		synctest.Wait()
		s.set(func() { s.fail = errors.New("no space left") })
		s.add(8)
		synctest.Wait()
		s.outgrow()
		s.set(func() { s.fail = nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		s.wantModel()
		stop()
	})
}

// TestAModelIsRebuiltOnce has the log drop events while the model is rebuilt because others were dropped.
func TestAModelIsRebuiltOnce(t *testing.T) {
	s := newStand(t)
	s.add(5)
	s.catchUp()
	s.add(8)
	s.outgrow()
	s.add(2)
	s.during = s.outgrow
	for range 2 {
		s.catchUp()
		s.during = nil
	}
	s.wantModel()
	s.wantRebuilds(1)
}

func TestCatchUpEndsWhenTheModelFails(t *testing.T) {
	s := newStand(t)
	s.add(1)
	s.fail = errors.New("no space left")
	if err := s.runner(nil).CatchUp(t.Context()); !errors.Is(err, s.fail) {
		t.Errorf("CatchUp = %v, want %v", err, s.fail)
	}
}

func TestFollowRetriesARebuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		s.add(5)
		s.catchUp()
		s.model = map[string]bool{}
		s.fail = fault.New(fault.Unavailable, "", "the model is away")
		stop := s.follow(nil)
		s.set(func() { s.fail = nil })
		time.Sleep(2 * projection.MendPause)
		synctest.Wait()
		s.wantModel()
		stop()
	})
}

func TestOneServerFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t)
		one, other := s.lead.Process(), s.lead.Process()
		stopOne := s.follow(one)
		stopOther := s.follow(other)
		s.add(2)
		synctest.Wait()
		s.wantModel()
		one.Crash()
		s.add(2)
		time.Sleep(2 * lead.Campaign)
		synctest.Wait()
		s.wantModel()
		stopOther()
		s.add(2)
		time.Sleep(2 * lead.Campaign)
		synctest.Wait()
		s.wantModel()
		stopOne()
	})
}

func TestCatchUpWaitsForTheServerThatLeads(t *testing.T) {
	for _, tt := range []struct {
		name string
		goOn func(s *stand, release func())
	}{
		{"which catches up", func(s *stand, _ func()) { s.catchUp() }},
		{"which ends", func(_ *stand, release func()) { release() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t)
				s.add(3)
				ctx, release := context.WithCancel(t.Context())
				defer release()
				go func() {
					_, _ = s.lead.Process().Lead(ctx, group, func(ctx context.Context) error { <-ctx.Done(); return nil })
				}()
				synctest.Wait()
				ended := make(chan error, 1)
				go func() { ended <- s.runner(s.lead.Process()).CatchUp(t.Context()) }()
				time.Sleep(time.Minute)
				select {
				case err := <-ended:
					t.Fatalf("CatchUp = %v while another server leads and lags", err)
				default:
				}
				tt.goOn(s, release)
				if err := <-ended; err != nil {
					t.Error(err)
				}
				s.wantModel()
			})
		})
	}
}
