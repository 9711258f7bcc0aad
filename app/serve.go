package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"agora/fault"
	"agora/telemetry"
)

// Serve runs the program until ctx ends. It writes the address that it listens on to out, once it does, and
// its log to logs.
func Serve(ctx context.Context, cfg Config, out, logs io.Writer) error {
	log, err := telemetry.NewLogger(logs, cfg.Log.Format, cfg.Log.Level)
	if err != nil {
		return err
	}
	tracer, err := telemetry.NewTracer(ctx, cfg.Tracing.Endpoint, cfg.Tracing.Share)
	if err != nil {
		return err
	}
	program := NewProgram(log, cfg.HTTP.ShutdownGrace)
	program.Add(
		dataFolder(cfg.Data),
		Module{Name: "traces", Stop: tracer.Shutdown},
		listening(newServer(program), cfg.Listen, func(url string) { fmt.Fprintln(out, "agora is at "+url) }),
	)
	return program.Run(ctx)
}

// newServer returns the server of everything that the program answers.
func newServer(program *Program) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := program.Ready(r.Context()); err != nil {
			http.Error(w, fault.CodeOf(err), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute}
}

// dataFolder makes the folder that the embedded engines keep their files in, readable by its owner alone.
func dataFolder(path string) Module {
	return Module{Name: "data folder", Start: func(context.Context) error { return os.MkdirAll(path, 0o700) }}
}

// listening returns an HTTP server as a module. It calls announce with its URL when it listens.
func listening(srv *http.Server, address string, announce func(url string)) Module {
	var listener net.Listener
	return Module{
		Name: "http server",
		Start: func(ctx context.Context) error {
			var err error
			if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", address); err != nil {
				return err
			}
			announce("http://" + listener.Addr().String())
			return nil
		},
		Run: func(context.Context) error {
			if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		},
		Stop: func(ctx context.Context) error {
			if err := srv.Shutdown(ctx); err != nil {
				return errors.Join(fmt.Errorf("finish the requests: %w", err), srv.Close())
			}
			return nil
		},
	}
}
