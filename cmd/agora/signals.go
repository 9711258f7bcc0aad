package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// untilSignal returns a context that ends at the first SIGINT or SIGTERM, so that the program can finish its work. At the
// second signal it calls exit. stop restores the default handling of signals.
func untilSignal(parent context.Context, exit func(code int), w io.Writer) (ctx context.Context, stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancelCause(parent)
	go func() {
		for s := range signals {
			if ctx.Err() != nil {
				fmt.Fprintf(w, "agora: %v again: exiting at once\n", s)
				exit(failed)
			}
			cancel(fmt.Errorf("signal: %v", s))
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
