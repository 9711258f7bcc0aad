package telemetry

import (
	"context"
	"fmt"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracer makes spans. The zero Tracer makes none and costs nothing.
type Tracer struct {
	tracer   trace.Tracer
	provider *sdktrace.TracerProvider
}

// NewTracer returns a tracer that sends a share of the traces (0 to 1) over OTLP/HTTP to endpoint, a URL such as
// http://localhost:4318. An empty endpoint gives the zero Tracer. A trace that a caller began keeps the caller's sampling
// decision.
func NewTracer(ctx context.Context, endpoint string, share float64) (Tracer, error) {
	if endpoint == "" {
		return Tracer{}, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return Tracer{}, fmt.Errorf("connect to the trace collector: %w", err)
	}
	return tracerWith(sdktrace.WithBatcher(exporter), share), nil
}

func tracerWith(processor sdktrace.TracerProviderOption, share float64) Tracer {
	provider := sdktrace.NewTracerProvider(
		processor,
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(share))),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "agora"))),
	)
	return Tracer{tracer: provider.Tracer("agora"), provider: provider}
}

// Enabled reports whether the tracer makes spans, so that callers can skip work that is only for them.
func (t Tracer) Enabled() bool { return t.tracer != nil }

// Shutdown sends the spans that are not sent yet.
func (t Tracer) Shutdown(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Span is an operation with a beginning and an end. The zero Span does nothing.
type Span struct{ span trace.Span }

// Start begins a span with attributes given as pairs of key and value. The span must be ended.
func (t Tracer) Start(ctx context.Context, name string, pairs ...string) (context.Context, Span) {
	if t.tracer == nil {
		return ctx, Span{}
	}
	ctx, span := t.tracer.Start(ctx, name)
	for i := 0; i+1 < len(pairs); i += 2 {
		span.SetAttributes(attribute.String(pairs[i], pairs[i+1]))
	}
	return ctx, Span{span}
}

// StartServer begins the span of an HTTP request. If follow is set and the traceparent header
// (https://www.w3.org/TR/trace-context/) names a span of the caller, the new span belongs to it and is sampled as it is.
func (t Tracer) StartServer(r *http.Request, name string, follow bool) (context.Context, Span) {
	if t.tracer == nil {
		return r.Context(), Span{}
	}
	ctx := r.Context()
	if follow {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
	return ctx, Span{span}
}

// End ends the span; a non-nil error marks it as failed.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.RecordError(err)
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End()
}

// TraceID returns the trace that ctx belongs to in hex, or "" for none.
func TraceID(ctx context.Context) string {
	if id := trace.SpanContextFromContext(ctx).TraceID(); id.IsValid() {
		return id.String()
	}
	return ""
}
