package shop

import (
	"context"
	"errors"
	"fmt"

	"agora/pattern/journal"
)

// rebuildBatch is the number of orders or stocks that are in memory at a time during the rebuild of a read model.
const rebuildBatch = 500

// Rebuild saves every order in the read model. It reads the orders from the store and needs no events. Events may be
// projected at the same time, because the read model never replaces an order with an older version.
func (h *OrderHistory) Rebuild(ctx context.Context) error {
	return inBatches(
		func(visit func(Order) error) error { return h.orders.EachOrder(ctx, visit) },
		func(batch []Order) error { return h.views.SaveViews(ctx, batch) },
	)
}

// Lost reports whether the read model has to be rebuilt because data is missing, as it is after its file was lost or
// restored from an old backup. The events are those that were projected last: Lost checks that the read model has their
// orders, in their versions or newer ones. It also checks that a read model without orders belongs to a store without orders.
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

// catchUp returns the order after its facts through a version. It reads the facts that known lacks from the journal.
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
		return known, fmt.Errorf("order %s is at version %d in the journal and at %d in the event log", id, order.Version, version)
	}
	return order, nil
}

// Rebuild updates the products of all SKUs with stock. It reads the stock from the store and needs no events.
func (s *InventorySync) Rebuild(ctx context.Context) error {
	return inBatches(
		func(visit func(Stock) error) error { return s.stock.EachStock(ctx, visit) },
		func(batch []Stock) error {
			_, err := s.catalog.SetInventory(ctx, inventoryOf(batch))
			return err
		},
	)
}

// inBatches passes the values that each visits to save, in batches of rebuildBatch.
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

// hasAny reports whether each visits at least one value.
func hasAny[T any](each func(visit func(T) error) error) (bool, error) {
	found := false
	err := each(func(T) error {
		found = true
		return errors.New("stop after the first value")
	})
	if found {
		return true, nil
	}
	return false, err
}

// fold returns the order after the entries of its stream.
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
