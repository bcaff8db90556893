// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

func TestKindsOfServerCalls(t *testing.T) {
	tests := map[string]struct{ method, path string }{
		callCreate: {"POST", "/api/v1/ActivitySession"}, callGet: {"GET", "/api/v1/ActivitySession/4711"},
		callList:    {"GET", "/api/v1/ActivitySession/MySummaryByStatus/Active"},
		callConnect: {"GET", "/api/v1/ActivitySession/Rdp/4711"}, callEnd: {"DELETE", "/api/v1/ActivitySession/4711"},
		callLogIn: {"GET", "/api/v1/UserToken"}, callInfo: {"GET", "/api/v1/Version"},
		callOther: {"GET", "/api/v1/ActivitySession/4711/Log"},
	}
	for want, tt := range tests {
		t.Run(want, func(t *testing.T) {
			if got := serverKindOf(fault.Call{Method: tt.method, Path: tt.path}); got != want {
				t.Errorf("got %q", got)
			}
		})
	}
	if got := serverKindOf(fault.Call{Method: "POST", Path: "/api/v1/ActivitySession/4711/Extend"}); got != callOther {
		t.Errorf("an extension is %q", got)
	}
}

func TestPagesAreCountedEach(t *testing.T) {
	list := func(status, query string) fault.Call {
		return fault.Call{Method: "GET", Path: sessionPath + "/MySummaryByStatus/" + status, Query: query}
	}
	got := pages([]fault.Call{
		list("Active", "skip=0&take=100"), list("Active", "skip=100&take=100"), list("Active", "take=100&skip=0"),
		list("Pending", ""), {Method: "GET", Path: sessionPath + "/4711"},
	})
	want := tally{"Active from 0": 2, "Active from 100": 1, "Pending from 0": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.most() != 2 || got.total() != 4 {
		t.Errorf("most %d of %d", got.most(), got.total())
	}
}
