package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"agora/fault"
	"agora/shop"
)

// writing returns a write of an order, by its id, that moves SKUs under a key.
func writing(ctx context.Context, id, key string, skus ...string) *write {
	w := &write{ctx: ctx, key: key, Transition: shop.Transition{Order: shop.Order{ID: id}}}
	for _, sku := range skus {
		w.Moves = append(w.Moves, shop.Move{SKU: sku})
	}
	return w
}

// recorder is a store that keeps each group waiting until it is let go.
type recorder struct {
	groups chan string
	letGo  chan error
}

func (r *recorder) keep(_ context.Context, group []*write) error {
	var ids []string
	for _, w := range group {
		ids = append(ids, w.Order.ID)
	}
	r.groups <- strings.Join(ids, " ")
	return <-r.letGo
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

func TestWritesOfOneSKUShareAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{make(chan string, 100), make(chan error)}
		w := newWriter(r.keep)
		answers := make(chan error, 100)
		begin := func(id, key string, skus ...string) {
			go func() { answers <- w.do(writing(t.Context(), id, key, skus...)) }()
			synctest.Wait()
		}
		begin("1", "", "hot")
		r.expect(t, "1")
		begin("2", "", "hot")
		begin("3", "k", "hot", "cold")
		begin("4", "k", "hot")
		r.expect(t) // all of them wait for the first
		begin("5", "", "cold")
		r.expect(t) // 3 came first and gets its turn
		begin("6", "", "other")
		r.expect(t, "6")
		r.letGo <- nil
		r.letGo <- nil
		r.expect(t, "2 3 5")
		r.letGo <- nil
		r.expect(t, "4")
		r.letGo <- errors.New("broken")
		w.close()
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

func TestAWriterFinishesWhatItAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{make(chan string, 100), make(chan error)}
		w := newWriter(r.keep)
		gone, leave := context.WithCancel(t.Context())
		answers := make(chan error, 3)
		for _, request := range []*write{
			writing(t.Context(), "1", "", "A"), writing(gone, "2", "", "A"), writing(t.Context(), "3", "", "A"),
		} {
			go func() { answers <- w.do(request) }()
			synctest.Wait()
		}
		leave()
		go w.close()
		synctest.Wait()
		r.expect(t, "1")
		if err := w.do(writing(t.Context(), "4", "", "A")); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a write after the close = %v, want fault.Unavailable", err)
		}
		r.letGo <- nil
		r.expect(t, "3")
		r.letGo <- nil
		var left int
		for range 3 {
			if err := <-answers; errors.Is(err, context.Canceled) {
				left++
			} else if err != nil {
				t.Error(err)
			}
		}
		if left != 1 {
			t.Errorf("%d callers were told that they left, want one", left)
		}
	})
}
