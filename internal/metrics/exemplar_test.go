// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// TestACallInATraceIsAnExample serves the histogram as the manager does with tracing on.
func TestACallInATraceIsAnExample(t *testing.T) {
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	c := SPS(types.NamespacedName{Namespace: "exemplars", Name: "sps"})
	t.Cleanup(c.Forget)
	c.Called(rest.Call{Operation: "list", Result: "200", Duration: time.Second})
	c.Called(rest.Call{Operation: "get", Result: "200", Duration: time.Second, TraceID: trace})
	registry := prometheus.NewRegistry()
	registry.MustRegister(histograms[requestSeconds])
	options := promhttp.HandlerOpts{}
	WithExemplars(&options)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, options).ServeHTTP(answer, request)
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if with := strings.Contains(line, `# {trace_id="`+trace+`"}`); with && !strings.Contains(line, `operation="get"`) {
			t.Errorf("an example of another call: %s", line)
		}
	}
	if strings.Count(string(text), trace) != 1 {
		t.Errorf("not one example:\n%s", text)
	}
}
