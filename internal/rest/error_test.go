// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// class is the result of the predicates for an error.
type class struct {
	NotFound, Conflict, Unauthorized, Forbidden, Rejected, OutcomeUnknown bool
}

func classify(err error) class {
	return class{
		NotFound: rest.IsNotFound(err), Conflict: rest.IsConflict(err), Unauthorized: rest.IsUnauthorized(err),
		Forbidden: rest.IsForbidden(err), Rejected: rest.IsRejected(err), OutcomeUnknown: rest.IsOutcomeUnknown(err),
	}
}

func answered(status int) error { return &rest.Error{Status: status, Sent: true} }

func TestErrorClassification(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  error
		want class
	}{
		"no error is nothing":                             {err: nil},
		"an error of another package is nothing":          {err: io.ErrUnexpectedEOF},
		"300 leaves the outcome open":                     {err: answered(300), want: class{OutcomeUnknown: true}},
		"400 is a refusal of the content":                 {err: answered(400), want: class{Rejected: true}},
		"401 is about who we are":                         {err: answered(401), want: class{Unauthorized: true}},
		"403 is about what we may do":                     {err: answered(403), want: class{Forbidden: true}},
		"404 is about what is there":                      {err: answered(404), want: class{NotFound: true}},
		"405 is a refusal":                                {err: answered(405), want: class{Rejected: true}},
		"408 leaves the outcome open":                     {err: answered(408), want: class{OutcomeUnknown: true}},
		"409 is a conflict and no refusal of the content": {err: answered(409), want: class{Conflict: true}},
		"411 is a refusal":                                {err: answered(411), want: class{Rejected: true}},
		"422 is a refusal":                                {err: answered(422), want: class{Rejected: true}},
		"423 is none of these":                            {err: answered(423)},
		"429 is not a refusal":                            {err: answered(429), want: class{OutcomeUnknown: true}},
		"500 leaves the outcome open":                     {err: answered(500), want: class{OutcomeUnknown: true}},
		"503 leaves the outcome open":                     {err: answered(503), want: class{OutcomeUnknown: true}},
		"a request that was never written did nothing": {
			err: &rest.Error{Err: io.ErrUnexpectedEOF},
		},
		"a request without an answer leaves the outcome open": {
			err: &rest.Error{Sent: true, Err: io.ErrUnexpectedEOF}, want: class{OutcomeUnknown: true},
		},
		"a good answer that makes no sense leaves the outcome open": {
			err:  &rest.Error{Sent: true, Status: 200, Err: rest.ErrMalformedAnswer},
			want: class{OutcomeUnknown: true},
		},
		"a wrapped error counts as what it wraps": {
			err: fmt.Errorf("create: %w", answered(404)), want: class{NotFound: true},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, classify(tc.err)); diff != "" {
				t.Errorf("class (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  rest.Error
		want string
	}{
		"an answer with a code and a message": {
			err:  rest.Error{Method: "PUT", Path: "/api/x", Status: 400, Code: "SemanticError", Message: "no such key"},
			want: "PUT /api/x: 400 SemanticError: no such key",
		},
		"an answer without a code has the name of its status": {
			err:  rest.Error{Method: "GET", Path: "/api/x", Status: 502},
			want: "GET /api/x: 502 Bad Gateway",
		},
		"no answer": {
			err:  rest.Error{Method: "GET", Path: "/api/x", Message: "connection refused"},
			want: "GET /api/x: connection refused",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tc.err.Error(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestErrorUnwrapsToItsCause(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("read: %w", &rest.Error{Err: context.Canceled})
	if !errors.Is(err, context.Canceled) {
		t.Error("the cause is not found")
	}
	if rest.As(err) == nil || rest.As(io.EOF) != nil {
		t.Error("As finds what is not there, or not what is")
	}
}
