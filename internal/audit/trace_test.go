// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/pam-operator/pam-operator/test/builder"
)

func TestALineOfATracedPassNamesItsTrace(t *testing.T) {
	for name, sampler := range map[string]sdktrace.Sampler{
		"traced": sdktrace.AlwaysSample(), "not traced": sdktrace.NeverSample(),
	} {
		t.Run(name, func(t *testing.T) {
			line := ""
			log := funcr.New(func(_, args string) { line = args }, funcr.Options{})
			tracer := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler)).Tracer("test")
			ctx, pass := tracer.Start(logr.NewContext(t.Context(), log), "pass")
			defer pass.End()
			Write(ctx, Record{Action: Update, Result: Succeeded, Object: builder.LocalUser("a"), Kind: "LocalUser"})
			want := `"trace"="` + pass.SpanContext().TraceID().String() + `"`
			if found := strings.Contains(line, want); found != (name == "traced") {
				t.Errorf("%s", line)
			}
			if !strings.Contains(line, "audit") || strings.Contains(line, `"trace"`) != (name == "traced") {
				t.Errorf("%s", line)
			}
		})
	}
}
