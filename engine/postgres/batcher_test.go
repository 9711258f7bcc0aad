package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"agora/fault"
)

// order is a request that only this order and its key may have in a group, with SKUs that others may have, too.
type order struct {
	Request
	id string
}

func newOrder(id, key string, skus ...string) *order {
	o := &order{id: id, Request: Request{Shared: skus, Exclusive: []string{"order " + id}}}
	if key != "" {
		o.Exclusive = append(o.Exclusive, "key "+key)
	}
	return o
}

// recorder is a store of groups that blocks until the test releases each group.
type recorder struct {
	groups  chan string
	release chan error
}

func (r *recorder) store(_ context.Context, group []*order) error {
	var ids []string
	for _, w := range group {
		ids = append(ids, w.id)
	}
	r.groups <- strings.Join(ids, " ")
	return <-r.release
}

func (r *recorder) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	var got []string
	for len(r.groups) > 0 {
		got = append(got, <-r.groups)
	}
	if !slices.Equal(got, want) {
		t.Errorf("groups = %q, want %q", got, want)
	}
}

func TestRequestsOfOneSKUShareAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{make(chan string, 100), make(chan error)}
		b := NewBatcher(r.store)
		answers := make(chan error, 100)
		begin := func(id, key string, skus ...string) {
			go func() { answers <- b.Do(t.Context(), newOrder(id, key, skus...)) }()
			synctest.Wait()
		}
		begin("1", "", "hot")
		r.expect(t, "1")
		begin("2", "", "hot")
		begin("3", "k", "hot", "cold")
		begin("4", "k", "hot")
		r.expect(t) // all of them wait for the first one
		begin("5", "", "cold")
		r.expect(t) // 3 came before it
		begin("6", "", "other")
		r.expect(t, "6")
		r.release <- nil
		r.release <- nil
		r.expect(t, "2 3 5")
		r.release <- nil
		r.expect(t, "4")
		r.release <- errors.New("broken")
		b.Close()
		failed := 0
		for range 6 {
			if err := <-answers; err != nil {
				failed++
			}
		}
		if failed != 1 {
			t.Errorf("%d writes failed, want the one of the broken group", failed)
		}
	})
}

func TestABatcherStoresWhatItAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{make(chan string, 100), make(chan error)}
		b := NewBatcher(r.store)
		gone, leave := context.WithCancel(t.Context())
		answers := make(chan error, 3)
		for i, ctx := range []context.Context{t.Context(), gone, t.Context()} {
			go func() { answers <- b.Do(ctx, newOrder(fmt.Sprint(i+1), "", "A")) }()
			synctest.Wait()
		}
		leave()
		go b.Close()
		synctest.Wait()
		r.expect(t, "1")
		if err := b.Do(t.Context(), newOrder("4", "", "A")); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a write after the close = %v, want fault.Unavailable", err)
		}
		r.release <- nil
		r.expect(t, "3")
		r.release <- nil
		var left int
		for range 3 {
			if err := <-answers; errors.Is(err, context.Canceled) {
				left++
			} else if err != nil {
				t.Error(err)
			}
		}
		if left != 1 {
			t.Errorf("%d calls ended with their context, want one", left)
		}
	})
}
