// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
)

const home = "pam-system"

func labelled(value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"pam": value}}
}

func impossible() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "pam", Operator: "Near"}}}
}

func TestPermits(t *testing.T) {
	payments := connection.Namespace{Name: "payments", Labels: map[string]string{"pam": "allowed"}}
	selector := func(s *metav1.LabelSelector) *pamv1alpha1.AllowedNamespaces {
		return &pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromSelector, Selector: s}
	}
	for name, c := range map[string]struct {
		allowed *pamv1alpha1.AllowedNamespaces
		from    connection.Namespace
		want    bool
		invalid bool
	}{
		"its own namespace needs no rule": {from: connection.Namespace{Name: home}, want: true},
		"its own namespace needs no label, either": {
			allowed: selector(labelled("allowed")),
			from:    connection.Namespace{Name: home}, want: true,
		},
		"without a rule no other namespace may": {from: payments},
		"Same allows no other namespace": {
			allowed: &pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromSame}, from: payments,
		},
		"All allows every namespace": {
			allowed: &pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll}, from: payments, want: true,
		},
		"a selector allows what has its labels": {
			allowed: selector(labelled("allowed")),
			from:    payments, want: true,
		},
		"a selector does not allow another value": {
			allowed: selector(labelled("forbidden")),
			from:    payments,
		},
		"a selector does not allow a namespace without": {
			allowed: selector(labelled("allowed")),
			from:    connection.Namespace{Name: "x"},
		},
		"a selector that is missing selects nothing": {allowed: selector(nil), from: payments},
		"an empty selector selects everything": {
			allowed: selector(&metav1.LabelSelector{}),
			from:    payments, want: true,
		},
		"a selector that cannot be used is an error": {
			allowed: selector(impossible()),
			from:    payments, invalid: true,
		},
		"a namespace that does not exist is not the own one": {allowed: selector(labelled("allowed"))},
		"a rule of an unknown kind allows nothing": {
			allowed: &pamv1alpha1.AllowedNamespaces{From: "Some"},
			from:    payments,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := connection.Permits(c.allowed, home, c.from)
			if connection.IsInvalid(err) != c.invalid || !c.invalid && err != nil {
				t.Fatalf("error: %v", err)
			}
			if got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
		})
	}
}

