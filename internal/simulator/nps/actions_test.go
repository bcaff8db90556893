// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestExtend(t *testing.T) {
	extend := func(l *lab, token, id, body string) reply {
		return l.do(post, sessionsPath+"/"+id+"/Extend", token, body)
	}
	tests := map[string]struct {
		activity, body string
		change         func(*Switches)
		before         func(l *lab, token, id string)
		want           int
		added          time.Duration
	}{
		"by what the profile says": {linuxRoot, "-1", nil, nil, 200, 30 * time.Minute},
		"no minutes":               {linuxRoot, "0", nil, nil, 400, 0},
		"an object is no number":   {linuxRoot, `{"extensionMinutes":20}`, nil, nil, 400, 0},
		"late enough": {
			linuxRoot, "20", func(sw *Switches) { sw.ExtendOnlyNearEnd = true },
			func(l *lab, _, _ string) { l.advance(8*time.Hour - 5*time.Minute) }, 200, 20 * time.Minute,
		},
		"while pending": {
			linuxRoot, "20", nil, func(l *lab, _, id string) { l.must(l.SetStatus(id, Pending)) }, 400, 0,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Options{ProvisioningDelay: -1, TokenLifetime: 24 * time.Hour})
			token := l.token(DefaultUser)
			id := l.create(token, tc.activity, linuxHost)
			if tc.change != nil {
				l.SetSwitches(tc.change)
			}
			end, _ := l.Session(id)
			if tc.before != nil {
				tc.before(l, token, id)
			}
			extend(l, token, id, tc.body).want(tc.want)
			got, _ := l.Session(id)
			if added := got.End.Sub(end.End); added != tc.added {
				t.Errorf("the end moved by %v, want %v", added, tc.added)
			}
		})
	}
}

func TestAdministratorsMayAlwaysExtend(t *testing.T) {
	l := newLab(t, Options{ProvisioningDelay: -1})
	l.SetSwitches(func(sw *Switches) { sw.ExtensionCountFalls = true })
	token := l.token(DefaultUser)
	id := l.create(token, linuxRoot, linuxHost)
	var left []any
	for range 3 {
		got := l.do(post, sessionsPath+"/"+id+"/extend", l.token(DefaultAdmin), "10").want(200).object()
		left = append(left, got["sessionExtensionCount"])
	}
	if diff := cmp.Diff([]any{1.0, 0.0, 0.0}, left); diff != "" {
		t.Errorf("extensions left (-want +got):\n%s", diff)
	}
}

func TestApproval(t *testing.T) {
	const activity = domainAdmin
	l := newLab(t, Options{})
	user, admin := l.token(DefaultUser), l.token(DefaultAdmin)
	decide := func(token, id, how, body string) reply {
		return l.do(post, sessionsPath+"/"+id+how, token, body)
	}
	approved, denied := l.create(user, activity, domainHost), l.create(user, activity, domainHost)
	l.wantStatus(approved, "ApprovalRequired")
	decide(user, approved, "/Approve", "").want(403)
	decide(admin, approved, "/Approve?notes=go+on", "").want(200)
	decide(admin, denied, "/Deny", `"not today"`).want(200)
	decide(admin, approved, "/Approve", "").want(500)
	decide(admin, newGUID(), "/Deny", `""`).want(500)
	l.wantStatus(approved, "Pending")
	l.wantStatus(denied, "ApprovalDenied")
	l.advance(time.Minute)
	l.wantStatus(approved, "Active")
}

func TestRDPFileIsNewEachTime(t *testing.T) {
	l := newLab(t, Options{ProvisioningDelay: -1})
	token := l.token(DefaultUser)
	id := l.create(token, windowsAdmin, windowsHost)
	get := func() string { return l.get(sessionsPath+"/rdp/"+id, token).want(200).str() }
	first, second := get(), get()
	for _, line := range []string{"full address:s:nps-proxy.lab.test\n", "server port:i:4489\n", "username:s:"} {
		if !strings.Contains(first, line) {
			t.Errorf("the file lacks %q", line)
		}
	}
	if first == second || strings.Contains(first, "\r") {
		t.Errorf("files %q and %q", first, second)
	}
	l.SetSwitches(func(sw *Switches) { sw.RDPWithCRLF, sw.RDPWithBOM = true, true })
	if got := get(); !strings.HasPrefix(got, "\ufeffscreen mode id:i:1\r\n") {
		t.Errorf("file is %q", got)
	}
	if got := l.Stats().RDPs; got != 3 {
		t.Errorf("%d RDP files, want 3", got)
	}
}

