// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

const searchPath = "/api/audit/sessions"

// audited is one item of a search.
func audited(active bool, sessionID, policy string) string {
	return fmt.Sprintf(`{"key":"x","body":{"active":%t,"start_time":"2026-01-02T03:04:05+01:00",
		"user":{"id":null,"name":"alice","gateway_username":"gw"},
		"recording":{"session_id":%q,"connection_policy_id":%q,"connection_policy":"p"}}}`, active, sessionID, policy)
}

// page is an answer of a search; next is null when empty.
func page(next string, matches int, items ...string) http.HandlerFunc {
	link, _ := json.Marshal(next)
	if next == "" {
		link = []byte("null")
	}
	return reply(http.StatusOK, `{"items":[`+strings.Join(items, ",")+`],"meta":{"match_count":`+
		strconv.Itoa(matches)+`,"offset":0,"limit":500,"next":`+string(link)+`}}`)
}

func ids(sessions []sps.ActiveSession) []string {
	out := make([]string, 0, len(sessions))
	for _, s := range sessions {
		out = append(out, s.SessionID)
	}
	return out
}

func TestActiveSessions(t *testing.T) {
	t.Parallel()
	const (
		all    = "GET /api/audit/sessions?fields=%2A&q=active%3Atrue"
		narrow = all + "+AND+recording.connection_policy_id%3A"
	)
	tests := map[string]struct {
		policy  string
		answers []http.HandlerFunc
		want    []string
		calls   []string
	}{
		"of all policies": {
			answers: []http.HandlerFunc{page("", 2, audited(true, "s1", "k1"), audited(true, "s2", "k2"))},
			want:    []string{"s1", "s2"}, calls: []string{all},
		},
		"of one policy": {
			policy: "k1", answers: []http.HandlerFunc{page("", 1, audited(true, "s1", "k1"))},
			want: []string{"s1"}, calls: []string{narrow + "k1"},
		},
		"surplus results of the search are filtered out": {
			policy: "k1",
			answers: []http.HandlerFunc{page("", 4, audited(true, "s1", "k1"), audited(true, "s2", "k2"),
				audited(false, "s3", "k1"), audited(true, "", "k1"))},
			want: []string{"s1"}, calls: []string{narrow + "k1"},
		},
		"a search by policy that finds nothing is not trusted": {
			policy: "k1",
			answers: []http.HandlerFunc{
				page("", 0), page("", 2, audited(true, "s1", "k1"), audited(true, "s2", "k2")),
			},
			want: []string{"s1"}, calls: []string{narrow + "k1", all},
		},
		"a search by policy that is refused": {
			policy: "k1",
			answers: []http.HandlerFunc{
				problem(400, "InvalidQuery", "no"), page("", 1, audited(true, "s1", "k1")),
			},
			want: []string{"s1"}, calls: []string{narrow + "k1", all},
		},
		"a built-in policy, whose key would negate": {
			policy: "-301", answers: []http.HandlerFunc{page("", 1, audited(true, "s1", "-301"))},
			want: []string{"s1"}, calls: []string{narrow + "%5C-301"},
		},
		"a key with signs of the language": {
			policy: "a-b:c d", answers: []http.HandlerFunc{page("", 1, audited(true, "s1", "a-b:c d"))},
			want: []string{"s1"}, calls: []string{narrow + "a-b%5C%3Ac%5C+d"},
		},
		"pages are followed by their links, on this server": {
			answers: []http.HandlerFunc{
				page("https://evil.example.com/steal?offset=2&q=x&fields=*", 3, audited(true, "s1", "k"), audited(true, "s2", "k")),
				page("", 3, audited(true, "s2", "k"), audited(true, "s3", "k")),
			},
			want: []string{"s1", "s2", "s3"}, calls: []string{all, "GET /api/audit/sessions?fields=%2A&offset=2&q=x"},
		},
		"pages without links are counted": {
			answers: []http.HandlerFunc{page("", 2, audited(true, "s1", "k")), page("", 2, audited(true, "s2", "k"))},
			want:    []string{"s1", "s2"}, calls: []string{all, "GET /api/audit/sessions?fields=%2A&offset=1&q=active%3Atrue"},
		},
		"an empty page is the last": {
			answers: []http.HandlerFunc{page("/api/audit/sessions?offset=9", 9)}, want: []string{}, calls: []string{all},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on("GET "+searchPath, inTurn(tc.answers...))
			got, err := a.client(nil).ActiveSessions(t.Context(), tc.policy)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, ids(got)); diff != "" {
				t.Errorf("sessions (-want +got):\n%s", diff)
			}
			a.want(append([]string{logInLine}, tc.calls...)...)
		})
	}
}

