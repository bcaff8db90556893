// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	"github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	statusLine = `{"verb":"patch","objectRef":{"resource":"rdpconnectionpolicies","apiGroup":"pam-operator.io",` +
		`"name":"a","subresource":"status"}}` + "\n"
	eventLine = `{"verb":"create","objectRef":{"resource":"events","apiGroup":"events.k8s.io","name":"a.1"}}` + "\n"
	leaseLine = `{"verb":"update","objectRef":{"resource":"leases","name":"pam-operator.io"}}` + "\n"
	becomes   = `{"verb":"create","objectRef":{"resource":"events","name":"pam-operator.io.18eb2c6ff94c4ae4"}}` + "\n"
)

func TestCountWrites(t *testing.T) {
	const status, event = "patch rdpconnectionpolicies/status", "create events"
	tests := map[string]struct {
		log  string
		want tally
	}{
		"an empty log":                        {"", tally{}},
		"by verb, resource and subresource":   {statusLine + eventLine + statusLine, tally{status: 2, event: 1}},
		"leader election does not count":      {leaseLine + statusLine + becomes, tally{status: 1}},
		"a line that is not complete is left": {statusLine + strings.TrimSuffix(eventLine, "\n"), tally{status: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := countWrites([]byte(tt.log))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if _, err := countWrites([]byte("no JSON\n")); err == nil {
		t.Error("a broken line is accepted")
	}
}

func TestTallies(t *testing.T) {
	before, now := tally{"a": 1, "b": 2}, tally{"a": 1, "b": 5, "c": 4}
	more := now.minus(before)
	if diff := cmp.Diff(tally{"b": 3, "c": 4}, more); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if more.total() != 7 || more.most() != 4 || more.String() != "3 b, 4 c" {
		t.Errorf("total %d, most %d, %s", more.total(), more.most(), more)
	}
}

func TestNamesOfCalls(t *testing.T) {
	const rdp, lists = "/api/configuration/rdp/connections", "/api/v1/ActivitySession/MySummaryByStatus/"
	tests := map[string]struct {
		call             fault.Call
		collection, page string
	}{
		"a list":         {fault.Call{Method: http.MethodGet, Path: rdp + "/"}, "rdp/connections", ""},
		"an object":      {fault.Call{Method: http.MethodGet, Path: rdp + "/1"}, "", ""},
		"a write":        {fault.Call{Method: http.MethodPost, Path: rdp}, "", ""},
		"a first page":   {fault.Call{Method: http.MethodGet, Path: lists + "1"}, "", "1 from 0"},
		"a second page":  {fault.Call{Method: http.MethodGet, Path: lists + "1", Query: "skip=100"}, "", "1 from 100"},
		"something else": {fault.Call{Method: http.MethodGet, Path: "/api/info"}, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := collection(tt.call); got != tt.collection {
				t.Errorf("collection %q", got)
			}
			if got := page(tt.call); got != tt.page {
				t.Errorf("page %q", got)
			}
		})
	}
}

func TestObjectOf(t *testing.T) {
	for note, want := range map[string]string{
		`session of "many-00001" and more`: "many-00001", "many-00002 (pam-operator 1)": "many-00002", "": "",
	} {
		if got := objectOf(nps.Session{Note: note}); got != want {
			t.Errorf("%q: %q, want %q", note, got, want)
		}
	}
}

func TestTheTrackerKnowsWhenAnObjectFirstWasInAState(t *testing.T) {
	seen, p := newTracker(), policy("rdp-1", 0)
	seen.note(p)
	p.Status.Conditions = []metav1.Condition{{Type: pamv1alpha1.ConditionReady, Reason: pamv1alpha1.ReasonSynced}}
	seen.note(p)
	first, ok := seen.at(keyOf(p), pamv1alpha1.ReasonSynced)
	if !ok {
		t.Fatal("not seen")
	}
	seen.note(p)
	if n, last := seen.count(keyOf(policy("rdp-", 0)), pamv1alpha1.ReasonSynced); n != 1 || !last.Equal(first) {
		t.Errorf("%d, %v after the first time", n, last.Sub(first))
	}
	p.Generation++
	seen.note(p)
	if n, _ := seen.count(keyOf(p), pamv1alpha1.ReasonSynced); n != 0 {
		t.Error("a status of an earlier generation counts")
	}
	other := policy("rdp-1", 0, builder.InNamespace("other"))
	if _, ok := seen.at(keyOf(other), stateNew); ok {
		t.Error("an object of another namespace was seen")
	}
}
