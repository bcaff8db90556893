// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// TestSpansOfCallsShowNoURL also sends a body, headers and an error that must not be seen.
func TestSpansOfCallsShowNoURL(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		want    []string
		failed  bool
	}{
		"an answer": {
			handler: answer(http.StatusOK, `{"a": "`+canary+`"}`),
			want:    []string{"http.request.method=POST", "http.response.status_code=200", "pam.result=200"},
		},
		"a refusal": {
			handler: answer(http.StatusForbidden, `{"message": "`+canary+`"}`), failed: true,
			want: []string{"http.request.method=POST", "http.response.status_code=403", "pam.result=403"},
		},
		"a page of a proxy": {
			handler: answer(http.StatusOK, canary), failed: true,
			want: []string{"http.request.method=POST", "http.response.status_code=200", "pam.result=unreadable"},
		},
		"no answer": {
			handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, failed: true,
			want: []string{"http.request.method=POST", "pam.result=connection"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := tracetest.NewSpanRecorder()
			ctx, pass := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r)).Tracer("test").Start(t.Context(), "pass")
			var seen observedCalls
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Traceparent") != "" {
					t.Error("the server learns of the trace")
				}
				tt.handler(w, r)
			}, func(c *rest.Config) { c.Observe = seen.observe })
			_ = client.DoJSON(ctx, rest.Request{
				Operation: "create", Method: http.MethodPost, Path: []string{"users", canary},
				Query: url.Values{"q": {canary}}, Body: map[string]string{"password": canary},
				Header: http.Header{"Authorization": {"Bearer " + canary}},
			}, new(any))
			pass.End()
			expectCall(t, r.Ended(), tt.want, tt.failed)
			if id := seen.calls[0].TraceID; id != pass.SpanContext().TraceID().String() {
				t.Errorf("the call is reported with trace %q", id)
			}
		})
	}
}

func expectCall(t *testing.T, ended []sdktrace.ReadOnlySpan, want []string, failed bool) {
	t.Helper()
	if len(ended) != 2 || ended[0].Name() != "create" || ended[0].Parent().SpanID() != ended[1].SpanContext().SpanID() {
		t.Fatalf("not one call below the pass: %v", ended)
	}
	var got []string
	for _, a := range ended[0].Attributes() {
		text := string(a.Key) + "=" + a.Value.String()
		if strings.HasPrefix(text, "server.address=127.0.0.1:") {
			continue
		}
		got = append(got, text)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	status := ended[0].Status()
	if status.Description != "" || len(ended[0].Events()) > 0 || (status.Code.String() == "Error") != failed {
		t.Errorf("status %v, events %v", status, ended[0].Events())
	}
}

// TestALogInIsInTheTraceOfWhoeverBeganIt: it outlives its caller, and others wait for it, too.
func TestALogInIsInTheTraceOfWhoeverBeganIt(t *testing.T) {
	t.Parallel()
	r := tracetest.NewSpanRecorder()
	ctx, pass := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r)).Tracer("test").Start(t.Context(), "pass")
	client := serve(t, answer(http.StatusOK, `{}`), func(c *rest.Config) { c.Observe = func(rest.Call) {} })
	request := get("x")
	request.Operation = "log_in"
	if _, err := client.Do(rest.Marked(t.Context(), ctx), request); err != nil {
		t.Fatal(err)
	}
	pass.End()
	if ended := r.Ended(); len(ended) != 2 || ended[0].Name() != "log_in" {
		t.Errorf("got %v", ended)
	}
}
