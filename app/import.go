package app

import (
	"context"
	"log/slog"

	"agora/app/config"
	"agora/importer/retail"
)

// ImportRetail imports a file in the format of the Online Retail data set into the shop of a data folder. No server may run on it.
func ImportRetail(ctx context.Context, cfg config.Config, file string, log *slog.Logger, progress func(retail.Progress)) (retail.Report, error) {
	var report retail.Report
	err := withStores(ctx, cfg, log, func(s *stores) error {
		market, err := bareMarketplace(ctx, s, log)
		if err != nil {
			return err
		}
		targets := retail.Targets{Users: s.users, Catalog: market.catalog, Orders: s.orders, Views: s.views}
		report, err = retail.Import(ctx, file, targets, retail.Options{RejectsDir: cfg.Data, Progress: progress})
		return err
	})
	return report, err
}
