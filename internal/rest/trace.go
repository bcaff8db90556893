// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"cmp"
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/pam-operator/pam-operator/internal/span"
)

// beginSpan begins the span of a call, named by its operation. The URL stays out of it: a path may name an account, and
// a query anything. So do headers, both ways: the request gets none for the trace, as servers outside need not know.
func beginSpan(ctx context.Context, req *http.Request, operation string) (context.Context, trace.Span) {
	return span.Call(ctx, cmp.Or(operation, "call"),
		attribute.String("http.request.method", req.Method), attribute.String("server.address", req.URL.Host))
}

// endSpan ends the span of a call with its result. status is that of the answer; 0 if there was none.
func endSpan(s trace.Span, call Call, status int) {
	if status < http.StatusOK || status >= http.StatusMultipleChoices || call.Result == ResultUnreadable {
		span.Failed(s)
	}
	if status != 0 {
		s.SetAttributes(attribute.Int("http.response.status_code", status))
	}
	s.SetAttributes(attribute.String("pam.result", call.Result))
	s.End()
}
