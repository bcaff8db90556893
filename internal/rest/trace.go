// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/trace"

	"github.com/pam-operator/pam-operator/internal/span"
)

// beginSpan begins the span of a call, named by its operation. The URL stays out of it: a path may name an account, and
// a query anything. So do headers, both ways: the request gets none for the trace, as servers outside need not know.
func beginSpan(req *http.Request, operation string) (*http.Request, trace.Span) {
	if operation == "" {
		operation = "call"
	}
	ctx, s := span.Call(req.Context(), operation)
	if !s.IsRecording() {
		return req, s
	}
	span.Set(s, span.Method, req.Method)
	span.Set(s, span.Server, req.URL.Host)
	return req.WithContext(ctx), s
}

// errCall marks the spans of calls that failed; spans show no text of errors.
var errCall = errors.New("the call failed")

// endSpan ends the span of a call with its result. status is that of the answer; 0 if there was none.
func endSpan(s trace.Span, call Call, status int) {
	var failed error
	if status < http.StatusOK || status >= http.StatusMultipleChoices || call.Result == ResultUnreadable {
		failed = errCall
	}
	if status != 0 {
		span.SetNumber(s, span.Status, int64(status))
	}
	span.Set(s, span.Result, call.Result)
	span.End(s, failed)
}
