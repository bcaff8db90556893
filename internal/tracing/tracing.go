// SPDX-License-Identifier: Apache-2.0

// Package tracing sends spans over OTLP, if an endpoint is given; otherwise it does nothing at all. It alone knows the
// SDK of OpenTelemetry, which reads its variables itself; package span records the spans.
package tracing

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pam-operator/pam-operator/internal/span"
)

// The flags.
const (
	EndpointFlag = "tracing-endpoint"
	InsecureFlag = "tracing-insecure"
	RatioFlag    = "tracing-sample-ratio"
)

const (
	// DefaultRatio is the part of all reconciles that is traced.
	DefaultRatio = 0.1
	// flushWithin bounds how long the end of the manager waits for the last spans to be accepted.
	flushWithin = 5 * time.Second
	// complainEvery is how often it is logged that spans are not accepted.
	complainEvery = 10 * time.Minute
)

// Settings are the flags. They take precedence over the variables of OpenTelemetry.
type Settings struct {
	// Endpoint is host:port of the collector; empty leaves it to the variables.
	Endpoint string
	// Insecure means without TLS.
	Insecure bool
	// Ratio is the part of all reconciles that is traced. RatioGiven says that it is not the default.
	Ratio      float64
	RatioGiven bool
}

// Tracing sends spans. nil is tracing that is off.
type Tracing struct{ provider *sdktrace.TracerProvider }

// Start returns tracing as the settings and the environment ask for; nil if they ask for none. Nothing is sent, and no
// connection opened, before there are spans.
func Start(ctx context.Context, s Settings, version string, log logr.Logger) (*Tracing, error) {
	if err := s.check(); err != nil || !s.wanted() {
		return nil, err
	}
	otel.SetLogger(logr.Discard()) // the library logs a header that it cannot read together with its content
	otel.SetErrorHandler(complaints(log))
	exporter, err := otlptracegrpc.New(ctx, s.exporter()...)
	if err != nil {
		return nil, err
	}
	options := []sdktrace.TracerProviderOption{sdktrace.WithBatcher(exporter), describe(ctx, version)}
	if s.RatioGiven || os.Getenv("OTEL_TRACES_SAMPLER") == "" {
		options = append(options, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(s.Ratio))))
	}
	// It does not become the library's global provider: other libraries put URLs into spans.
	return &Tracing{sdktrace.NewTracerProvider(options...)}, nil
}

// wanted reports whether anyone has said where to send spans.
func (s Settings) wanted() bool {
	given := s.Endpoint + os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") + os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")
	return given != "" && !strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true")
}

// check never shows an endpoint: it may hold a password.
func (s Settings) check() error {
	if !(s.Ratio >= 0 && s.Ratio <= 1) { // NaN is neither
		return fmt.Errorf("--%s: %v is not a number from 0 to 1, such as %v", RatioFlag, s.Ratio, DefaultRatio)
	}
	host, port, err := net.SplitHostPort(s.Endpoint)
	if s.Endpoint != "" && (err != nil || host == "" || port == "" || strings.ContainsAny(s.Endpoint, "/@?# ")) {
		return fmt.Errorf("--%s: want host:port, such as otel-collector.observability:4317, without scheme, path and "+
			"credentials; for a collector without TLS add --%s, and put credentials into OTEL_EXPORTER_OTLP_HEADERS",
			EndpointFlag, InsecureFlag)
	}
	return nil
}

func (s Settings) exporter() (out []otlptracegrpc.Option) {
	if s.Endpoint != "" {
		out = append(out, otlptracegrpc.WithEndpoint(s.Endpoint))
	}
	if s.Insecure {
		out = append(out, otlptracegrpc.WithInsecure())
	}
	return out
}

// complaints logs the errors of the exporter once in a while: a collector that is down is no reason to fill the log.
// The words of a collector that refuses are not shown, because it may quote the headers.
func complaints(log logr.Logger) otel.ErrorHandler {
	sometimes := rate.Sometimes{Interval: complainEvery}
	return otel.ErrorHandlerFunc(func(err error) {
		sometimes.Do(func() {
			cause := err.Error()
			if answer, ok := status.FromError(err); ok && answer.Code() != codes.Unavailable {
				cause = answer.Code().String()
			}
			log.Info("Traces are not exported; nothing else is affected", "error", cause)
		})
	})
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

// Tracer returns what reconciles are traced with; nil if tracing is off.
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
	ctx, cancel := context.WithTimeout(context.Background(), flushWithin)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}
