// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

func TestKindOf(t *testing.T) {
	tests := map[string]struct{ method, path, want string }{
		"the log-in":                     {"GET", "/api/authentication", callLogIn},
		"the drift check":                {"GET", "/api/info", callInfo},
		"a collection":                   {"GET", "/api/configuration/rdp/connections", callList},
		"a collection with a last slash": {"GET", "/api/configuration/rdp/connections/", callList},
		"one object":                     {"GET", "/api/configuration/rdp/connections/4711", callGet},
		"a deeper collection":            {"GET", "/api/configuration/aaa/local_database/users", callList},
		"an object of a deeper one":      {"GET", "/api/configuration/aaa/local_database/users/4711", callGet},
		"a new object":                   {"POST", "/api/configuration/rdp/connections", callWrite},
		"a replaced object":              {"PUT", "/api/configuration/rdp/connections/4711", callWrite},
		"opening":                        {"POST", "/api/transaction", callOpen},
		"committing":                     {"PUT", "/api/transaction", callCommit},
		"rolling back":                   {"DELETE", "/api/transaction", callRollBack},
		"the changes":                    {"GET", "/api/transaction/changes", callChanges},
		"the state of the transaction":   {"GET", "/api/transaction", callState},
		"anything else":                  {"GET", "/api/user/info", callOther},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := kindOf(fault.Call{Method: tt.method, Path: tt.path}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// call parses a call from "POST /path", with a status.
func call(method, path string, status int) fault.Call {
	return fault.Call{Method: method, Path: path, Status: status}
}

// oneTransaction opens, writes twice, of which one is refused, and ends with the given method.
func oneTransaction(method string) []fault.Call {
	return []fault.Call{
		call("POST", "/api/transaction", 200),
		call("POST", "/api/configuration/rdp/connections", 201),
		call("POST", "/api/configuration/rdp/connections", 400),
		call("GET", "/api/transaction/changes", 200),
		call(method, "/api/transaction", 200),
	}
}

func TestHoldsOfJoinsTimesAndWrites(t *testing.T) {
	refusedCommit := call("PUT", "/api/transaction", 400)
	begun := oneTransaction("DELETE")
	calls := append(begun[:4:4], refusedCommit, begun[4])
	calls = append(calls, oneTransaction("PUT")...)
	got, err := holdsOf([]time.Duration{time.Second, time.Minute}, calls)
	if err != nil {
		t.Fatal(err)
	}
	want := []hold{{time.Second, 1}, {time.Minute, 1}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(hold{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestHoldsOfRefusesWhatDoesNotFit(t *testing.T) {
	if _, err := holdsOf([]time.Duration{time.Second, time.Second}, oneTransaction("PUT")); err == nil {
		t.Error("one transaction was recorded, two ended, and there was no error")
	}
}

func TestListsCountsEachCollection(t *testing.T) {
	got := lists([]fault.Call{
		call("GET", "/api/configuration/rdp/connections", 200), call("GET", "/api/configuration/rdp/connections/", 200),
		call("GET", "/api/configuration/rdp/connections/1", 200), call("GET", "/api/configuration/policies/indexing", 200),
	})
	if diff := cmp.Diff(tally{"rdp/connections": 2, "policies/indexing": 1}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.most() != 2 {
		t.Errorf("most %d, want 2", got.most())
	}
}
