package analytics

import (
	"context"
	"fmt"
)

// loadedState is what a worker needs of the state to go on.
type loadedState struct {
	head     *head // nil if nothing has been committed
	open     map[WindowKey]bool
	cuts     [][]Cut           // by partition
	erasures [][]placedErasure // by partition
}

func loadState(ctx context.Context, store StateStore) (*loadedState, error) {
	l := &loadedState{open: map[WindowKey]bool{}}
	err := store.Scan(ctx, []byte{headKey}, func(_, value []byte) (err error) {
		l.head, err = decodeHead(value)
		return err
	})
	if err != nil || l.head == nil {
		return l, err
	}
	l.cuts, l.erasures = make([][]Cut, len(l.head.Parts)), make([][]placedErasure, len(l.head.Parts))
	for kind, read := range map[byte]func(key, value []byte) error{
		openKey: l.readOpen, cutKey: l.readCut, erasureKey: l.readErasure,
	} {
		if err := store.Scan(ctx, []byte{kind}, read); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *loadedState) readOpen(key, _ []byte) error {
	k, err := parseWindowKey(key)
	l.open[k] = true
	return err
}

func (l *loadedState) readCut(key, value []byte) error {
	c, err := decodeCut(key, value)
	if err != nil {
		return err
	}
	if c.Partition >= len(l.cuts) {
		return errKey
	}
	l.cuts[c.Partition] = append(l.cuts[c.Partition], c)
	return nil
}

func (l *loadedState) readErasure(key, value []byte) error {
	partition, at, err := parsePartKey(key)
	if err != nil || partition >= len(l.erasures) {
		return errKey
	}
	if len(value) == 0 || value[0] != stateVersion {
		return ErrDamaged("an erasure of the state has another form")
	}
	e, err := DecodeErasure(value[1:])
	if err != nil {
		return err
	}
	l.erasures[partition] = append(l.erasures[partition], placedErasure{e, at})
	return nil
}

// epochOf returns the epoch of a state.
func epochOf(ctx context.Context, store StateStore) (int64, error) {
	at := int64(0)
	err := store.Scan(ctx, []byte{headKey}, func(_, value []byte) error {
		h, err := decodeHead(value)
		if err == nil {
			at = h.Epoch
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read the epoch of the state: %w", err)
	}
	return at, nil
}
