package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"agora/app/config"
	"agora/backoff"
	"agora/fault"
	"agora/lab/verify"
	"agora/pattern/lead"
	"agora/shop"
	"agora/telemetry"
)

// ErrDiffers is the error of a verification that found differences.
var ErrDiffers = errors.New("what is kept differs from what its journal says")

// VerifyShop recomputes the shop of a data folder from its journal, compares it with what is stored, and writes a report to
// out. Differences fail with ErrDiffers. No server may run on the folder; if other servers that share the stores sell
// meanwhile, VerifyShop fails with audit_disturbed.
//
// First it brings the read models up to date: events that the last server had not delivered are delivered, and a lost read
// model is rebuilt, as at the next start of a server.
//
// history, if not nil, is what clients recorded (see lab/verify): it is held against the shop, too.
func VerifyShop(ctx context.Context, cfg config.Config, history io.Reader, log *slog.Logger, out io.Writer) error {
	return withStores(ctx, cfg, log, func(s *stores) error {
		market, err := bareMarketplace(ctx, s, log)
		if err != nil {
			return err
		}
		if err := market.drain(ctx); err != nil {
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
func withStores(ctx context.Context, cfg config.Config, log *slog.Logger, work func(*stores) error) (err error) {
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

// bareMarketplace returns a marketplace without a payment provider, for commands that work on the data only.
func bareMarketplace(ctx context.Context, s *stores, log *slog.Logger) (*marketplace, error) {
	if !s.cfg.Runs(shopSystem) {
		return nil, fault.ErrInvalid("systems", "does not name %s, which the command works on", shopSystem)
	}
	if err := s.events.Create(ctx, shop.Topic, shopPartitions); err != nil {
		return nil, err
	}
	return newMarketplace(s, nil, log, telemetry.NewMetrics()), nil
}

// drain brings the read models up to the journal as it is now, or waits until the servers have that do.
func (m *marketplace) drain(ctx context.Context) error {
	s, log := m.stores, m.log
	newest, _, err := s.orders.Relay(ctx)
	if err != nil {
		return err
	}
	for relayed := uint64(0); relayed < newest; {
		if err := m.relay.flush(ctx); err != nil {
			return err
		}
		if _, relayed, err = s.orders.Relay(ctx); err != nil {
			return err
		}
		if relayed < newest {
			log.InfoContext(ctx, "waiting for the server that relays the events", "relayed", relayed, "newest", newest)
			backoff.Sleep(ctx, lead.Campaign)
		}
	}
	for _, p := range m.projections() {
		if err := p.CatchUp(ctx); err != nil {
			return err
		}
	}
	return nil
}
