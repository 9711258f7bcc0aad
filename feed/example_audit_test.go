package feed_test

import (
	"context"
	"fmt"
	"time"

	"agora/feed"
	"agora/pattern/eventlog"
)

// At rest, an audit finds nothing in a feed that works. Then a post gets into the store of posts whose record the log does not have.
func ExampleAudit() {
	ctx := context.Background()
	shape, trim := feed.Shape{Posts: 2, Graph: 2}, feed.Trim{Above: 1000, Keep: 800}
	posts := feed.NewMemoryPosts()
	options := feed.NodeOptions{
		Shape: shape, Log: eventlog.NewMemory(), Posts: posts, Graph: feed.NewMemoryGraph(shape),
		Timelines: feed.NewMemoryTimelines(trim), Trim: trim, Users: everyone{},
		Strategy: feed.Hybrid, Threshold: feed.Threshold{Up: 10_000, Down: 8_000}, MaxPulled: 1000, Memory: 64 << 20,
		Every: time.Second, IdleAfter: 30 * 24 * time.Hour, Keep: 24 * time.Hour,
	}
	ada, bob := feed.UserID{15: 1}, feed.UserID{15: 2}
	err := whileRunning(ctx, options, func(s *feed.Service) error {
		if _, err := s.Set(ctx, feed.EdgeKey{Kind: feed.Follow, From: bob, To: ada}, true); err != nil {
			return err
		}
		_, _, err := s.Post(ctx, ada, feed.NewPost{Text: "hello"}, "")
		return err
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	node, err := feed.OpenNode(ctx, options)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := node.CatchUp(ctx); err != nil { // instead of Run
		fmt.Println(err)
		return
	}
	audit := node.Audit(0) // of the feeds of all users
	report, err := audit.Run(ctx)
	fmt.Println(len(report.Checks), "checks find nothing:", report.OK(), err)

	if err := posts.Insert(ctx, feed.Post{ID: feed.NewPostID(), Author: bob, Text: "smuggled", At: feed.At(1, 0)}); err != nil {
		fmt.Println(err)
		return
	}
	report, err = audit.Run(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, check := range report.Checks {
		if check.Name == "posts" {
			fmt.Printf("%d of %d differ: %s\n", check.Differences, check.Compared, check.Rule)
		}
	}
	// Output:
	// 10 checks find nothing: true <nil>
	// 1 of 2 differ: each stored post has a record where the log reaches back so far, and is in its author's list
}

// whileRunning calls work with the service of a node that runs.
func whileRunning(ctx context.Context, options feed.NodeOptions, work func(*feed.Service) error) error {
	node, err := feed.OpenNode(ctx, options)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- node.Run(running) }()
	err = work(node.Service)
	stop()
	if runErr := <-ended; err == nil {
		err = runErr
	}
	return err
}
