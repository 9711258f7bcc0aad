package app

import (
	"context"
	"log/slog"

	"agora/app/config"
	"agora/fault"
	"agora/feed"
	"agora/generate"
)

// demo is the plan of `agora serve --demo`: small enough to be generated within seconds.
var demo = generate.Plan{Products: 3000, Users: 2000, Orders: 500, Follows: 20, Posts: 3, Seed: 1}

// Generate adds the missing data of the plan to the data folder. No server may run on it.
func Generate(ctx context.Context, cfg config.Config, plan generate.Plan, log *slog.Logger, progress func(generate.Progress)) (generate.Report, error) {
	var report generate.Report
	if (plan.Follows > 0 || plan.Posts > 0) && !cfg.Runs(feedSystem) {
		return report, fault.ErrInvalid("systems", "has to include %s for follows and posts", feedSystem)
	}
	err := withStores(ctx, cfg, log, func(s *stores) error {
		market, err := bareMarketplace(ctx, s, log)
		if err != nil {
			return err
		}
		report, err = generate.Run(ctx, plan, market.targets(), progress)
		return err
	})
	return report, err
}

func (m *marketplace) targets() generate.Targets {
	s := m.stores
	t := generate.Targets{Users: s.users, Personal: s.personal, Catalog: m.catalog, Orders: s.orders, Views: s.views}
	if s.cfg.Runs(feedSystem) {
		t.Feed = &feed.Importer{
			Shape: feedShape, Log: s.events, Posts: s.posts, Graph: s.graph, Timelines: s.timelines,
			Strategy: feed.Strategy(s.cfg.Feed.Strategy), Threshold: feedThreshold(s.cfg),
		}
	}
	return t
}

// fillDemo generates the demo in an empty shop, or completes a demo that was interrupted.
func fillDemo(ctx context.Context, m *marketplace) error {
	newest, _, err := m.stores.orders.Relay(ctx)
	if err != nil {
		return err
	}
	_, err = m.stores.users.User(ctx, demo.UserID(0))
	if begun := err == nil; newest > 0 && !begun {
		return nil
	}
	_, err = generate.Run(ctx, demo, m.targets(), nil)
	return err
}