func TestGrants(t *testing.T) {
	payments := connection.Namespace{Name: "payments", Labels: map[string]string{"pam": "allowed"}}
	request := connection.Request{Activity: "Linux root", Resource: "db1.payments.example.com", Duration: time.Hour}
	for name, c := range map[string]struct {
		grants  []pamv1alpha1.Grant
		from    connection.Namespace
		request connection.Request
		want    bool
		why     string
	}{
		"without grants the connection's own namespace may ask for anything": {
			from: connection.Namespace{Name: home}, request: request, want: true,
		},
		"without grants no other namespace may ask for anything": {
			from: payments, request: request,
			why: "the connection has no grants, so only its own namespace may ask through it",
		},
		"with grants the connection's own namespace needs one, too": {
			grants: []pamv1alpha1.Grant{{Namespaces: []string{"payments"}}},
			from:   connection.Namespace{Name: home}, request: request,
			why: "no grant is for namespace pam-system",
		},
		"a grant without rules allows everything": {
			grants: []pamv1alpha1.Grant{{Namespaces: []string{"orders", "payments"}}},
			from:   payments, request: connection.Request{}, want: true,
		},
		"a grant is found by labels": {
			grants: []pamv1alpha1.Grant{{NamespaceSelector: labelled("allowed")}}, from: payments, request: request, want: true,
		},
		"a grant for other labels is none": {
			grants: []pamv1alpha1.Grant{{NamespaceSelector: labelled("other")}}, from: payments, request: request,
			why: "no grant is for namespace payments",
		},
		"the first grant that allows all of it is enough": {
			grants: []pamv1alpha1.Grant{
				{Namespaces: []string{"orders"}},
				{Namespaces: []string{"payments"}, Activities: []string{"Windows *"}},
				{Namespaces: []string{"payments"}, Activities: []string{"Linux *"}},
			},
			from: payments, request: request, want: true,
		},
		"two grants that each allow a half are not enough": {
			grants: []pamv1alpha1.Grant{
				{Namespaces: []string{"payments"}, Activities: []string{"Linux *"}, Resources: []string{"web*"}},
				{Namespaces: []string{"payments"}, Activities: []string{"Windows *"}, Resources: []string{"db*"}},
			},
			from: payments, request: request,
			why: `grants[1] does not allow the activity Linux root: it allows Windows *`,
		},
		"an activity outside of the globs is refused by name": {
			grants: []pamv1alpha1.Grant{{Namespaces: []string{"payments"}, Activities: []string{"Windows *", "Website *"}}},
			from:   payments, request: request,
			why: "grants[0] does not allow the activity Linux root: it allows Windows *, Website *",
		},
		"a resource outside of the globs is refused by name": {
			grants: []pamv1alpha1.Grant{{Namespaces: []string{"payments"}, Resources: []string{"*.orders.example.com"}}},
			from:   payments, request: request,
			why: "grants[0] does not allow the resource db1.payments.example.com: it allows *.orders.example.com",
		},
		"an activity that is given by id matches no glob": {
			grants: []pamv1alpha1.Grant{{Namespaces: []string{"payments"}, Activities: []string{"*"}}},
			from:   payments, request: connection.Request{Resource: request.Resource},
			why: "grants[0] does not allow the activity given by id: it allows *",
		},
		"a resource that is given by id matches no glob": {
			grants: []pamv1alpha1.Grant{{Namespaces: []string{"payments"}, Resources: []string{"*"}}},
			from:   payments, request: connection.Request{Activity: request.Activity},
			why: "grants[0] does not allow the resource given by id: it allows *",
		},
		"the longest duration is allowed": {
			grants: []pamv1alpha1.Grant{{
				Namespaces: []string{"payments"}, MaxDuration: &metav1.Duration{Duration: time.Hour},
			}},
			from: payments, request: request, want: true,
		},
		"a longer duration is refused": {
			grants: []pamv1alpha1.Grant{{
				Namespaces: []string{"payments"}, MaxDuration: &metav1.Duration{Duration: 30 * time.Minute},
			}},
			from: payments, request: request,
			why: "grants[0] allows at most 30m0s, not 1h0m0s",
		},
		"a duration that is not said could be any": {
			grants: []pamv1alpha1.Grant{{
				Namespaces: []string{"payments"}, MaxDuration: &metav1.Duration{Duration: time.Hour},
			}},
			from: payments, request: connection.Request{Activity: request.Activity},
			why: "grants[0] allows at most 1h0m0s: set a duration",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, why, err := connection.Allowing(c.grants, home, c.from, c.request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]any{c.want, c.why}, []any{why == "", why}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	t.Run("a selector that cannot be used is an error, whatever the other grants say", func(t *testing.T) {
		_, _, err := connection.Allowing([]pamv1alpha1.Grant{{NamespaceSelector: impossible()}}, home, payments, request)
		if !connection.IsInvalid(err) {
			t.Errorf("got %v, want an InvalidError", err)
		}
	})
}

func TestGlobs(t *testing.T) {
	for name, c := range map[string]struct {
		pattern, resource string
		want              bool
	}{
		"a name without stars means itself":     {"db1", "db1", true},
		"a name is no prefix":                   {"db1", "db12", false},
		"a name is no suffix":                   {"db1", "mydb1", false},
		"case does not matter":                  {"DB*.Example.COM", "db1.example.com", true},
		"a star matches nothing, too":           {"db1*", "db1", true},
		"a star matches dots":                   {"*.example.com", "a.b.example.com", true},
		"a star matches slashes":                {"*/db", "prod/eu/db", true},
		"a star matches a domain's user":        {`LAB\*`, `LAB\svc-backup`, true},
		"a question mark is one character":      {"db?", "db1", true},
		"a question mark is not none":           {"db?", "db", false},
		"a question mark is a slash, too":       {"a?b", "a/b", true},
		"a bracket means itself":                {"[prod] *", "[prod] db1", true},
		"a bracket is no class":                 {"[prod]", "p", false},
		"a bracket that stays open is no fault": {"[prod *", "[prod db1", true},
		"a backslash escapes nothing":           {`\*`, `*`, false},
	} {
		t.Run(name, func(t *testing.T) {
			grants := []pamv1alpha1.Grant{{Namespaces: []string{home}, Resources: []string{c.pattern}}}
			request := connection.Request{Activity: "any", Resource: c.resource}
			_, why, err := connection.Allowing(grants, home, connection.Namespace{Name: home}, request)
			if err != nil {
				t.Fatal(err)
			}
			if got := why == ""; got != c.want {
				t.Errorf("%q for %q: got %t, want %t", c.pattern, c.resource, got, c.want)
			}
		})
	}
}
