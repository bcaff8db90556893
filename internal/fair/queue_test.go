// SPDX-License-Identifier: Apache-2.0

package fair_test

import (
	"strings"
	"testing"

	"github.com/pam-operator/pam-operator/internal/fair"
)

// drained is what a queue hands out until it is empty.
func drained(q *fair.Queue[string]) string {
	var out []string
	for v, ok := q.Pop(); ok; v, ok = q.Pop() {
		out = append(out, v)
	}
	return strings.Join(out, " ")
}

func TestTenantsTakeTurnsAndEachIsServedInOrder(t *testing.T) {
	for name, c := range map[string]struct{ come, want string }{
		"nobody":                           {"", ""},
		"one tenant":                       {"a1 a2 a3", "a1 a2 a3"},
		"one who comes last waits for one": {"a1 a2 a3 a4 b1", "a1 b1 a2 a3 a4"},
		"each has a turn":                  {"a1 a2 a3 b1 b2 c1", "a1 b1 c1 a2 b2 a3"},
		"the order of arrival is that of tenants": {"c1 a1 b1 c2", "c1 a1 b1 c2"},
	} {
		var q fair.Queue[string]
		for _, v := range strings.Fields(c.come) {
			q.Push(v[:1], v)
		}
		if got := drained(&q); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if !q.Empty() {
			t.Errorf("%s: it is not empty", name)
		}
	}
}

func TestATenantThatComesAgainWaitsForOneOfEachOther(t *testing.T) {
	var q fair.Queue[string]
	for _, v := range []string{"a1", "a2", "a3", "b1"} {
		q.Push(v[:1], v)
	}
	for _, want := range []string{"a1", "b1"} {
		if got, _ := q.Pop(); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	q.Push("b", "b2")
	if got := drained(&q); got != "a2 b2 a3" {
		t.Error(got)
	}
}

func TestWhoGivesUpIsNotServedAndCostsNobodyATurn(t *testing.T) {
	var q fair.Queue[string]
	for _, v := range []string{"a1", "a2", "b1", "c1"} {
		q.Push(v[:1], v)
	}
	for _, v := range []string{"a1", "b1"} {
		if !q.Remove(v[:1], v) || q.Remove(v[:1], v) {
			t.Errorf("%s is there once", v)
		}
	}
	if first, ok := q.First(); !ok || first != "a2" {
		t.Errorf("next is %q", first)
	}
	if got := drained(&q); got != "a2 c1" {
		t.Error(got)
	}
}
