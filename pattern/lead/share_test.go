package lead_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agora/fault"
	"agora/pattern/lead"
)

// cluster is several processes that share parts, and fails its test if two do one part at a time.
type cluster struct {
	*testing.T
	memory *lead.Memory
	mu     sync.Mutex
	leader []*member // of each part
}

type member struct {
	*lead.Process
	cluster *cluster
	stop    func() error
}

func newCluster(t *testing.T, parts int) *cluster {
	return &cluster{T: t, memory: lead.NewMemory(), leader: make([]*member, parts)}
}

func (c *cluster) start() *member {
	m := &member{Process: c.memory.Process(), cluster: c}
	ctx, cancel := context.WithCancel(c.Context())
	ended := make(chan error, 1)
	go func() { ended <- lead.Share{Divider: m, Group: "views", Parts: len(c.leader)}.Run(ctx, m.work) }()
	m.stop = func() error { cancel(); return <-ended }
	return m
}

func (m *member) work(ctx context.Context, part int) error {
	set := func(from, to *member) {
		m.cluster.mu.Lock()
		defer m.cluster.mu.Unlock()
		if m.cluster.leader[part] != from {
			m.cluster.Errorf("two processes lead part %d", part)
		}
		m.cluster.leader[part] = to
	}
	set(nil, m)
	defer set(m, nil)
	<-ctx.Done()
	return nil
}

// wantShares waits and wants each of the members to lead as many parts, in any order, and all parts to be led.
func (c *cluster) wantShares(want []int, members ...*member) {
	c.Helper()
	time.Sleep(3 * lead.Campaign)
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var got []int
	for _, m := range members {
		n := 0
		for _, leader := range c.leader {
			if leader == m {
				n++
			}
		}
		got = append(got, n)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		c.Errorf("%d members lead %v parts, want %v", len(members), got, want)
	}
}

func TestPartsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 8)
		a := c.start()
		c.wantShares([]int{8}, a)
		b := c.start()
		c.wantShares([]int{4, 4}, a, b)
		d := c.start()
		c.wantShares([]int{2, 3, 3}, a, b, d)
		e := c.start()
		c.wantShares([]int{2, 2, 2, 2}, a, b, d, e)
		for _, m := range []*member{a, b} {
			if err := m.stop(); err != nil {
				t.Error(err)
			}
		}
		c.wantShares([]int{4, 4}, d, e)
		for _, m := range []*member{d, e} {
			if err := m.stop(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestTheShareOfALostMemberIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 8)
		a, b := c.start(), c.start()
		c.wantShares([]int{4, 4}, a, b)
		a.Crash() // b finds the parts free before a, which joins again after a pause
		synctest.Wait()
		c.wantShares([]int{4, 4}, a, b)
		if err := errors.Join(a.stop(), b.stop()); err != nil {
			t.Error(err)
		}
	})
}

func TestAShareOfOneLeadsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		led := map[int]bool{}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- lead.Share{Group: "views", Parts: 3}.Run(ctx, func(ctx context.Context, part int) error {
				mu.Lock()
				led[part] = true
				mu.Unlock()
				<-ctx.Done()
				return nil
			})
		}()
		synctest.Wait()
		if len(led) != 3 {
			t.Errorf("parts %v are led, want 3", led)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAPartThatFailsEndsTheShare(t *testing.T) {
	failure := errors.New("a bug")
	for name, divider := range map[string]lead.Divider{"shared": lead.NewMemory().Process(), "alone": nil} {
		err := lead.Share{Divider: divider, Group: "views", Parts: 3}.Run(t.Context(), func(ctx context.Context, part int) error {
			if part == 1 {
				return failure
			}
			<-ctx.Done()
			return nil
		})
		if !errors.Is(err, failure) {
			t.Errorf("%s: Run = %v, want %v", name, err, failure)
		}
	}
}

func TestAShareGoesOnAfterAPassingFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tries := 0
		err := lead.Share{Divider: lead.NewMemory().Process(), Group: "views", Parts: 1}.Run(ctx, func(context.Context, int) error {
			if tries++; tries == 3 {
				cancel()
			}
			return fault.New(fault.Unavailable, "", "away")
		})
		if err != nil || tries != 3 {
			t.Errorf("Run = %v after %d tries, want nil after 3", err, tries)
		}
	})
}
