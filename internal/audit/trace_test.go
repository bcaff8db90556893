// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/pam-operator/pam-operator/test/builder"
)

// written has the trail write into the returned text for the time of a test.
func written(t *testing.T) *strings.Builder {
	t.Helper()
	var out strings.Builder
	before := trail
	trail = funcr.NewJSON(func(line string) { out.WriteString(line + "\n") }, funcr.Options{})
	t.Cleanup(func() { trail = before })
	return &out
}

func TestALineOfATracedPassNamesItsTrace(t *testing.T) {
	for name, sampler := range map[string]sdktrace.Sampler{
		"traced": sdktrace.AlwaysSample(), "not traced": sdktrace.NeverSample(),
	} {
		t.Run(name, func(t *testing.T) {
			lines := written(t)
			tracer := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler)).Tracer("test")
			ctx, pass := tracer.Start(t.Context(), "pass")
			defer pass.End()
			Write(ctx, Record{Action: Update, Result: Succeeded, Object: builder.LocalUser("a"), Kind: "LocalUser"})
			line := lines.String()
			want := `"trace":"` + pass.SpanContext().TraceID().String() + `"`
			if found := strings.Contains(line, want); found != (name == "traced") {
				t.Errorf("%s", line)
			}
			if !strings.Contains(line, `"msg":"audit"`) || strings.Contains(line, `"trace"`) != (name == "traced") {
				t.Errorf("%s", line)
			}
		})
	}
}
