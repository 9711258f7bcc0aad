package feed_test

import (
	"context"
	"fmt"
	"time"

	"agora/feed"
	"agora/pattern/eventlog"
)

// everyone has an account.
type everyone struct{}

func (everyone) Exists(context.Context, feed.UserID) (bool, error) { return true, nil }

// A stream tells a post at once. Another stream, of any server, goes on after the last event of the first one.
func ExampleHub() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	shape, trim := feed.Shape{Posts: 2, Graph: 2}, feed.Trim{Above: 1000, Keep: 800}
	node, err := feed.OpenNode(ctx, feed.NodeOptions{
		Shape: shape, Log: eventlog.NewMemory(), Posts: feed.NewMemoryPosts(), Graph: feed.NewMemoryGraph(shape),
		Timelines: feed.NewMemoryTimelines(trim), Trim: trim, Users: everyone{}, Strategy: feed.Pull, MaxPulled: 1000, Memory: 64 << 20,
		Every: time.Second, IdleAfter: 30 * 24 * time.Hour, Keep: 24 * time.Hour,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = node.Run(ctx) }()

	ada, cursor := feed.UserID{15: 1}, "" // now
	for _, text := range []string{"told", "missed"} {
		stream, err := node.Hub.Open(ctx, ada, cursor)
		if err != nil {
			fmt.Println(err)
			return
		}
		if _, _, err := node.Service.Post(ctx, ada, feed.NewPost{Text: text}, ""); err != nil {
			fmt.Println(err)
			return
		}
		if cursor == "" {
			e, err := stream.Next(ctx)
			fmt.Println(e.Kind, e.Post.Text, err)
			cursor = e.ID
		}
		stream.Close()
	}
	stream, err := node.Hub.Open(ctx, ada, cursor)
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := stream.Next(ctx)
	fmt.Println(e.Kind, e.Post.Text, err)
	// Output:
	// post told <nil>
	// post missed <nil>
}

// A reader follows an author and sees the author's post before any timeline was written. A run then writes it.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	shape := feed.Shape{Posts: 2, Graph: 2}
	log := eventlog.NewMemory()
	for topic, partitions := range map[string]int{feed.PostsTopic: shape.Posts, feed.GraphTopic: shape.Graph} {
		if err := log.Create(ctx, topic, partitions); err != nil {
			fmt.Println(err)
			return
		}
	}
	trim := feed.Trim{Above: 1000, Keep: 800}
	posts, graph, timelines := feed.NewMemoryPosts(), feed.NewMemoryGraph(shape), feed.NewMemoryTimelines(trim)
	builder := &feed.Builder{
		Shape: shape, Epoch: 1, Log: log, Posts: posts, Graph: graph, Timelines: timelines,
		Strategy: feed.Hybrid, Threshold: feed.Threshold{Up: 10_000, Down: 8_000}, Trim: trim, Records: 1000, Operands: 1000, CacheBytes: 64 << 20,
	}
	tail, err := builder.OpenTail(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = builder.RunTail(ctx, tail) }()

	service := &feed.Service{Shape: shape, Epoch: 1, Log: log, Posts: posts, Graph: graph, Tail: tail, Users: everyone{}}
	ada, bob := feed.UserID{15: 1}, feed.UserID{15: 2}
	if _, err := service.Set(ctx, feed.EdgeKey{Kind: feed.Follow, From: bob, To: ada}, true); err != nil {
		fmt.Println(err)
		return
	}
	if _, _, err := service.Post(ctx, ada, feed.NewPost{Text: "hello"}, "key-1"); err != nil {
		fmt.Println(err)
		return
	}
	reader := &feed.Reader{Shape: shape, Tail: tail, Posts: posts, Graph: graph, Timelines: timelines, Strategy: feed.Hybrid}
	page, err := reader.Read(ctx, bob, feed.Cursor{}, 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(page.Posts), page.Posts[0].Text, page.State)

	lead, err := builder.Claim(ctx, shape.GraphOf(bob))
	if err != nil {
		fmt.Println(err)
		return
	}
	stats, err := builder.Run(ctx, lead)
	fmt.Println(stats.Deliveries, err)
	// Output:
	// 1 hello complete
	// 1 <nil>
}
