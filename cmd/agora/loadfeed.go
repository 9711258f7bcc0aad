package main

import (
	"context"
	"maps"
	"time"

	"agora/lab/load"
	loadfeed "agora/lab/load/feed"
)

type loadFeedCommand struct {
	loadFlags
	Token     string               `required:"" placeholder:"T" help:"Token of an admin, who issues tokens to the users."`
	Mix       map[load.Kind]string `placeholder:"KIND=WEIGHT;…" help:"Kinds of requests and their shares: read (the first page of a home timeline), page (the next page of the timeline read last), post, delete, follow, unfollow, block, unblock, mute, unmute. Kinds that are not named have the weight 0 [100 reads for each post]."`
	Generated map[string]uint64    `required:"" placeholder:"users=N;products=N;seed=S" help:"The flags of agora generate that the data was made with; the demo is products=3000;users=2000;seed=1."`
	Users     int                  `default:"200" placeholder:"N" help:"Number of generated users that send requests, each with a token [200]."`
	Follows   int                  `default:"0" placeholder:"N" help:"First, let each of these users follow others of them until it follows so many; ended after the load [0]."`
	After     float64              `default:"0.5" placeholder:"SHARE" help:"Share of the reads that ask for the last write of their user with after [0.5]."`
	Visible   float64              `default:"1" placeholder:"SHARE" help:"Share of the posts that a follower reads at once, and again until they are visible [1]."`
	Streams   int                  `default:"0" placeholder:"N" help:"Number of live streams that are open [0]."`
	Cut       time.Duration        `default:"0s" placeholder:"D" help:"Time after which a stream is cut and continued, on average; 0 for never [0]."`
}

// visibleGoal is the goal of a load that has none.
var visibleGoal = load.Goal{Kind: loadfeed.Visible, Figure: "p99", Limit: 20 * time.Millisecond}

// Help implements kong.HelpProvider.
func (loadFeedCommand) Help() string {
	return `Requests are sent at a fixed rate, whether or not the server keeps up (an open loop). The latency of a request is
measured from its intended start, so a stall of the server counts for every request that was due meanwhile.
Readers and authors are drawn by popularity (Zipf's law). The posts are real posts: do not use a feed with real readers.

Two times are measured besides requests. "visible" is the time from the answer to a post until a follower has read a
page with it; "told" is the time until an open stream of a follower has told it. Goals may name both. Without a goal,
visible.p99<20ms is the goal. A stream that was cut continues with Last-Event-ID. Events that it lacks or repeats are
counted. The report also counts pages by how complete they are.

A history has every post, deletion, follow, block, mute, page and stream. Each user follows, blocks and mutes only a few
others of the load, so all other follows stay as they are.

With --follows, all users first follow the most popular authors, one and another for each 50 follows. So nearly all
users follow these: the feed pulls their posts if feed.threshold is lower than --users. At the end, the load sets
every follow, block and mute that it has changed as it was. A block or mute between these users that was there before
may be ended.

The server limits requests and posts of each user. To measure more, start it without limits:
agora serve --feed-posts-per-minute 0 --http-rate-per-token 0 --http-rate-per-address 0.

Exit codes: 0 if every goal was met, 1 if one was missed or the load failed, 2 for wrong usage.

Examples:

    agora load feed --url http://127.0.0.1:8080 --token "$(cat agora-data/admin.token)" --rate 500 --duration 30s \
        --generated 'products=3000;users=2000;seed=1' --follows 20
    agora load feed --url … --token … --generated … --rate 5000 --streams 1000 --cut 5s --report feed.html
    agora load feed --url … --token … --generated … --rate 2000 --find 'read.p99<25ms'
    agora load feed --url … --token … --generated … --retry --history feed.history`
}

// Run sends load.
func (c loadFeedCommand) Run(ctx context.Context, std streams) error {
	options, err := c.options()
	return c.run(ctx, std, options, err)
}

func (c loadFeedCommand) options() (load.Options, error) {
	o, err := c.loadFlags.options(c.Token, c.Mix)
	if err != nil {
		return o, err
	}
	if len(c.Mix) == 0 {
		maps.Copy(o.Mix, loadfeed.DefaultMix())
	}
	if len(o.Goals) == 0 && o.Mix[loadfeed.Post] > 0 && c.Visible > 0 {
		o.Goals = append(o.Goals, visibleGoal)
	}
	plan, err := planOf(c.Generated)
	o.Scenario = loadfeed.Scenario{
		Generated: plan, Users: c.Users, Follows: c.Follows, After: c.After, Visible: c.Visible, Streams: c.Streams, Cut: c.Cut,
	}
	return o, err
}