func TestAnActiveSession(t *testing.T) {
	t.Parallel()
	const started = "2026-01-02T03:04:05+01:00"
	start := time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC)
	tests := map[string]struct {
		body string
		want sps.ActiveSession
	}{
		"complete": {
			body: `{"start_time":"` + started + `","user":{"name":"a","gateway_username":"b"},
				"recording":{"session_id":"s","connection_policy_id":"k"}}`,
			want: sps.ActiveSession{SessionID: "s", PolicyID: "k", User: "a", Start: start},
		},
		"a user known at the gateway": {
			body: `{"user":{"name":null,"gateway_username":"b","server_username":"c"},"recording":{"session_id":"s"}}`,
			want: sps.ActiveSession{SessionID: "s", User: "b"},
		},
		"a user known at the server": {
			body: `{"user":{"server_username":"c"},"recording":{"session_id":"s"}}`,
			want: sps.ActiveSession{SessionID: "s", User: "c"},
		},
		"a user known at the server, in a list": {
			body: `{"user":{"server_username":["c","d"]},"recording":{"session_id":"s"}}`,
			want: sps.ActiveSession{SessionID: "s", User: "c"},
		},
		"a user known at the gateway, and under other names at the server": {
			body: `{"user":{"name":"a","server_username":["c"]},"recording":{"session_id":"s"}}`,
			want: sps.ActiveSession{SessionID: "s", User: "a"},
		},
		"members that are not needed, in any form": {
			body: `{"active":"yes","start_time":{"at":1},"user":["a"],"verdict":{},
				"recording":{"session_id":"s","connection_policy_id":15,"connection_policy":[1]}}`,
			want: sps.ActiveSession{SessionID: "s", PolicyID: "15"},
		},
		"a user who is many things": {
			body: `{"user":{"id":[],"name":{"first":"a"},"gateway_username":[],"server_username":[null,{},"c"]},
				"recording":{"session_id":"s"}}`,
			want: sps.ActiveSession{SessionID: "s", User: "c"},
		},
		"a start in another form": {
			body: `{"active":true,"start_time":1700000000,"user":null,"recording":{"session_id":"s"}}`,
			want: sps.ActiveSession{SessionID: "s"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on("GET "+searchPath, page("", 1, `{"body":`+tc.body+`}`))
			got, err := a.client(nil).ActiveSessions(t.Context(), "")
			if err != nil || len(got) != 1 {
				t.Fatalf("got %v, %v", got, err)
			}
			if diff := cmp.Diff(tc.want, got[0]); diff != "" {
				t.Errorf("session (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSearchesThatCannotBeTrusted(t *testing.T) {
	t.Parallel()
	endless := page("/api/audit/sessions?offset=1", 1, audited(true, "s1", "k1"))
	tests := map[string]struct {
		answer http.HandlerFunc
		check  func(error) bool
	}{
		"items without bodies":    {answer: reply(200, `{"items":[{"key":"x"}],"meta":{}}`), check: isMalformed},
		"an answer without items": {answer: reply(200, `{}`), check: isMalformed},
		"a page":                  {answer: reply(200, `<html>`), check: isMalformed},
		"a search without end":    {answer: endless, check: isMalformed},
		"no right to search":      {answer: problem(403, "Unauthorized", "no"), check: rest.IsForbidden},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on("GET "+searchPath, tc.answer)
			got, err := a.client(nil).ActiveSessions(t.Context(), "k1")
			if !tc.check(err) || got != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestTerminate(t *testing.T) {
	t.Parallel()
	const line = "DELETE /api/active-sessions?id=svc%2FrpokH8fD9kx6CaxNLznKx2%2Ftest%3A12"
	a := newAppliance(t)
	client := a.client(nil)
	a.on("DELETE /api/active-sessions", inTurn(
		reply(200, `{"meta":{}}`), problem(404, "SessionCouldNotBeFound", "gone"), reply(200, `{}`),
	))
	ctx, id := t.Context(), "svc/rpokH8fD9kx6CaxNLznKx2/test:12"
	if err := client.Terminate(ctx, id); err != nil {
		t.Error(err)
	}
	a.want(logInLine, line)
	if err := client.Terminate(ctx, id); !rest.IsNotFound(err) || strings.Contains(err.Error(), "svc") {
		t.Errorf("got %v", err)
	}
	a.want(line)
	a.endSessions() // the log-in session timed out: the request did nothing and may be repeated
	if err := client.Terminate(ctx, id); err != nil {
		t.Error(err)
	}
	a.want(line, logInLine, line)
}
