package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"agora/lab/verify"
	"agora/pattern/eventlog"
	"agora/shop"
	"agora/telemetry"
)

// ErrDiffers says that a verification was made and found differences.
var ErrDiffers = errors.New("what is kept differs from what its journal says")

// VerifyShop recomputes the whole shop of a data folder from its journal, compares, and writes what it
// checked to out. It fails with ErrDiffers if anything is not as it has to be. No server may run on the folder.
//
// Events that were still on their way when the server ended are carried to the read models first, as the
// next start would do.
//
// history, if not nil, is what clients recorded (see lab/verify): it is held against the shop, too.
func VerifyShop(ctx context.Context, cfg Config, history io.Reader, log *slog.Logger, out io.Writer) error {
	return withStores(ctx, cfg, log, func(s *stores) error {
		market, err := bareMarketplace(ctx, cfg, s, log)
		if err != nil {
			return err
		}
		if err := market.drain(ctx, s, log); err != nil {
			return fmt.Errorf("carry the events to the read models: %w", err)
		}
		report, err := shop.Audit{Orders: s.orders, Views: s.views, Catalog: s.catalog, Drained: true}.Run(ctx)
		if err != nil {
			return err
		}
		if history != nil {
			told, err := checkHistory(ctx, history, s.orders)
			if err != nil {
				return err
			}
			report.Checks = append(report.Checks, told.Checks...)
		}
		if err := report.Print(out); err != nil {
			return err
		}
		if !report.OK() {
			return ErrDiffers
		}
		return nil
	})
}

func checkHistory(ctx context.Context, history io.Reader, orders shop.OrderStore) (shop.AuditReport, error) {
	operations, err := verify.ReadHistory(history)
	if err != nil {
		return shop.AuditReport{}, err
	}
	return verify.Check(ctx, operations, orders)
}

// withStores runs work on the open stores of a data folder that nobody else uses.
func withStores(ctx context.Context, cfg Config, log *slog.Logger, work func(*stores) error) (err error) {
	lock, err := lockData(cfg.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	s, err := openStores(ctx, cfg, log, nil)
	if err != nil {
		return err
	}
	return errors.Join(work(s), s.close())
}

// bareMarketplace is a marketplace without a payment provider, for work on its data alone.
func bareMarketplace(ctx context.Context, cfg Config, s *stores, log *slog.Logger) (*marketplace, error) {
	if err := s.events.Create(ctx, shop.Topic, shopPartitions); err != nil {
		return nil, err
	}
	return newMarketplace(cfg, s, nil, log, telemetry.NewMetrics()), nil
}

// drain brings the read models up to the journal.
func (m *marketplace) drain(ctx context.Context, s *stores, log *slog.Logger) error {
	if err := m.relay.Flush(ctx); err != nil {
		return err
	}
	following, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, len(m.projections()))
	var running sync.WaitGroup
	for group, project := range m.projections() {
		consumer := m.consumer(s.events, group, project, log, nil)
		running.Go(func() { failed <- consumer.Run(following) })
	}
	err := m.untilRead(following, s.events, failed)
	stop()
	running.Wait()
	return err
}

// untilRead returns when every projection has read the log to its end, or one of them failed.
func (m *marketplace) untilRead(ctx context.Context, events eventlog.Log, failed <-chan error) error {
	for {
		behind := false
		for group := range m.projections() {
			lags, err := unread(ctx, events, group)
			if err != nil {
				return err
			}
			behind = behind || lags
		}
		if !behind {
			return nil
		}
		select {
		case err := <-failed:
			return errors.Join(errors.New("a projection ended"), err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// unread reports whether a group has not read all that is on the log.
func unread(ctx context.Context, events eventlog.Log, group string) (bool, error) {
	ends, err := events.Ends(ctx, shop.Topic)
	if err != nil {
		return false, err
	}
	for partition, bounds := range ends {
		offset, ok, err := events.Committed(ctx, group, shop.Topic, partition)
		if err != nil {
			return false, err
		}
		if !ok {
			offset = bounds.Oldest
		}
		if offset < bounds.Next {
			return true, nil
		}
	}
	return false, nil
}
