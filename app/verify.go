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
	verifyshop "agora/lab/verify/shop"
	"agora/pattern/audit"
	"agora/pattern/lead"
	"agora/shop"
	"agora/telemetry"
)

// ErrDiffers is the error of a verification that found differences.
var ErrDiffers = errors.New("the stored data differs from what it should be")

// VerifyShop recomputes the shop of a data folder from its journal, compares the result with the stored data, and writes a report
// to out. It returns ErrDiffers for differences. No server may run on the folder. If other servers share the stores and take an
// order meanwhile, VerifyShop fails with audit_disturbed.
//
// First it updates the read models, as the next start of a server would: it delivers the undelivered events and rebuilds a lost
// read model.
//
// history, if not nil, is a history of clients (see lab/verify), which is compared with the shop.
func VerifyShop(ctx context.Context, cfg config.Config, history io.Reader, log *slog.Logger, out io.Writer) error {
	return withStores(ctx, cfg, log, func(s *stores) error {
		market, err := bareMarketplace(ctx, s, log)
		if err != nil {
			return err
		}
		if err := market.drain(ctx); err != nil {
			return fmt.Errorf("update the read models: %w", err)
		}
		report, err := shop.Audit{Orders: s.orders, Views: s.views, Catalog: s.catalog, Drained: true}.Run(ctx)
		if err != nil {
			return err
		}
		if history != nil {
			compared, err := checkShopHistory(ctx, history, s.orders)
			if err != nil {
				return err
			}
			report.Checks = append(report.Checks, compared.Checks...)
		}
		return conclude(report, out)
	})
}

// conclude writes a report, and returns ErrDiffers if it has differences.
func conclude(report audit.Report, out io.Writer) error {
	if err := report.Print(out); err != nil {
		return err
	}
	if !report.OK() {
		return ErrDiffers
	}
	return nil
}

func checkShopHistory(ctx context.Context, history io.Reader, orders shop.OrderStore) (audit.Report, error) {
	operations, err := verifyshop.ReadHistory(history)
	if err != nil {
		return audit.Report{}, err
	}
	return verifyshop.Check(ctx, operations, orders)
}

// withStores locks a data folder and calls work with its open stores.
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

// bareMarketplace returns a marketplace without a payment gateway, for commands that work on the data.
func bareMarketplace(ctx context.Context, s *stores, log *slog.Logger) (*marketplace, error) {
	if !s.cfg.Runs(shopSystem) {
		return nil, fault.ErrInvalid("systems", "has to include %s for this command", shopSystem)
	}
	if err := s.events.Create(ctx, shop.Topic, shopPartitions); err != nil {
		return nil, err
	}
	return newMarketplace(s, nil, log, telemetry.NewMetrics()), nil
}

// drain updates the read models to the current end of the journal. If other servers lead this work, it waits for them.
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
			log.InfoContext(ctx, "waiting for another server to relay the events", "relayed", relayed, "newest", newest)
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
