// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
)

// The flags.
const (
	EndpointFlag = "tracing-endpoint"
	InsecureFlag = "tracing-insecure"
	RatioFlag    = "tracing-sample-ratio"
)

// DefaultRatio is the part of all passes that is traced.
const DefaultRatio = 0.1

// Settings are the flags. They take precedence over the variables of OpenTelemetry.
type Settings struct {
	// Endpoint is host:port of the collector; empty leaves it to the variables.
	Endpoint string
	// Insecure means without TLS.
	Insecure bool
	// Ratio is the part of all passes that is traced. It counts only if RatioGiven.
	Ratio      float64
	RatioGiven bool
}

// plan is what the flags and variables together mean.
type plan struct {
	on           bool
	endpoint     string // empty: as the variables say
	insecure     bool
	ratio        float64
	linksLimited bool
}

// The variables that turn tracing on, the specific one first.
var endpointVariables = []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"}

func (s Settings) plan(getenv func(string) string) (plan, error) {
	if err := s.check(); err != nil {
		return plan{}, err
	}
	p := plan{endpoint: s.Endpoint, insecure: s.Insecure, linksLimited: getenv("OTEL_SPAN_LINK_COUNT_LIMIT") != ""}
	given := s.Endpoint != ""
	for _, name := range endpointVariables {
		if value := getenv(name); value != "" && s.Endpoint == "" {
			if err := checkURL(name, value); err != nil {
				return plan{}, err
			}
			given = true
		}
	}
	off := strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || getenv("OTEL_TRACES_EXPORTER") == "none"
	if !given || off {
		return plan{}, nil
	}
	p.on = true
	if err := checkProtocol(getenv); err != nil {
		return plan{}, err
	}
	var err error
	p.ratio, err = s.ratio(getenv)
	return p, err
}

// check never shows an endpoint that may hold a password.
func (s Settings) check() error {
	if s.RatioGiven && !isPart(s.Ratio) {
		return fmt.Errorf("--%s: %v is not a number from 0 to 1, such as %v", RatioFlag, s.Ratio, DefaultRatio)
	}
	if s.Endpoint == "" {
		return nil
	}
	const want = "want host:port, such as otel-collector.observability:4317"
	if strings.ContainsAny(s.Endpoint, "/@?# ") {
		return fmt.Errorf("--%s: %s, without scheme, path and credentials; for a collector without TLS add --%s, "+
			"and put credentials into OTEL_EXPORTER_OTLP_HEADERS", EndpointFlag, want, InsecureFlag)
	}
	host, port, err := net.SplitHostPort(s.Endpoint)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || host == "" || bad != nil || n == 0 {
		return fmt.Errorf("--%s %q: %s", EndpointFlag, s.Endpoint, want)
	}
	return nil
}

// isPart reports whether a number is from 0 to 1. NaN is none.
func isPart(n float64) bool { return n >= 0 && n <= 1 }

// checkURL refuses what the exporter would quietly replace by a collector on this machine.
func checkURL(name, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s: want http://host:port or https://host:port, or use --%s", name, EndpointFlag)
	}
	if u.User != nil {
		return fmt.Errorf("%s: put credentials into OTEL_EXPORTER_OTLP_HEADERS, not into the URL", name)
	}
	return nil
}

func checkProtocol(getenv func(string) string) error {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		switch getenv(name) {
		case "":
		case "grpc":
			return nil
		default:
			return fmt.Errorf("%s: only grpc is supported, usually on port 4317 of the collector", name)
		}
	}
	return nil
}

// ratio is that of the flag, or else that of the variables, or the default.
func (s Settings) ratio(getenv func(string) string) (float64, error) {
	if s.RatioGiven {
		return s.Ratio, nil
	}
	const variable, argument = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	switch sampler := strings.TrimPrefix(getenv(variable), "parentbased_"); sampler {
	case "":
		return DefaultRatio, nil
	case "always_on":
		return 1, nil
	case "always_off":
		return 0, nil
	case "traceidratio":
		if getenv(argument) == "" {
			return 1, nil
		}
		ratio, err := strconv.ParseFloat(getenv(argument), 64)
		if err != nil || !isPart(ratio) {
			return 0, errors.New(argument + ": want a number from 0 to 1, or use --" + RatioFlag)
		}
		return ratio, nil
	}
	return 0, errors.New(variable + ": want always_on, always_off or traceidratio, or use --" + RatioFlag)
}

// exporter is what the flags say; the variables are read by the exporter itself.
func (p plan) exporter() []otlptracegrpc.Option {
	var out []otlptracegrpc.Option
	if p.endpoint != "" {
		out = append(out, otlptracegrpc.WithEndpoint(p.endpoint))
	}
	if p.insecure {
		out = append(out, otlptracegrpc.WithInsecure())
	}
	return out
}
