// Package feed is the load scenario of the feed: users who read their home timelines, listen to live streams, post, delete, and
// follow, block and mute each other.
package feed

import (
	"context"
	"fmt"
	"time"

	"agora/fault"
	"agora/generate"
	"agora/lab/load"
)

// The kinds of requests.
const (
	Read     load.Kind = "read"     // the first page of a home timeline
	Page     load.Kind = "page"     // the next page of the timeline that the customer read last
	Post     load.Kind = "post"     // a post, some about a product
	Delete   load.Kind = "delete"   // the deletion of an earlier post of the run
	Follow   load.Kind = "follow"   // a follow between two users; also each kind to Unmute
	Unfollow load.Kind = "unfollow" // the end of a follow
	Block    load.Kind = "block"
	Unblock  load.Kind = "unblock"
	Mute     load.Kind = "mute"
	Unmute   load.Kind = "unmute"
)

// What is measured besides requests.
const (
	Visible load.Kind = "visible" // from the answer to a post until a follower has read a page with it
	Told    load.Kind = "told"    // from the answer to a post until an open stream of a follower has told it; 0 if that was before the answer
)

var kinds = []load.Kind{Read, Page, Post, Delete, Follow, Unfollow, Block, Unblock, Mute, Unmute}

// DefaultMix has 100 reads for each post.
func DefaultMix() load.Mix {
	return load.Mix{
		Read: 90, Page: 10, Post: 1, Delete: 0.05, Follow: 0.2, Unfollow: 0.1,
		Block: 0.02, Unblock: 0.02, Mute: 0.02, Unmute: 0.02,
	}
}

// Scenario implements load.Scenario.
type Scenario struct {
	Generated *generate.Plan // has the users
	Users     int            // how many users of the plan act
	Follows   int            // how many of the others each of them follows before the load begins, at least
	After     float64        // share of the reads after a write of the same user that ask for it with after
	Visible   float64        // share of the posts that a follower reads until they are visible
	Streams   int            // how many live streams are open
	Cut       time.Duration  // how long a stream stays connected, on average; 0 for as long as the load
}

var _ load.Scenario = Scenario{}

// Kinds implements load.Scenario.
func (Scenario) Kinds() []load.Kind { return kinds }

// Times implements load.Scenario.
func (Scenario) Times() []load.Kind { return []load.Kind{Visible, Told} }

// ServerMetrics implements load.Scenario.
func (Scenario) ServerMetrics() []load.Metric {
	return []load.Metric{
		{
			Name: "feed_read_duration_seconds", Title: "page of a timeline, mean", Unit: "s",
			Series: "agora_feed_read_duration_seconds", Type: load.Histogram, Label: "state",
		},
		{
			Name: "fanout_duration_seconds", Title: "fan-out of a post, mean", Unit: "s",
			Series: "agora_fanout_duration_seconds", Type: load.Histogram, Label: "mode",
		},
		{Name: "feed_run_lag_seconds", Title: "lag of the last run", Unit: "s", Series: "agora_feed_run_lag_seconds", Type: load.Gauge},
		{
			Name: "feed_run_duration_seconds", Title: "run of the builder, mean", Unit: "s",
			Series: "agora_feed_run_duration_seconds", Type: load.Histogram,
		},
		{Name: "feed_deliveries", Title: "deliveries into timelines", Series: "agora_feed_deliveries_total", Type: load.Counter},
		{
			Name: "feed_stream_events", Title: "events of streams", Series: "agora_feed_stream_events_total",
			Type: load.Counter, Label: "event",
		},
		{Name: "feed_streams_dropped", Title: "streams closed as too slow", Series: "agora_feed_streams_dropped_total", Type: load.Counter},
	}
}

const (
	leastUsers  = 2
	mostUsers   = 100_000
	mostFollows = 1000
	mostStreams = 100_000
)

// Validate implements load.Scenario.
func (s Scenario) Validate(c *fault.Collector, _ load.Options) {
	c.Check(s.Generated != nil && s.Generated.Validate() == nil && s.Generated.Users >= leastUsers, "generated",
		"is no plan with users: the demo is products=3000;users=2000;seed=1")
	c.Check(s.Users >= leastUsers && s.Users <= mostUsers, "users", "is not between %d and %d", leastUsers, mostUsers)
	c.Check(s.Follows >= 0 && s.Follows <= mostFollows, "follows", "is not between 0 and %d", mostFollows)
	c.Check(s.After >= 0 && s.After <= 1, "after", "is not between 0 and 1")
	c.Check(s.Visible >= 0 && s.Visible <= 1, "visible", "is not between 0 and 1")
	c.Check(s.Streams >= 0 && s.Streams <= mostStreams, "streams", "is not between 0 and %d", mostStreams)
	c.Check(s.Cut >= 0, "cut", "is negative")
}

// Prepare implements load.Scenario: it issues tokens to the users, lets them follow each other, and reads whom they follow.
func (s Scenario) Prepare(ctx context.Context, run load.Run) (load.Traffic, error) {
	t, err := newTraffic(ctx, run, s)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// The counts that reports show.
const (
	notVisible    = "posts not visible in time"
	notWatched    = "posts that were to be watched, with no watcher free"
	streamEvents  = "events of streams"
	streamGaps    = "events that streams lack"
	streamRepeats = "events that streams repeated"
	streamResets  = "resets of streams"
	streamCuts    = "streams cut by the load"
	streamLosses  = "streams lost or refused"
)

// Warnings implements load.Scenario.
func (Scenario) Warnings(trial load.Trial) []string {
	var all []string
	warn := func(n int64, format string) {
		if n > 0 {
			all = append(all, fmt.Sprintf(format, n))
		}
	}
	warn(trial.Counts[notVisible], "%d posts were not visible to a follower in time; their times are in the figures")
	warn(trial.Counts[notWatched], "%d posts were not watched, because too many were to be watched at once: lower --visible")
	warn(trial.Counts[streamGaps], "%d events did not come to a stream that had to tell them")
	warn(trial.Counts[streamRepeats], "%d events came to a stream twice")
	warn(trial.All.Outcomes["rebuilding"], "%d pages were rebuilding, which is other work than a page that is complete")
	warn(trial.All.Outcomes["lossy"], "%d pages left authors out")
	warn(trial.Kinds[Post].Errors["429 too_many_posts"], "%d posts met the limit of an author: agora serve --feed-posts-per-minute 0 has none")
	return all
}
