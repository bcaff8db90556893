// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

func TestDelete(t *testing.T) {
	tests := map[string]struct {
		activity, resource string
		before             func(l *lab, id string)
		by                 string
		first, last        string // status right after and a minute later
		cancelledBy        string
	}{
		"its owner ends a pending session": {
			linuxRoot, linuxHost, nil, DefaultUser, "Cancelling", "Complete", DefaultUser,
		},
		"an administrator ends it": {
			linuxRoot, linuxHost, nil, DefaultAdmin, "Cancelling", "Cancelled", DefaultAdmin,
		},
		"one that waits for approval is at once": {
			domainAdmin, domainHost, nil, DefaultUser, "Cancelled", "Cancelled", DefaultUser,
		},
		"one that has ended stays as it is": {
			linuxRoot, linuxHost, func(l *lab, id string) { l.must(l.Fail(id, "no route")) },
			DefaultUser, "Failed", "Failed", "",
		},
		"one that is ending goes on ending": {
			linuxRoot, linuxHost, func(l *lab, id string) { l.must(l.End(id)) },
			DefaultUser, "Cancelling", "Cancelled", operatorName,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Options{ProvisioningDelay: time.Second})
			id := l.create(l.token(DefaultUser), tc.activity, tc.resource)
			if tc.before != nil {
				tc.before(l, id)
			}
			token := l.tokenAgain(tc.by)
			if got := l.do("DELETE", sessionsPath+"/"+id, token, nil).want(202).body; got != "" {
				t.Errorf("body is %q", got)
			}
			l.wantStatus(id, tc.first)
			l.advance(time.Minute)
			l.wantStatus(id, tc.last)
			if x, _ := l.Session(id); x.CancelledBy != tc.cancelledBy {
				t.Errorf("cancelled by %q, want %q", x.CancelledBy, tc.cancelledBy)
			}
			if tc.first != "Failed" {
				return
			}
			for _, status := range []int{404, 400, 500} {
				l.SetSwitches(func(sw *Switches) { sw.DeleteEndedStatus = status })
				l.do("DELETE", sessionsPath+"/"+id, token, nil).want(status)
			}
		})
	}
	l := newLab(t, Options{})
	l.do("DELETE", sessionsPath+"/"+newGUID(), l.token(DefaultUser), nil).want(404)
}

// tokenAgain is a token for somebody who may have used his code already.
func (l *lab) tokenAgain(login string) string {
	l.t.Helper()
	l.SetSwitches(func(sw *Switches) { sw.ReplayAllowed = true })
	return l.token(login)
}

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
		"by minutes":               {linuxRoot, "20", nil, nil, 200, 20 * time.Minute},
		"by what the profile says": {linuxRoot, "-1", nil, nil, 200, 30 * time.Minute},
		"more is cut":              {linuxRoot, "500", nil, nil, 200, 30 * time.Minute},
		"no minutes":               {linuxRoot, "0", nil, nil, 400, 0},
		"an object is no number":   {linuxRoot, `{"extensionMinutes":20}`, nil, nil, 400, 0},
		"not allowed":              {linuxBreakGlass, "20", nil, nil, 400, 0},
		"not allowed, as 500": {
			linuxBreakGlass, "20", func(sw *Switches) { sw.ExtendRefusedStatus = 500 }, nil, 500, 0,
		},
		"said yes and did nothing": {linuxRoot, "20", func(sw *Switches) { sw.ExtendIgnored = true }, nil, 200, 0},
		"too early":                {linuxRoot, "20", func(sw *Switches) { sw.ExtendOnlyNearEnd = true }, nil, 400, 0},
		"late enough": {
			linuxRoot, "20", func(sw *Switches) { sw.ExtendOnlyNearEnd = true },
			func(l *lab, _, _ string) { l.advance(8*time.Hour - 5*time.Minute) }, 200, 20 * time.Minute,
		},
		"a third time": {
			linuxRoot, "20", nil,
			func(l *lab, token, id string) {
				extend(l, token, id, "20").want(200)
				extend(l, token, id, "20").want(200)
			}, 400, 40 * time.Minute,
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
	approvals := func(id string) (out []approval) {
		l.get("/api/v1/ApprovalWorkflow/Approval?activitySessionId="+id, admin).want(200).decode(&out)
		return out
	}
	approved, denied := l.create(user, activity, domainHost), l.create(user, activity, domainHost)
	l.wantStatus(approved, "ApprovalRequired")
	if got := approvals(approved); len(got) != 1 || got[0].ApprovalState != 0 {
		t.Errorf("open approvals are %+v", got)
	}
	decide(user, approved, "/Approve", "").want(403)
	decide(admin, approved, "/Approve?notes=go+on", "").want(200)
	decide(admin, denied, "/Deny", `"not today"`).want(200)
	decide(admin, approved, "/Approve", "").want(500)
	decide(admin, newGUID(), "/Deny", `""`).want(500)
	if got := approvals(approved); got[0].ApprovalState != 1 || *got[0].ApproverNotes != "go on" {
		t.Errorf("given approvals are %+v", got)
	}
	if got := approvals(denied); got[0].ApprovalState != 2 || *got[0].ApproverNotes != "not today" {
		t.Errorf("refused approvals are %+v", got)
	}
	l.wantStatus(approved, "Pending")
	l.wantStatus(denied, "ApprovalDenied")
	l.advance(time.Minute)
	l.wantStatus(approved, "Active")
	if got := approvals(l.create(user, linuxRoot, linuxHost)); len(got) != 0 {
		t.Errorf("approvals where none is needed: %+v", got)
	}
}

