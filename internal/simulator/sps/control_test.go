// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

// control sends a request to the control API.
func control(t *testing.T, a *sps.Appliance, method, path, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	a.ControlHandler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

// controlled sends a control request that must succeed, and decodes the response.
func controlled[T any](t *testing.T, a *sps.Appliance, method, path, body string) T {
	t.Helper()
	status, text := control(t, a, method, path, body)
	if status/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	var v T
	if status != http.StatusNoContent {
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
	return v
}

func TestControlSwitches(t *testing.T) {
	a := sps.New(sps.Options{Version: "7.0"})
	before := a.Switches()
	const document = `{"strict":false,"writeDelay":"20ms","loginMethods":["x"]}`
	got := controlled[sps.Switches](t, a, http.MethodPut, "/switches", document)
	want := before
	want.Strict, want.WriteDelay, want.LoginMethods = false, 20*time.Millisecond, []string{"x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, a.Switches()); diff != "" {
		t.Errorf("in force (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, controlled[sps.Switches](t, a, http.MethodGet, "/switches", "")); diff != "" {
		t.Errorf("GET (-want +got):\n%s", diff)
	}
}

func TestControlFaultsAndCalls(t *testing.T) {
	b := start(t, "8.0", nil)
	controlled[any](t, b.sps, http.MethodPut, "/faults", `{"name":"a","path":"^/api/info","status":503,"times":1}`)
	controlled[any](t, b.sps, http.MethodPut, "/faults", `{"name":"b","path":"never","drop":"After"}`)
	if rules := controlled[[]fault.Rule](t, b.sps, http.MethodGet, "/faults", ""); len(rules) != 2 {
		t.Errorf("rules: %v", rules)
	}
	if status, _ := b.anonymous().do(http.MethodGet, "/api/info", nil); status != 503 {
		t.Errorf("status %d, want 503", status)
	}
	calls := controlled[[]fault.Call](t, b.sps, http.MethodGet, "/calls", "")
	if len(calls) != 1 || calls[0].Status != 503 || calls[0].Rule != "a" {
		t.Errorf("calls: %+v", calls)
	}
	controlled[any](t, b.sps, http.MethodDelete, "/calls", "")
	controlled[any](t, b.sps, http.MethodDelete, "/faults/a", "")
	if n := len(b.sps.Faults().Rules()); n != 1 || len(b.sps.Faults().Calls()) != 0 {
		t.Errorf("%d rules are left, want 1; calls %v", n, b.sps.Faults().Calls())
	}
	controlled[any](t, b.sps, http.MethodDelete, "/faults", "")
	if n := len(b.sps.Faults().Rules()); n != 0 {
		t.Errorf("%d rules are left", n)
	}
}

func TestControlLock(t *testing.T) {
	a := sps.New(sps.Options{})
	controlled[any](t, a, http.MethodPut, "/lock", `{"user":"alice","via":"ui"}`)
	if got := controlled[sps.Lock](t, a, http.MethodGet, "/lock", ""); got.User != "alice" || got.Via != sps.ViaUI {
		t.Errorf("lock: %+v", got)
	}
	controlled[any](t, a, http.MethodDelete, "/lock", "")
	if got := controlled[*sps.Lock](t, a, http.MethodGet, "/lock", ""); got != nil {
		t.Errorf("lock after DELETE: %+v", got)
	}
}

func TestControlObjects(t *testing.T) {
	b := start(t, "8.0", nil)
	const query = "/objects?collection=rdp/connections"
	before := b.sps.Stats().ConfigHash
	data, err := json.Marshal(policy(t, "theirs"))
	if err != nil {
		t.Fatal(err)
	}
	key := controlled[map[string]string](t, b.sps, http.MethodPut, query, string(data))["key"]
	if b.sps.Stats().ConfigHash == before {
		t.Error("the hash did not move")
	}
	got := controlled[[]sps.Object](t, b.sps, http.MethodGet, query, "")
	if diff := cmp.Diff([]sps.Object{{Key: key, Body: policy(t, "theirs")}}, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	state := controlled[map[string][]sps.Object](t, b.sps, http.MethodGet, "/state", "")
	if diff := cmp.Diff(got, state["rdp/connections"]); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	controlled[any](t, b.sps, http.MethodDelete, query+"&key="+key, "")
	if n := len(b.sps.Objects("rdp/connections")); n != 0 {
		t.Errorf("%d objects are left", n)
	}

	controlled[any](t, b.sps, http.MethodPost, "/objects/move?collection=rdp/channel_policies&key=-20200&position=0", "")
	if first := b.sps.Objects("rdp/channel_policies")[0].Key; first != "-20200" {
		t.Errorf("the first is %s", first)
	}
	c := b.logIn()
	c.open()
	controlled[any](t, b.sps, http.MethodPut, "/objects?collection=rdp/options&transactions=true", `{}`)
	if changes, _ := c.must(http.MethodGet, transaction+"/changes", nil)["changes"].([]any); len(changes) != 1 {
		t.Errorf("changes of the transaction: %v", changes)
	}
}

func TestControlRefusals(t *testing.T) {
	a := sps.New(sps.Options{})
	controlled[any](t, a, http.MethodPut, "/refusals", `{"name":"^bad","at":"Commit"}`)
	want := []sps.Refusal{{
		Name: "^bad", At: sps.AtCommit, Status: 400, Type: "SemanticError", Message: "The object is not acceptable",
	}}
	if diff := cmp.Diff(want, controlled[[]sps.Refusal](t, a, http.MethodGet, "/refusals", "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	controlled[any](t, a, http.MethodDelete, "/refusals", "")
	if n := len(a.Refusals()); n != 0 {
		t.Errorf("%d refusals are left", n)
	}
}

func TestControlSessionsAndStats(t *testing.T) {
	b := start(t, "8.0", nil)
	s := controlled[sps.AuditSession](t, b.sps, http.MethodPost, "/sessions", `{"connectionPolicy":"a"}`)
	controlled[any](t, b.sps, http.MethodDelete, "/sessions?id="+url.QueryEscape(s.ID), "")
	all := controlled[[]sps.AuditSession](t, b.sps, http.MethodGet, "/sessions", "")
	if len(all) != 1 || all[0].ID != s.ID || all[0].Active || !s.Active {
		t.Errorf("started %+v, now %+v", s, all)
	}
	c := b.logIn()
	c.open()
	stats := controlled[sps.Stats](t, b.sps, http.MethodGet, "/stats", "")
	if stats.LogIns != 1 || stats.OpenTransactions != 1 || stats.LockHolder != "admin" {
		t.Errorf("stats: %+v", stats)
	}
	controlled[any](t, b.sps, http.MethodPost, "/logout-all", "")
	c.refusedWith(401, "Unauthenticated", http.MethodGet, transaction, nil)
}

func TestControlRefusesMistakes(t *testing.T) {
	tests := map[string]struct {
		method, path, body string
		want               int
	}{
		"a switch that does not exist":  {http.MethodPut, "/switches", `{"strickt":true}`, 400},
		"a switch of the wrong type":    {http.MethodPut, "/switches", `{"autoOpen":true,"strict":"no"}`, 400},
		"a value that no switch has":    {http.MethodPut, "/switches", `{"membersShape":"circle"}`, 400},
		"a status that is none":         {http.MethodPut, "/switches", `{"lockStatus":0}`, 400},
		"no JSON":                       {http.MethodPut, "/switches", `strict`, 400},
		"a fault that cannot be":        {http.MethodPut, "/faults", `{"name":"a","path":"("}`, 400},
		"a refusal that cannot be":      {http.MethodPut, "/refusals", `{"at":"Never"}`, 400},
		"a lock by nobody":              {http.MethodPut, "/lock", `{"via":"ui"}`, 400},
		"a lock in a way that is none":  {http.MethodPut, "/lock", `{"user":"a","via":"post"}`, 400},
		"a collection that is none":     {http.MethodPut, "/objects?collection=rdp", `{}`, 404},
		"removal of nothing":            {http.MethodDelete, "/objects?collection=x509&key=k", ``, 404},
		"a move to nowhere":             {http.MethodPost, "/objects/move?collection=x509&key=k", ``, 400},
		"the end of no session":         {http.MethodDelete, "/sessions?id=x", ``, 404},
		"a path that does not exist":    {http.MethodGet, "/nothing", ``, 404},
		"a method that does not belong": {http.MethodPost, "/stats", ``, 405},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := sps.New(sps.Options{Version: "6.0"})
			before := a.Switches()
			if got, body := control(t, a, tt.method, tt.path, tt.body); got != tt.want {
				t.Errorf("status %d, want %d: %s", got, tt.want, body)
			}
			if diff := cmp.Diff(before, a.Switches()); diff != "" {
				t.Errorf("the switches changed:\n%s", diff)
			}
		})
	}
}

func TestControlListsItsRoutes(t *testing.T) {
	a := sps.New(sps.Options{})
	for _, r := range controlled[[]string](t, a, http.MethodGet, "/", "") {
		method, path, _ := strings.Cut(r, " ")
		status, body := control(t, a, method, path, "")
		if status == http.StatusMethodNotAllowed || strings.Contains(body, "page not found") {
			t.Errorf("%s is listed, and answered %d", r, status)
		}
	}
}
