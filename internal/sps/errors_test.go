// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestErrorBodies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 4000)
	tests := map[string]struct{ body, code, message string }{
		"with details": {
			body: `{"error":{"type":"NotFound","message":"no such object","details":{ "resource": "/api/x" }},"meta":{}}`,
			code: "NotFound", message: `no such object {"resource":"/api/x"}`,
		},
		"without details":      {body: `{"error":{"type":"T","message":"m"}}`, code: "T", message: "m"},
		"with empty details":   {body: `{"error":{"type":"T","message":"m","details":{}}}`, code: "T", message: "m"},
		"with details of null": {body: `{"error":{"type":"T","message":"m","details":null}}`, code: "T", message: "m"},
		"with details of text": {
			body: `{"error":{"type":"T","message":"m","details":"why"}}`, code: "T", message: `m "why"`,
		},
		"details alone":         {body: `{"error":{"type":"T","details":[1]}}`, code: "T", message: `[1]`},
		"with an unknown type":  {body: `{"error":{"type":"Müll 7"}}`, code: "Müll 7"},
		"long details are cut":  {body: `{"error":{"details":["` + long + `"]}}`, message: `["` + long[:395] + "…"},
		"a page of the front":   {body: `<html>`},
		"another shape of JSON": {body: `{"error":"text"}`},
		"nothing":               {},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on(usersLine, reply(http.StatusBadRequest, tc.body))
			_, err := a.client(nil).List(t.Context(), sps.Users)
			want := rest.Error{
				Method: http.MethodGet, Path: usersPath, Status: 400, Code: tc.code, Message: tc.message, Sent: true,
			}
			if diff := cmp.Diff(&want, rest.As(err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestASecretIsNotCutInTwo(t *testing.T) {
	t.Parallel()
	for padding := 380; padding < 400; padding += 5 {
		a := newAppliance(t)
		a.on(usersLine, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			details := strings.Repeat("x", padding) + password
			write(w, map[string]any{"error": map[string]any{"details": details}})
		})
		_, err := a.client(nil).List(t.Context(), sps.Users)
		if rest.As(err) == nil || strings.Contains(err.Error(), password[:4]) {
			t.Fatalf("after %d bytes: %v", padding, err)
		}
	}
}
