// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"math"
	"strings"
	"testing"
)

func environment(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

func TestSettings(t *testing.T) {
	const at = "collector.observability:4317"
	flags := func(change func(*Settings)) Settings {
		s := Settings{Endpoint: at, Ratio: DefaultRatio}
		change(&s)
		return s
	}
	type env = map[string]string
	tests := map[string]struct {
		settings Settings
		env      env
		want     plan
	}{
		"nothing":                  {want: plan{}},
		"a ratio without endpoint": {settings: Settings{Ratio: 1, RatioGiven: true}},
		"an endpoint":              {settings: Settings{Endpoint: at}, want: plan{on: true, endpoint: at, ratio: 0.1}},
		"an address of IPv6": {
			settings: Settings{Endpoint: "[fd00::1]:4317"}, want: plan{on: true, endpoint: "[fd00::1]:4317", ratio: 0.1},
		},
		"every flag": {
			settings: Settings{Endpoint: at, Insecure: true, Ratio: 0.5, RatioGiven: true},
			want:     plan{on: true, endpoint: at, insecure: true, ratio: 0.5},
		},
		"a variable":  {env: env{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317"}, want: plan{on: true, ratio: 0.1}},
		"another one": {env: env{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://c"}, want: plan{on: true, ratio: 0.1}},
		"a sampler": {
			settings: Settings{Endpoint: at},
			env:      env{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
			want:     plan{on: true, endpoint: at, ratio: 0.25},
		},
		"a sampler for all": {
			settings: Settings{Endpoint: at}, env: env{"OTEL_TRACES_SAMPLER": "always_on"},
			want: plan{on: true, endpoint: at, ratio: 1},
		},
		"a sampler for nothing": {
			settings: Settings{Endpoint: at}, env: env{"OTEL_TRACES_SAMPLER": "parentbased_always_off"},
			want: plan{on: true, endpoint: at},
		},
		"the flag before the variable": {
			settings: flags(func(s *Settings) { s.RatioGiven = true }), env: env{"OTEL_TRACES_SAMPLER": "always_on"},
			want: plan{on: true, endpoint: at, ratio: 0.1},
		},
		"off by a variable":        {settings: Settings{Endpoint: at}, env: env{"OTEL_SDK_DISABLED": "true"}},
		"off by the other one":     {settings: Settings{Endpoint: at}, env: env{"OTEL_TRACES_EXPORTER": "none"}},
		"another protocol, unused": {env: env{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}},
		"a limit of links": {
			settings: Settings{Endpoint: at}, env: env{"OTEL_SPAN_LINK_COUNT_LIMIT": "128"},
			want: plan{on: true, endpoint: at, ratio: 0.1, linksLimited: true},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := tt.settings.plan(environment(tt.env)); err != nil || got != tt.want {
				t.Errorf("got %+v and %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestWrongSettingsNameTheFlagAndTheWayOut(t *testing.T) {
	type env = map[string]string
	const endpoint, variable = "--tracing-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"
	tests := map[string]struct {
		settings Settings
		env      env
		want     []string
	}{
		"a URL": {
			Settings{Endpoint: "http://c:4317"}, nil, []string{endpoint, "host:port", "--tracing-insecure"},
		},
		"no port":           {Settings{Endpoint: "collector"}, nil, []string{endpoint, "host:port, such as"}},
		"no host":           {Settings{Endpoint: ":4317"}, nil, []string{endpoint, "host:port"}},
		"a port of letters": {Settings{Endpoint: "c:otlp"}, nil, []string{endpoint, "host:port"}},
		"a port too far":    {Settings{Endpoint: "c:70000"}, nil, []string{endpoint, "host:port"}},
		"port 0":            {Settings{Endpoint: "c:0"}, nil, []string{endpoint, "host:port"}},
		"credentials": {
			Settings{Endpoint: "me:secret@c:4317"}, nil, []string{endpoint, "OTEL_EXPORTER_OTLP_HEADERS"},
		},
		"more than all": {Settings{Ratio: 10, RatioGiven: true}, nil, []string{"--tracing-sample-ratio", "0 to 1"}},
		"less than none": {
			Settings{Ratio: -1, RatioGiven: true}, nil, []string{"--tracing-sample-ratio", "0 to 1"},
		},
		"no number": {
			Settings{Ratio: math.NaN(), RatioGiven: true}, nil, []string{"--tracing-sample-ratio", "0 to 1"},
		},
		"a variable that is no URL": {
			Settings{}, env{variable: "c:4317"}, []string{variable, "http://host:port", endpoint},
		},
		"a variable with credentials": {
			Settings{}, env{variable: "https://me:secret@c:4317"}, []string{variable, "OTEL_EXPORTER_OTLP_HEADERS"},
		},
		"another protocol": {
			Settings{Endpoint: "c:4317"}, env{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
			[]string{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "4317"},
		},
		"another sampler": {
			Settings{Endpoint: "c:4317"}, env{"OTEL_TRACES_SAMPLER": "jaeger_remote"},
			[]string{"OTEL_TRACES_SAMPLER", "traceidratio", "--tracing-sample-ratio"},
		},
		"another argument": {
			Settings{Endpoint: "c:4317"}, env{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10%"},
			[]string{"OTEL_TRACES_SAMPLER_ARG", "0 to 1", "--tracing-sample-ratio"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := tt.settings.plan(environment(tt.env))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q shows a password", err)
			}
		})
	}
}
