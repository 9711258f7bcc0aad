package shop

import (
	"context"
	"errors"
	"fmt"

	"agora/pattern/journal"
)

// rebuildBatch is how many orders, or stocks, are in memory at a time while a read model is rebuilt.
const rebuildBatch = 500

// Rebuild brings every order into the read model as it is now, without the event log: what the store keeps is
// the fold of each order's facts. It may run while events are projected, since the newer version of an order stays.
func (h *OrderHistory) Rebuild(ctx context.Context) error {
	return inBatches(
		func(visit func(Order) error) error { return h.orders.EachOrder(ctx, visit) },
		func(batch []Order) error { return h.views.SaveViews(ctx, batch) },
	)
}

// Lost reports whether the read model has to be rebuilt, as it lacks what it took in once: an order of the events,
// which it has projected, or all orders. That is how it looks after its file was lost or taken from a backup.
func (h *OrderHistory) Lost(ctx context.Context, projected []Event) (bool, error) {
	versions := map[string]uint64{}
	var ids []string
	for _, e := range projected {
		if isOrderStream(e.Stream) {
			versions[e.Stream] = max(versions[e.Stream], e.Version)
			ids = append(ids, e.Stream)
		}
	}
	known, err := h.views.Views(ctx, ids)
	if err != nil {
		return false, fmt.Errorf("read views: %w", err)
	}
	for _, o := range known {
		if o.Version >= versions[o.ID] {
			delete(versions, o.ID)
		}
	}
	if len(versions) > 0 {
		return true, nil
	}
	if len(known) > 0 {
		return false, nil
	}
	views, err := hasAny(func(visit func(Order) error) error { return h.views.EachView(ctx, visit) })
	if err != nil || views {
		return false, err
	}
	return hasAny(func(visit func(Order) error) error { return h.orders.EachOrder(ctx, visit) })
}

// catchUp returns the order after all its facts through a version, from the journal.
func (h *OrderHistory) catchUp(ctx context.Context, id string, known Order, version uint64) (Order, error) {
	entries, err := h.orders.Stream(ctx, id, known.Version, int(min(version-known.Version, maxSteps)))
	if err != nil {
		return known, fmt.Errorf("read the facts of order %s: %w", id, err)
	}
	order, err := foldFrom(known, entries)
	if err != nil {
		return known, fmt.Errorf("fold order %s: %w", id, err)
	}
	if order.Version != version {
		return known, fmt.Errorf("order %s is at version %d in the journal and at %d on the log", id, order.Version, version)
	}
	return order, nil
}

// Rebuild brings the products of every stock up to date, without the event log.
func (s *InventorySync) Rebuild(ctx context.Context) error {
	return inBatches(
		func(visit func(Stock) error) error { return s.stock.EachStock(ctx, visit) },
		func(batch []Stock) error {
			_, err := s.catalog.SetInventory(ctx, inventoryOf(batch))
			return err
		},
	)
}

// inBatches saves all that each visits, some at a time.
func inBatches[T any](each func(visit func(T) error) error, save func([]T) error) error {
	batch := make([]T, 0, rebuildBatch)
	err := each(func(value T) error {
		batch = append(batch, value)
		if len(batch) < rebuildBatch {
			return nil
		}
		err := save(batch)
		batch = batch[:0]
		return err
	})
	if err == nil && len(batch) > 0 {
		err = save(batch)
	}
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	return nil
}

// hasAny reports whether each visits anything.
func hasAny[T any](each func(visit func(T) error) error) (bool, error) {
	found := false
	err := each(func(T) error {
		found = true
		return errors.New("one is enough")
	})
	if found {
		return true, nil
	}
	return false, err
}

// fold returns the order that a stream's entries make.
func fold(entries []journal.Entry) (Order, error) { return foldFrom(Order{}, entries) }

// foldFrom returns the order after further entries of its stream.
func foldFrom(order Order, entries []journal.Entry) (Order, error) {
	for _, e := range entries {
		fact, err := DecodeFact(e.Body)
		if err != nil {
			return order, err
		}
		if order, err = order.Apply(e.Kind, e.At, fact); err != nil {
			return order, fmt.Errorf("version %d: %w", e.Version, err)
		}
	}
	return order, nil
}