func TestPassword(t *testing.T) {
	l := newLab(t, Options{ProvisioningDelay: -1})
	token := l.token(DefaultUser)
	tests := map[string]struct {
		id   string
		may  string
		want int
	}{
		"of a resource":         {l.create(token, linuxRoot, linuxHost), "true", 200},
		"denied by the profile": {l.create(token, linuxBreakGlass, linuxHost), "false", 404},
		"of a credential": {
			l.createWith(token, map[string]any{"activityName": credentialRelease, "credentialName": "oracle-sys"}),
			"true", 200,
		},
		"of one that has no user": {l.create(token, domainAdmin, domainHost), "false", 404},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := l.in(t)
			if got := l.get(sessionsPath+"/"+tc.id+"/CanViewPassword", token).want(200).body; got != tc.may {
				t.Errorf("CanViewPassword is %s, want %s", got, tc.may)
			}
			got := l.get(sessionsPath+"/"+tc.id+"/Password", token).want(tc.want)
			if name == "of a credential" && got.str() != "released oracle password" {
				t.Errorf("password is %s", got.body)
			}
		})
	}
}

func TestLog(t *testing.T) {
	l := newLab(t, Options{ProvisioningDelay: time.Minute})
	token := l.token(DefaultUser)
	id := l.create(token, linuxRoot, linuxHost)
	l.advance(30 * time.Second)
	l.must(l.Fail(id, "host unreachable"))
	tests := map[string]struct {
		query string
		want  []string
		total int
	}{
		"everything": {"", []string{
			"Info Activity session created.", "Debug Connecting to db1.payments.example.com.",
			"Debug Preparing account svc-k8s-nps.", "Warn A pre-session action did not succeed.", "Error host unreachable",
		}, 5},
		"errors, last first": {"?logLevel=Error&orderDescending=true&take=20", []string{"Error host unreachable"}, 1},
		"by number":          {"?logLevel=3", []string{"Error host unreachable"}, 1},
		"a page from the end": {
			"?orderDescending=true&skip=1&take=1", []string{"Warn A pre-session action did not succeed."}, 5,
		},
		"by text":               {"?filterText=ACCOUNT", []string{"Debug Preparing account svc-k8s-nps."}, 1},
		"only the count":        {"?take=0", nil, 5},
		"from a date":           {"?startDate=2025-03-11T18:40:00Z&logLevel=Error", []string{"Error host unreachable"}, 1},
		"before anything began": {"?endDate=2025-03-11T00:00:00Z", nil, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got logCollection
			l.in(t).get(sessionsPath+"/"+id+"/Log"+tc.query, token).want(200).decode(&got)
			var lines []string
			for _, line := range got.Lines {
				lines = append(lines, line.StatusString+" "+line.LogMessage)
			}
			if diff := cmp.Diff(tc.want, lines); diff != "" || got.TotalCount != tc.total {
				t.Errorf("total %d, want %d; lines (-want +got):\n%s", got.TotalCount, tc.total, diff)
			}
		})
	}
	l.get(sessionsPath+"/"+id+"/Log?logLevel=Loud", token).want(400)
}

func TestLogTellsOfTheApprovalAndTheEnd(t *testing.T) {
	l := newLab(t, Options{ProvisioningDelay: time.Second})
	token, admin := l.token(DefaultUser), l.token(DefaultAdmin)
	id := l.create(token, domainAdmin, domainHost)
	l.do(post, sessionsPath+"/"+id+"/Approve?notes=go+on", admin, "").want(200)
	l.advance(time.Minute)
	l.must(l.End(id))
	l.advance(time.Minute)
	var log logCollection
	l.get(sessionsPath+"/"+id+"/Log?logLevel=info", token).want(200).decode(&log)
	var got []string
	for _, line := range log.Lines {
		got = append(got, line.LogMessage)
	}
	want := []string{
		"Activity session created.", "Activity session is waiting for approval.",
		`The request was approved by LAB\admin. go on`, "Activity session  started.", "Activity session is ending.",
		"Activity session cancelled.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	session := l.get(sessionsPath+"/"+id, token).want(200).object()
	if session["cancelledBy"] != adminID() || session["approvalWorkflowId"] == nil {
		t.Errorf("cancelledBy is %v, approvalWorkflowId %v", session["cancelledBy"], session["approvalWorkflowId"])
	}
}
