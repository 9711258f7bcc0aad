package guard_test

import (
	"context"
	"fmt"
	"time"

	"agora/fault"
	"agora/pattern/guard"
)

func ExampleGuard() {
	payments := guard.New(guard.Options{
		Name:          "the payment gateway",
		Timeout:       2 * time.Second,
		MaxConcurrent: 64,
		Breaker:       guard.Breaker{Ratio: 0.5, Calls: 2, Open: time.Minute},
	})

	for range 3 {
		err := payments.Do(context.Background(), func(context.Context) error {
			return fault.New(fault.Unavailable, "", "connection refused")
		})
		fmt.Println(fault.CodeOf(err)+":", err)
	}
	// Output:
	// unavailable: connection refused
	// unavailable: connection refused
	// circuit_open: the payment gateway keeps failing and is not called for now
}

func ExampleLocal() {
	limiter := guard.NewLocal(0.1, 2, 100_000)
	for range 3 {
		d, _ := limiter.Allow(context.Background(), "192.0.2.1")
		fmt.Println(d.OK, d.Remaining, d.RetryAfter.Round(time.Second))
	}
	// Output:
	// true 1 0s
	// true 0 0s
	// false 0 10s
}
