// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

// control is the lab's server as seen from its control port.
func (l *lab) control() *lab {
	return &lab{Server: l.Server, t: l.t, handler: l.ControlHandler(), clock: l.clock}
}

func TestControlOfSessions(t *testing.T) {
	l := newLab(t, Options{ProvisioningDelay: time.Second})
	c, token := l.control(), l.token(DefaultUser)
	approval := func() string { return l.create(token, domainAdmin, domainHost) }
	plain := func() string { return l.create(token, linuxRoot, linuxHost) }
	tests := map[string]struct {
		id           string
		action, body string
		want         int
		status       string
	}{
		"approve":                 {approval(), "approve", "", 204, "Pending"},
		"deny":                    {approval(), "deny", "", 204, "ApprovalDenied"},
		"fail":                    {plain(), "fail", `{"message":"x"}`, 204, "Failed"},
		"end":                     {plain(), "end", "", 204, "Cancelling"},
		"lock":                    {plain(), "lock", "", 204, "Pending"},
		"jump by name":            {plain(), "status", `{"status":"Complete"}`, 204, "Complete"},
		"jump by number":          {plain(), "status", `{"status":1}`, 204, "Active"},
		"unknown status":          {plain(), "status", `{"status":42}`, 204, "42"},
		"approve what needs none": {plain(), "approve", "", 409, "Pending"},
		"an unknown action":       {plain(), "tickle", "", 404, "Pending"},
		"a misspelt member":       {plain(), "fail", `{"massage":"x"}`, 400, "Pending"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := c.in(t)
			c.do(post, "/sessions/"+tc.id+"/"+tc.action, "", tc.body).want(tc.want)
			var got Session
			c.get("/sessions/"+tc.id, "").want(200).decode(&got)
			if got.Status != tc.status || got.Locked != (name == "lock") {
				t.Errorf("session is %+v, want status %s", got, tc.status)
			}
		})
	}
	var all []Session
	c.get("/sessions", "").want(200).decode(&all)
	c.do(post, "/sessions/"+all[0].ID+"/purge", "", "").want(204)
	c.get("/sessions/"+all[0].ID, "").want(404)
	l.get(sessionsPath+"/"+all[0].ID, token).want(404)
	if got := len(l.Sessions()); got != len(all)-1 {
		t.Errorf("%d sessions after the purge of one of %d", got, len(all))
	}
}

func TestControlOfTheServer(t *testing.T) {
	l := newLab(t, Options{})
	c, token := l.control(), l.token(DefaultUser)
	put := http.MethodPut

	c.do(put, "/switches", "", `{"listLag":"5s","creates":1}`).want(400)
	c.do(put, "/switches", "", `{"listLag":"5s","statusNames":true}`).want(204)
	c.do(put, "/switches", "", `{"statusNames":false}`).want(204)
	if sw := l.Switches(); sw.ListLag != Duration(5*time.Second) || sw.StatusNames || sw.ProvisioningDelay == 0 {
		t.Errorf("switches are %+v", sw)
	}
	if got := c.get("/switches", "").want(200).object()["listLag"]; got != "5s" {
		t.Errorf("listLag is shown as %v", got)
	}

	c.do(put, "/faults", "", `{"name":"a","path":"(","status":503}`).want(400)
	c.do(put, "/faults", "", `{"name":"a","path":"Version","status":503}`).want(204)
	l.get("/api/v1/Version", token).want(503)
	var rules []fault.Rule
	c.get("/faults", "").want(200).decode(&rules)
	c.do("DELETE", "/faults/a", "", nil).want(204)
	l.get("/api/v1/Version", token).want(200)
	c.do("DELETE", "/faults", "", nil).want(204)

	var calls []fault.Call
	c.get("/calls", "").want(200).decode(&calls)
	c.do("DELETE", "/calls", "", nil).want(204)
	if len(rules) != 1 || len(calls) != 4 || c.get("/calls", "").body != "[]" {
		t.Errorf("%d rules, want 1; %d calls, want 4", len(rules), len(calls))
	}

	c.do(put, "/applications/k8s/serial", "", `{"serialNumber":"2A"}`).want(204)
	c.do(put, "/applications/nobody/serial", "", `{"serialNumber":"2A"}`).want(404)
	if got := l.catalogue.account("k8s").app.SerialNumber; got != "2A" {
		t.Errorf("serial number is %q", got)
	}
	c.do(post, "/tokens/revoke-all", "", nil).want(204)
	l.get("/api/v1/Version", token).want(401)
	var stats Stats
	c.get("/stats", "").want(200).decode(&stats)
	if diff := cmp.Diff(l.Stats(), stats); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestErrorsOfTheControls(t *testing.T) {
	l := newLab(t, Options{})
	id := l.create(l.token(DefaultUser), linuxRoot, linuxHost)
	l.must(l.SetStatus(id, Complete))
	tests := map[string]struct{ got, want error }{
		"approve an unknown session": {l.Approve(newGUID()), ErrNotFound},
		"deny what needs no answer":  {l.Deny(id), ErrWrongState},
		"fail what has ended":        {l.Fail(id, "x"), ErrWrongState},
		"end what has ended":         {l.End(id), ErrWrongState},
		"lock an unknown session":    {l.Lock("", true), ErrNotFound},
		"unknown application":        {l.SetApplicationSerial("x", ""), ErrNotFound},
	}
	for name, tc := range tests {
		if !errors.Is(tc.got, tc.want) {
			t.Errorf("%s: error %v, want %v", name, tc.got, tc.want)
		}
	}
	if err := l.SetStatus(id, func() {}); err == nil {
		t.Error("a status that JSON cannot show was accepted")
	}
}

// TestManyCallers lets the race detector see all state that callers share.
func TestManyCallers(t *testing.T) {
	l := newLab(t, Options{})
	token := l.token(DefaultUser)
	body := map[string]any{"activityName": linuxRoot, "managedResourceName": linuxHost}
	var wg sync.WaitGroup
	for range 8 {
		id := l.create(token, linuxRoot, linuxHost)
		wg.Go(func() {
			l.do(post, sessionsPath, token, body)
			l.get(minePath+"Pending", token)
			l.get(sessionsPath+"/"+id+"/Log", token)
			l.advance(time.Millisecond)
			l.SetSwitches(func(sw *Switches) { sw.OmitClaims = append(sw.OmitClaims, "x") })
			l.get("/api/v1/UserToken", token)
			l.Switches()
			if err := l.End(id); err != nil {
				t.Error(err)
			}
			l.Sessions()
		})
	}
	wg.Wait()
	if got := l.Stats().Creates; got != 16 {
		t.Errorf("%d creates, want 16", got)
	}
}
