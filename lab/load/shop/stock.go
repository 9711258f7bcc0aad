package shop

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"agora/backoff"
	"agora/lab/load"
	"agora/lab/verify"
	verifyshop "agora/lab/verify/shop"
)

// stock fills up the units that a trial orders, and reads them for the history.
//
// lab/verify cuts the history of a SKU at each read that overlaps no other operation, and needs such a read at the
// beginning. So each SKU is read before its first order and after its last. The most ordered SKUs are also read during the
// trial, whenever no order of them is under way.
type stock struct {
	api      load.API
	sku      func(product int) string
	recorder *verify.Recorder // nil if the run writes no history
	restock  bool

	mu        sync.Mutex
	available map[int]int64         // units by product, as far as it was read
	hottest   map[int]*atomic.Int64 // orders under way; fixed during a trial
}

const (
	// stockClient is the client of the history that reads and fills up stock. Customers have the numbers from 1.
	stockClient = 0

	hottestWatched = 32
	betweenLooks   = 25 * time.Millisecond
)

func newStock(run load.Run, sku func(int) string, restock bool) *stock {
	return &stock{api: run.API, sku: sku, recorder: run.Recorder, restock: restock, available: map[int]int64{}}
}

// open reads and fills up the stock of a trial, whose orders take the demand.
func (s *stock) open(ctx context.Context, demand map[int]int64) error {
	s.hottest = map[int]*atomic.Int64{}
	if s.recorder == nil && !s.restock {
		return nil
	}
	products := slices.SortedFunc(maps.Keys(demand), func(a, b int) int {
		return cmp.Or(cmp.Compare(demand[b], demand[a]), cmp.Compare(a, b))
	})
	for _, product := range products[:min(len(products), hottestWatched)] {
		s.hottest[product] = &atomic.Int64{}
	}
	return load.Each(ctx, len(products), func(ctx context.Context, i int) error {
		return s.fill(ctx, products[i], demand[products[i]])
	})
}

// fill reads the stock of a product if it is not known, and adds what it lacks.
func (s *stock) fill(ctx context.Context, product int, demand int64) error {
	s.mu.Lock()
	available, known := s.available[product]
	s.mu.Unlock()
	if !known {
		var err error
		if available, err = s.read(ctx, product); err != nil {
			return err
		}
	}
	lacking := demand - available
	if !s.restock || lacking <= 0 {
		return nil
	}
	sku := s.sku(product)
	call := s.record(verifyshop.Restock, sku, lacking)
	edit := struct {
		Change int64  `json:"change"`
		Reason string `json:"reason"`
	}{lacking, "agora load"}
	if err := s.api.Call(ctx, "POST", "/v1/stock/"+url.PathEscape(sku), edit, &struct{}{}); err != nil {
		return fmt.Errorf("fill up the stock of %s: %w", sku, err)
	}
	call(verifyshop.Output{Outcome: verifyshop.OK})
	s.know(product, demand)
	return nil
}

// close reads the stock that the orders left.
func (s *stock) close(ctx context.Context, demand map[int]int64) error {
	products := slices.Collect(maps.Keys(demand))
	if s.recorder == nil {
		for _, product := range products {
			delete(s.available, product)
		}
		return nil
	}
	return load.Each(ctx, len(products), func(ctx context.Context, i int) error {
		_, err := s.read(ctx, products[i])
		return err
	})
}

// read returns the units for sale.
func (s *stock) read(ctx context.Context, product int) (int64, error) {
	sku := s.sku(product)
	call := s.record(verifyshop.Read, sku, 0)
	var found struct {
		OnHand int64 `json:"on_hand"`
		Held   int64 `json:"held"`
	}
	if err := s.api.Call(ctx, "GET", "/v1/stock/"+url.PathEscape(sku), nil, &found); err != nil {
		return 0, fmt.Errorf("read the stock of %s: %w", sku, err)
	}
	available := found.OnHand - found.Held
	call(verifyshop.Output{Outcome: verifyshop.OK, Available: available})
	s.know(product, available)
	return available, nil
}

func (s *stock) know(product int, available int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.available[product] = available
}

// record notes a call in the history, if there is one, and returns what notes its return.
func (s *stock) record(kind verify.Kind, sku string, units int64) func(verify.Output) {
	if s.recorder == nil {
		return func(verify.Output) {}
	}
	return s.recorder.Call(stockClient, kind, verifyshop.Input{Units: map[string]int64{sku: units}}).Return
}

// ordering notes that an order of a product is under way, and returns what notes its end.
func (s *stock) ordering(product int) (done func()) {
	underWay, watched := s.hottest[product]
	if !watched {
		return func() {}
	}
	underWay.Add(1)
	return func() { underWay.Add(-1) }
}

// watch reads the hottest products in turn until ctx ends, each while no order of it is under way. A read that
// fails is left out of the history.
func (s *stock) watch(ctx context.Context) {
	products := slices.Sorted(maps.Keys(s.hottest))
	if s.recorder == nil || len(products) == 0 {
		return
	}
	for i := 0; ; i++ {
		if backoff.Sleep(ctx, betweenLooks); ctx.Err() != nil {
			return
		}
		if product := products[i%len(products)]; s.hottest[product].Load() == 0 {
			_, _ = s.read(context.WithoutCancel(ctx), product)
		}
	}
}
