package app

import (
	"context"
	"io"
	"log/slog"
	"time"

	"agora/app/config"
	"agora/fault"
	"agora/feed"
)

// feedRush is the time between two runs of a command that waits for the timelines.
const feedRush = 100 * time.Millisecond

// VerifyFeed compares the stores of the feed of a data folder with its log and with each other, reads feeds of users to their
// ends, and writes a report to out. users is how many feeds it reads, 0 for all. It returns ErrDiffers for differences. No
// server may run on the folder. If other servers share the stores and something is written meanwhile, VerifyFeed fails with
// audit_disturbed.
//
// First it brings the timelines to the end of the log, as the next start of a server would.
func VerifyFeed(ctx context.Context, cfg config.Config, users int, log *slog.Logger, out io.Writer) error {
	return withStores(ctx, cfg, log, func(s *stores) error {
		if !s.cfg.Runs(feedSystem) {
			return fault.ErrInvalid("systems", "has to include %s for this command", feedSystem)
		}
		options, err := s.feedOptions(log)
		if err != nil {
			return err
		}
		options.Every = feedRush
		node, err := feed.OpenNode(ctx, options)
		if err != nil {
			return err
		}
		if err := node.CatchUp(ctx); err != nil {
			return err
		}
		report, err := node.Audit(users).Run(ctx)
		if err != nil {
			return err
		}
		return conclude(report, out)
	})
}
