package cache

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"agora/backoff"
)

const (
	maxDebts    = 100_000     // keys; further ones stay in the far store until their TTL is over
	settleEvery = time.Second // interval of retries
	settleBatch = 1_000
)

// debts are the keys whose deletion in the far store failed. This process does not read them there until a retry succeeds.
type debts struct {
	mu    sync.RWMutex
	count uint64            // number of debts so far
	keys  map[string]uint64 // number of the latest debt of the key
}

func (d *debts) owe(key string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, ok := d.keys[key]
	return ok
}

func (d *debts) add(keys []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.keys == nil {
		d.keys = map[string]uint64{}
	}
	for _, key := range keys {
		if _, ok := d.keys[key]; ok || len(d.keys) < maxDebts {
			d.count++
			d.keys[key] = d.count
		}
	}
}

// settle retries the deletions with remove, until ctx ends.
func (d *debts) settle(ctx context.Context, remove func(context.Context, ...string) error) {
	for {
		backoff.Sleep(ctx, settleEvery)
		if ctx.Err() != nil {
			return
		}
		for batch := d.some(); len(batch) > 0; batch = d.some() {
			if remove(ctx, slices.Collect(maps.Keys(batch))...) != nil {
				break
			}
			d.paid(batch)
		}
	}
}

func (d *debts) some() map[string]uint64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	batch := make(map[string]uint64, min(len(d.keys), settleBatch))
	for key, number := range d.keys {
		if len(batch) == settleBatch {
			break
		}
		batch[key] = number
	}
	return batch
}

// paid removes the debts of a batch, except for keys that have a newer debt.
func (d *debts) paid(batch map[string]uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, number := range batch {
		if d.keys[key] == number {
			delete(d.keys, key)
		}
	}
}
