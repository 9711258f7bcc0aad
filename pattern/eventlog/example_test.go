package eventlog_test

import (
	"context"
	"fmt"
	"time"

	"agora/ident"
	"agora/pattern/eventlog"
)

// A view of the orders follows their events. Events of one order arrive in the order in which they were appended.
func ExampleConsumer() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	log := eventlog.NewMemory()
	if err := log.Create(ctx, "orders", 4); err != nil {
		fmt.Println(err)
		return
	}
	for _, kind := range []string{"order.placed", "order.paid", "order.shipped"} {
		event := eventlog.Record{ID: ident.New(ident.Event), Kind: kind, Key: "ord_1", At: time.Now()}
		if _, err := log.Append(ctx, "orders", event); err != nil {
			fmt.Println(err)
			return
		}
	}

	view := eventlog.Consumer{
		Events: log, Topic: "orders", Group: "order-view",
		Handle: func(_ context.Context, batch []eventlog.Message) error {
			for _, msg := range batch {
				fmt.Println(msg.Key, msg.Kind)
			}
			stop() // end the example
			return nil
		},
	}
	fmt.Println("stopped:", view.Run(ctx))
	// Output:
	// ord_1 order.placed
	// ord_1 order.paid
	// ord_1 order.shipped
	// stopped: <nil>
}

// A program trims its log now and then. A group that was too slow gets an error from its next Read.
func ExampleRetention() {
	ctx, log := context.Background(), eventlog.NewMemory()
	if err := log.Create(ctx, "orders", 1); err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		event := eventlog.Record{ID: ident.New(ident.Event), Kind: "order.placed", Key: "ord_1", Value: make([]byte, 1000), At: time.Now()}
		if _, err := log.Append(ctx, "orders", event); err != nil {
			fmt.Println(err)
			return
		}
	}
	dropped, err := log.Trim(ctx, "orders", eventlog.Retention{Since: time.Now().AddDate(0, 0, -7), Bytes: 2500})
	fmt.Println(dropped, err)
	_, err = log.Read(ctx, "orders", 0, 0, 10)
	fmt.Println(err)
	// Output:
	// 1 <nil>
	// offset 0 of orders/0 is not in the log, which holds 1 to 3
}