func TestLockKeepsTheSessionActiveAndItsUserOut(t *testing.T) {
	l := newLab(t, Options{ProvisioningDelay: -1})
	user, admin := l.token(DefaultUser), l.token(DefaultAdmin)
	id := l.create(user, linuxRoot, linuxHost)
	lock := func(token string, locked bool, ids ...string) reply {
		return l.do("PUT", sessionsPath+"/lock", token, map[string]any{"activitySessionIds": ids, "locked": locked})
	}
	lock(user, true, id).want(403)
	lock(admin, true, "7").want(400)
	lock(admin, true, newGUID()).want(404)
	if got := lock(admin, true, id).want(200).object(); got["locked"] != true {
		t.Errorf("echo is %v", got)
	}
	l.wantStatus(id, "Active")
	l.get(sessionsPath+"/Ssh/"+id, user).want(404)
	lock(admin, false, id).want(200)
	l.get(sessionsPath+"/Ssh/"+id, user).want(200)
}

func TestConnectionData(t *testing.T) {
	tests := map[string]struct {
		activity, resource string
		rdp, ssh           int
	}{
		"Linux":                 {linuxRoot, linuxHost, 404, 200},
		"a clone of Linux":      {linuxRoot, applianceHost, 404, 200},
		"Windows":               {windowsAdmin, windowsHost, 200, 404},
		"Active Directory":      {windowsAdmin, domainHost, 200, 404},
		"a website":             {websiteAdmin, websiteHost, 404, 404},
		"a task automation":     {nightlyVacuum, linuxHost, 404, 404},
		"not yet approved":      {domainAdmin, domainHost, 404, 404},
		"a credential (no one)": {credentialRelease, "", 404, 404},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Options{ProvisioningDelay: -1})
			token := l.token(DefaultUser)
			body := map[string]any{"activityName": tc.activity}
			if tc.resource == "" {
				body["credentialName"] = "oracle-sys"
			} else {
				body["managedResourceName"] = tc.resource
			}
			id := l.createWith(token, body)
			l.get(sessionsPath+"/Rdp/"+id, token).want(tc.rdp)
			l.get(sessionsPath+"/Ssh/"+id, token).want(tc.ssh)
			l.SetSwitches(func(sw *Switches) { sw.ConnectionRefusedStatus = 403 })
			l.must(l.SetStatus(id, Pending))
			l.get(sessionsPath+"/Rdp/"+id, token).want(403)
			l.get(sessionsPath+"/Ssh/"+id, token).want(403)
		})
	}
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

func TestSSHURL(t *testing.T) {
	l := newLab(t, Options{ProvisioningDelay: -1, Users: []User{{Login: "svc@lab.test", Password: DefaultPassword}}})
	token := l.token("svc@lab.test")
	id := l.create(token, linuxRoot, linuxHost)
	get := func() string { return l.get(sessionsPath+"/Ssh/"+id, token).want(200).str() }
	if want := "ssh://svc@lab.test%2BLinux_root%2Bdb1.payments.example.com@nps-proxy.lab.test:4422"; get() != want {
		t.Errorf("URL is %q, want %q", get(), want)
	}
	l.SetSwitches(func(sw *Switches) { sw.SSHTokenUser = true })
	first, err := url.Parse(get())
	if err != nil {
		t.Fatal(err)
	}
	second, err := url.Parse(get())
	if err != nil {
		t.Fatal(err)
	}
	if first.User.Username() == second.User.Username() || first.Host != "nps-proxy.lab.test:4422" {
		t.Errorf("URLs %v and %v", first, second)
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

func TestCreateThatIsCutOffIsStored(t *testing.T) {
	l := newLab(t, Options{})
	token := l.token(DefaultUser)
	l.must(l.Faults().Set(fault.Rule{Name: "cut", Method: post, Drop: fault.DropAfter}))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the connection was not cut")
			}
		}()
		l.do(post, sessionsPath, token, map[string]any{"activityName": linuxRoot, "managedResourceName": linuxHost})
	}()
	if got := len(l.Sessions()); got != 1 {
		t.Errorf("%d sessions, want 1", got)
	}
}
