// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

const (
	active   = "/api/active-sessions"
	sessions = "/api/audit/sessions"
)

func TestTerminationWithoutAnID(t *testing.T) {
	b := start(t, "7.0", nil)
	live := b.sps.StartSession(sps.AuditSession{})
	c := b.logIn()
	c.refusedWith(400, "SessionIdMissing", http.MethodDelete, active, nil)
	want := object{"meta": object{"href": active, "parent": "/api"}}
	if diff := cmp.Diff(want, c.must(http.MethodDelete, active+"?id="+url.QueryEscape(live.ID), nil)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestActiveSessionsServesDeleteOnly(t *testing.T) {
	c := start(t, "7.0", nil).logIn()
	c.refusedWith(405, "MethodNotAllowed", http.MethodGet, active, nil)
	old := start(t, "6.0", nil).logIn()
	old.refusedWith(404, "NotFound", http.MethodDelete, active+"?id=x", nil)
}

func TestSearch(t *testing.T) {
	b := start(t, "8.0", nil)
	const key = "15682863055beac3c8d23bf"
	b.sps.Put("rdp/connections", key, policy(t, "finance"))
	b.sps.StartSession(sps.AuditSession{Key: "a", ID: "svc/a/finance:1", ConnectionPolicy: "finance"})
	b.advance(time.Minute)
	b.sps.StartSession(sps.AuditSession{Key: "b", ID: "svc/b/finance:2", ConnectionPolicyID: key})
	b.advance(time.Minute)
	b.sps.StartSession(sps.AuditSession{Key: "c", ID: "svc/c/other:3", Protocol: "ssh"})
	b.sps.EndSession("svc/b/finance:2")
	tests := map[string]struct {
		query string
		want  []string
	}{
		"everything, newest first":       {"", []string{"c", "b", "a"}},
		"live ones":                      {"q=active:true", []string{"c", "a"}},
		"live ones of a policy":          {"q=active:true AND recording.connection_policy_id:" + key, []string{"a"}},
		"one id in quotes":               {`q=recording.session_id:"svc/b/finance:2"`, []string{"b"}},
		"one id with escaped characters": {`q=recording.session_id:svc\/b\/finance\:2`, []string{"b"}},
		"a policy's name":                {"q=recording.connection_policy:finance", []string{"b", "a"}},
		"what has an end":                {"q=end_time:*", []string{"b"}},
		"nothing":                        {"q=protocol:vnc", nil},
		"oldest first":                   {"sort=start_time", []string{"a", "b", "c"}},
		"from a time on":                 {"start=2026-01-02T03:05:05Z", []string{"c", "b"}},
		"up to a time":                   {"end=2026-01-02T03:05:05Z", []string{"b", "a"}},
	}
	loggedIn := b.logIn()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := loggedIn.in(t)
			query := "?" + escape(tt.query)
			answer := c.must(http.MethodGet, sessions+query, nil)
			if diff := cmp.Diff(tt.want, keysOf(answer)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			if got := c.must(http.MethodGet, sessions+"/_count"+query, nil)["count"]; got != float64(len(tt.want)) {
				t.Errorf("_count: %v, want %d", got, len(tt.want))
			}
		})
	}
}

// escape encodes a query written in plain text.
func escape(query string) string {
	values := url.Values{}
	for name := range map[string]bool{"q": true, "sort": true, "start": true, "end": true} {
		if len(query) > len(name) && query[:len(name)+1] == name+"=" {
			values.Set(name, query[len(name)+1:])
		}
	}
	return values.Encode()
}

func keysOf(answer object) []string {
	items, _ := answer["items"].([]any)
	var out []string
	for _, i := range items {
		key, _ := dig(i, "key").(string)
		out = append(out, key)
	}
	return out
}

func TestSearchMistakes(t *testing.T) {
	c := start(t, "8.0", nil).logIn()
	for name, query := range map[string]string{
		"a term without a field":     "q=" + url.QueryEscape("finance"),
		"terms that nothing joins":   "q=" + url.QueryEscape("a:b c:d"),
		"an AND at the end":          "q=" + url.QueryEscape("a:b AND"),
		"an OR":                      "q=" + url.QueryEscape("a:b OR c:d"),
		"a bare special character":   "q=" + url.QueryEscape("recording.session_id:svc/a"),
		"a quotation without an end": "q=" + url.QueryEscape(`a:"b`),
		"a limit that is none":       "limit=many",
		"an offset below zero":       "offset=-1",
		"a time that is none":        "start=yesterday",
	} {
		t.Run(name, func(t *testing.T) {
			c.in(t).refusedWith(400, "InvalidQuery", http.MethodGet, sessions+"?"+query, nil)
		})
	}
}

func TestFieldsOfTheSearch(t *testing.T) {
	b := start(t, "8.0", nil)
	s := b.sps.StartSession(sps.AuditSession{ConnectionPolicy: "finance"})
	c := b.logIn()
	body := func(query string) any {
		t.Helper()
		items, _ := c.must(http.MethodGet, sessions+query, nil)["items"].([]any)
		return dig(items[0], "body")
	}
	one := c.must(http.MethodGet, sessions+"/"+s.Key, nil)
	if diff := cmp.Diff(one["body"], body("?fields=*")); diff != "" {
		t.Errorf("the session and its search result differ:\n%s", diff)
	}
	c.refusedWith(404, "NotFound", http.MethodGet, sessions+"/nothing", nil)
	if got := body(""); got != nil {
		t.Errorf("without fields there is a body: %v", got)
	}
	if got := dig(body("?fields=*"), "recording", "session_id"); got != s.ID {
		t.Errorf("recording.session_id is %v, want %s", got, s.ID)
	}
	want := object{"active": true, "recording": object{"session_id": s.ID, "connection_policy": "finance"}}
	got := body("?fields=active,recording.session_id,recording.connection_policy,nothing")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("some fields (-want +got):\n%s", diff)
	}
}
