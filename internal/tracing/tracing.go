// SPDX-License-Identifier: Apache-2.0

// Package tracing exports traces over OTLP, if an endpoint is given; otherwise it does nothing at all. It alone knows
// the SDK of OpenTelemetry; what is traced is up to those who use package span.
package tracing

import (
	"context"
	"os"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/pam-operator/pam-operator/internal/span"
)

// flushWithin bounds how long the end of the manager waits for the last spans to be accepted.
const flushWithin = 5 * time.Second

// Tracing exports spans. nil is tracing that is off.
type Tracing struct {
	provider *sdktrace.TracerProvider
	flush    time.Duration
}

// Start returns tracing as the settings and the environment ask for; nil if they ask for none. Nothing is sent, and no
// connection opened, before there are spans.
func Start(ctx context.Context, s Settings, getenv func(string) string, version string, log logr.Logger) (
	*Tracing, error,
) {
	p, err := s.plan(getenv)
	if err != nil || !p.on {
		return nil, err
	}
	// Before the exporter is built, which reports mistakes in its variables there.
	otel.SetLogger(quiet(log))
	otel.SetErrorHandler(newComplaints(log, getenv))
	exporter, err := otlptracegrpc.New(ctx, p.exporter()...)
	if err != nil {
		return nil, err
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithBatcher(exporter), describe(ctx, version)}
	if p.linksLimited {
		options = append(options, sdktrace.WithRawSpanLimits(sdktrace.NewSpanLimits()))
	}
	return &Tracing{NewProvider(p.ratio, options...), flushWithin}, nil
}

// NewProvider returns a provider that traces a part of all passes. It is not the library's global one: other libraries
// would begin to trace, too, and they put URLs into spans.
func NewProvider(ratio float64, more ...sdktrace.TracerProviderOption) *sdktrace.TracerProvider {
	limits := sdktrace.NewSpanLimits()
	limits.LinkCountLimit = -1 // a transaction has a link for each of its changes
	return sdktrace.NewTracerProvider(append([]sdktrace.TracerProviderOption{
		sdktrace.WithSampler(sampler{sdktrace.TraceIDRatioBased(ratio)}),
		sdktrace.WithIDGenerator(ids{}),
		sdktrace.WithRawSpanLimits(limits),
	}, more...)...)
}

// describe says who sends the spans. Variables take precedence; the command line is not part of it.
func describe(ctx context.Context, version string) sdktrace.TracerProviderOption {
	instance, _ := os.Hostname() // that of the Pod
	who, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "pam-operator"),
		attribute.String("service.version", version),
		attribute.String("service.instance.id", instance),
	), resource.WithFromEnv())
	if err != nil {
		otel.Handle(err) // what could be found out is in there
	}
	return sdktrace.WithResource(who)
}

// Tracer returns what passes are traced with; nil if tracing is off.
func (t *Tracing) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer(span.Scope)
}

// Close sends what is left, for a few seconds at most.
func (t *Tracing) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.flush)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}
