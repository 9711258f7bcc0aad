package leadtest

import (
	"context"
	"testing"

	"agora/fault"
	"agora/pattern/lead"
)

// RunDivider tests a Divider, also as a Leader with Run. open is that of Run.
func RunDivider[D lead.Divider](t *testing.T, open func(t *testing.T) (first, second D, crash func())) {
	Run(t, open)
	for _, tt := range []struct {
		name string
		test func(t *testing.T, first, second lead.Divider, crash func())
	}{
		{"members are counted", testMembersAreCounted},
		{"a process is a member once", testMemberOnce},
		{"a lost membership is not counted", testMembershipIsLost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first, second, crash := open(t)
			tt.test(t, first, second, crash)
		})
	}
}

func join(t *testing.T, d lead.Divider, group string) held {
	t.Helper()
	return hold(t, func(ctx context.Context, work func(context.Context) error) error {
		return d.Join(ctx, group, func(ctx context.Context, _ lead.Count) error { return work(ctx) })
	})
}

// wantMembers joins the group for a moment.
func wantMembers(t *testing.T, d lead.Divider, group string, others int) {
	t.Helper()
	err := d.Join(t.Context(), group, func(ctx context.Context, members lead.Count) error {
		if n, err := members(ctx); n != others+1 || err != nil {
			t.Errorf("%s has %d members, %v; want %d", group, n, err, others+1)
		}
		return nil
	})
	if err != nil {
		t.Errorf("Join of %s = %v", group, err)
	}
}

func testMembersAreCounted(t *testing.T, first, second lead.Divider, _ func()) {
	wantMembers(t, first, "views", 0)
	one := join(t, first, "views")
	wantMembers(t, second, "views", 1)
	wantMembers(t, second, "cache", 0)
	other := join(t, first, "cache")
	l := leadTask(t, first, "views")
	wantMembers(t, second, "cache", 1)
	one.end(t)
	wantMembers(t, second, "views", 0)
	wantMembers(t, second, "cache", 1)
	wantLed(t, second, "views", false) // who leaves a group stays the leader of its tasks
	l.end(t)
	other.end(t)
}

func testMemberOnce(t *testing.T, first, second lead.Divider, _ func()) {
	one := join(t, first, "views")
	err := first.Join(t.Context(), "views", func(context.Context, lead.Count) error { t.Error("joined twice"); return nil })
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("second Join = %v, want fault.Conflict", err)
	}
	wantMembers(t, second, "views", 1)
	one.end(t)
	wantMembers(t, first, "views", 0)
}

func testMembershipIsLost(t *testing.T, first, second lead.Divider, crash func()) {
	one := join(t, first, "views")
	crash()
	if err := <-one.ended; !fault.Is(err, fault.Unavailable) {
		t.Errorf("Join = %v after the membership was lost, want fault.Unavailable", err)
	}
	wantMembers(t, second, "views", 0)
	wantMembers(t, first, "views", 0)
}
