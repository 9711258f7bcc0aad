package app

import (
	"context"
	"io"
	"log/slog"
	"time"

	"agora/app/config"
	"agora/fault"
	"agora/feed"
	verifyfeed "agora/lab/verify/feed"
	"agora/pattern/audit"
)

// feedRush is the time between two runs of a command that waits for the timelines.
const feedRush = 100 * time.Millisecond

// VerifyFeed compares the stores of the feed of a data folder with its log and with each other, reads feeds of users to their
// ends, and writes a report to out. users is how many feeds it reads, 0 for all. It returns ErrDiffers for differences. No
// server may run on the folder. If other servers share the stores and something is written meanwhile, VerifyFeed fails with
// audit_disturbed.
//
// First it brings the timelines to the end of the log, as the next start of a server would.
//
// history, if not nil, is a history of clients (see lab/verify), which is compared with the feed.
func VerifyFeed(ctx context.Context, cfg config.Config, users int, history io.Reader, log *slog.Logger, out io.Writer) error {
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
		audited := node.Audit(users)
		report, err := audited.Run(ctx)
		if err != nil {
			return err
		}
		if history != nil {
			compared, err := checkFeedHistory(ctx, history, audited.Service)
			if err != nil {
				return err
			}
			report.Checks = append(report.Checks, compared.Checks...)
		}
		return conclude(report, out)
	})
}

func checkFeedHistory(ctx context.Context, history io.Reader, s *feed.Service) (audit.Report, error) {
	operations, err := verifyfeed.ReadHistory(history)
	if err != nil {
		return audit.Report{}, err
	}
	return verifyfeed.Check(ctx, operations, verifyfeed.Stored{Shape: s.Shape, Epoch: s.Epoch, Log: s.Log, Posts: s.Posts, Graph: s.Graph})
}
