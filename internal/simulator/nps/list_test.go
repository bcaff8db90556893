// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const minePath = sessionsPath + "/MySummaryByStatus/"

// summaryMembers are those of SessionSummary (docs/vendors/nps.md 5.2).
const summaryMembers = `id hostId hostDisplayName domainId domainName userId userDisplayName targetUserId
targetUserDisplayName canViewPassword canAutofillPassword viewPasswordInSeconds recordAudio createdBy managedAccountId
managedResourceId managedResourceName managedResourceOs managedResourceDisplayName createdByDisplayName
startDateTimeUtc actualStartDateTimeUtc endDateTimeUtc actualEndDateTimeUtc durationInSeconds createdDateTimeUtc
expirationDateTimeUtc sessionStatus sessionStatusDescription status statusMessage loginDateTimeUtc loginSessionState
activityName activityId activityType connectionUri platformId platformName userType proxySessions accessPolicyId
accessPolicyName note ticket managedResourceType targetId targetName loginAccountName loginDisplayName websiteId
azureAdTenantId vaultId managedDatabaseId locked allowSessionExtension sessionExtensionCount sessionExtensionMinutes
expirationTimeoutThreshold`

func TestSummaryHasTheDocumentedMembers(t *testing.T) {
	l := newLab(t, Options{})
	token := l.token(DefaultUser)
	l.create(token, linuxRoot, linuxHost)
	want := strings.Fields(summaryMembers)
	slices.Sort(want)
	var table struct{ Data []map[string]any }
	l.get(minePath+"Pending", token).want(200).decode(&table)
	if diff := cmp.Diff(want, members(table.Data[0])); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

// page is the part of a list that the tests read.
type page struct {
	Data []struct {
		ID            string
		Note          string
		SessionStatus any
		Status        any
	}
	RecordsTotal int
}

func (l *lab) list(path, token string) page {
	l.t.Helper()
	var p page
	l.get(path, token).want(200).decode(&p)
	return p
}

func (p page) notes() []string {
	out := make([]string, 0, len(p.Data))
	for _, x := range p.Data {
		out = append(out, x.Note)
	}
	return out
}

// TestPages lists sessions whose notes are "tag 0" to "tag 4"; the odd ones have a ticket.
func TestPages(t *testing.T) {
	l := newLab(t, Options{})
	token := l.token(DefaultUser)
	for i := range 5 {
		body := map[string]any{"activityName": linuxRoot, "managedResourceName": linuxHost, "note": fmt.Sprintf("tag %d", i)}
		if i%2 == 1 {
			body["ticket"], body["managedResourceName"] = fmt.Sprintf("CHG-%d", i), applianceHost
		}
		l.createWith(token, body)
		l.advance(time.Millisecond)
	}
	l.advance(time.Minute)
	all := []string{"tag 0", "tag 1", "tag 2", "tag 3", "tag 4"}
	tests := map[string]struct {
		query string
		want  []string
		total int
	}{
		"everything":                    {"", all, 5},
		"the first page":                {"?skip=0&take=2", all[:2], 5},
		"the last page":                 {"?skip=4&take=2", all[4:], 5},
		"beyond the last page":          {"?skip=5&take=2", []string{}, 5},
		"only the count":                {"?take=0", []string{}, 5},
		"downwards":                     {"?take=2&orderDescending=true", []string{"tag 4", "tag 3"}, 5},
		"ordered by resource":           {"?orderBy=ManagedResourceName&take=3", []string{"tag 1", "tag 3", "tag 0"}, 5},
		"names of parameters by case":   {"?Skip=1&TAKE=1", all[1:2], 5},
		"filtered by note":              {"?filterText=TAG+3", all[3:4], 1},
		"filtered by ticket":            {"?filterText=chg-", []string{"tag 1", "tag 3"}, 2},
		"filtered by resource":          {"?filterText=appliance", []string{"tag 1", "tag 3"}, 2},
		"filtered by activity":          {"?filterText=linux+r", all, 5},
		"filtered by nothing there":     {"?filterText=zebra", []string{}, 0},
		"of one resource":               {"?resourceName=appliance1&resourceName=other", []string{"tag 1", "tag 3"}, 2},
		"of one user":                   {"?userName=LAB%5Cadmin", []string{}, 0},
		"from a date":                   {"?startDate=2025-03-11T18:39:30.003Z", all[3:], 2},
		"up to a date":                  {"?endDate=2025-03-11T18:39:30.001Z", all[:2], 2},
		"a page of what the filter had": {"?filterText=chg-&skip=1&take=5", []string{"tag 3"}, 2},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := l.in(t).list(minePath+"Active"+tc.query, token)
			if diff := cmp.Diff(tc.want, got.notes()); diff != "" || got.RecordsTotal != tc.total {
				t.Errorf("total %d, want %d; notes (-want +got):\n%s", got.RecordsTotal, tc.total, diff)
			}
		})
	}
	for _, query := range []string{"?take=x", "?skip=-1", "?orderDescending=maybe", "?startDate=yesterday"} {
		l.get(minePath+"Active"+query, token).want(400)
	}
}

func TestListsByStatus(t *testing.T) {
	l := newLab(t, Options{})
	token := l.token(DefaultUser)
	for status := ApprovalRequired; status <= ApprovalFailed; status++ {
		id := l.createWith(token, map[string]any{
			"activityName": linuxRoot, "managedResourceName": linuxHost, "note": status.String(),
		})
		l.must(l.SetStatus(id, status))
	}
	unknown := l.create(token, linuxRoot, linuxHost)
	l.must(l.SetStatus(unknown, "Paused"))
	historical := []string{"Complete", "Failed", "Cancelled", "ApprovalDenied", "ApprovalFailed"}
	tests := map[string][]string{
		"ApprovalRequired": {"ApprovalRequired"}, "-1": {"ApprovalRequired"}, "Pending": {"Pending"}, "0": {"Pending"},
		"active": {"Active"}, "Cancelling": {"Cancelling"}, "3": {"Complete"}, "Historical": historical,
	}
	for segment, want := range tests {
		t.Run("in "+segment, func(t *testing.T) {
			if diff := cmp.Diff(want, l.in(t).list(minePath+segment, token).notes()); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
	l.get(minePath+"Sleeping", token).want(400)
	l.SetSwitches(func(sw *Switches) { sw.ActiveListsBoard = true })
	board := l.list(minePath+"Active", token).notes()
	if diff := cmp.Diff([]string{"Pending", "Active", "Cancelling"}, board); diff != "" {
		t.Errorf("the board's notes (-want +got):\n%s", diff)
	}
}

func TestSummaryStatusIsAnotherEnumeration(t *testing.T) {
	l := newLab(t, Options{ProvisioningDelay: -1})
	token := l.token(DefaultUser)
	id := l.create(token, linuxRoot, linuxHost)
	read := func() [2]any {
		o := l.list(minePath+"Active", token).Data[0]
		return [2]any{o.SessionStatus, o.Status}
	}
	got := [][2]any{read()}
	l.must(l.Lock(id, true))
	got = append(got, read())
	l.SetSwitches(func(sw *Switches) { sw.SummaryStatusIsSessionStatus = true })
	got = append(got, read())
	if diff := cmp.Diff([][2]any{{1.0, 2.0}, {1.0, 11.0}, {1.0, 1.0}}, got); diff != "" {
		t.Errorf("sessionStatus and status (-want +got):\n%s", diff)
	}
}

func TestListSwitches(t *testing.T) {
	l := newLab(t, Options{})
	token := l.token(DefaultUser)
	if got := l.get(minePath+"Active", token).want(200).body; got != `{"data":[],"recordsTotal":0}` {
		t.Errorf("empty list is %s", got)
	}
	l.SetSwitches(func(sw *Switches) { sw.NullData = true })
	if got := l.get(minePath+"Active", token).want(200).body; got != `{"data":null,"recordsTotal":0}` {
		t.Errorf("empty list is %s", got)
	}
	for _, status := range []int{403, 500} {
		l.SetSwitches(func(sw *Switches) { sw.ListRefusedStatus = status })
		l.get(minePath+"Active", token).want(status)
	}
	if got := l.Stats().Lists; got != 4 {
		t.Errorf("%d lists, want 4", got)
	}
}

func TestWhoSeesWhat(t *testing.T) {
	l := newLab(t, Options{})
	mine, other, admin := l.token(DefaultUser), l.token(DefaultUserNoMFA), l.token(DefaultAdmin)
	id := l.create(mine, linuxRoot, linuxHost)
	forOther := l.createWith(admin, map[string]any{
		"activityName": linuxRoot, "managedResourceName": linuxHost,
		"managedAccountId": deriveGUID("managed account", DefaultUserNoMFA),
	})
	tests := map[string]struct {
		path, token string
		want        int
	}{
		"the owner gets it":               {sessionsPath + "/" + id, mine, 200},
		"in upper case too":               {sessionsPath + "/" + strings.ToUpper(id), mine, 200},
		"another user does not":           {sessionsPath + "/" + id, other, 404},
		"nor its RDP file":                {sessionsPath + "/Rdp/" + id, other, 404},
		"nor its log":                     {sessionsPath + "/" + id + "/Log", other, 404},
		"an administrator does":           {sessionsPath + "/" + id, admin, 200},
		"for whom it was created gets it": {sessionsPath + "/" + forOther, other, 200},
		"an unknown id":                   {sessionsPath + "/" + newGUID(), mine, 404},
		"no id at all":                    {sessionsPath + "/7", mine, 400},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { l.in(t).get(tc.path, tc.token).want(tc.want) })
	}
	l.SetSwitches(func(sw *Switches) { sw.ForeignStatus = 403 })
	l.get(sessionsPath+"/"+id, other).want(403)
	l.do("DELETE", sessionsPath+"/"+id, other, nil).want(403)
	total := func(token string) int { return l.list(minePath+"Pending", token).RecordsTotal }
	if diff := cmp.Diff([]int{1, 1}, []int{total(mine), total(other)}); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
}

func TestOrders(t *testing.T) {
	l := newLab(t, Options{ProvisioningDelay: -1})
	token := l.token(DefaultUser)
	for _, x := range []struct{ note, activity, start string }{
		{"b", linuxPatching, "2025-03-13T00:00:00Z"},
		{"c", linuxAudit, "2025-03-12T00:00:00Z"},
		{"a", linuxRoot, "2025-03-14T00:00:00Z"},
	} {
		l.createWith(token, map[string]any{
			"activityName": x.activity, "managedResourceName": linuxHost, "note": x.note, "ticket": "t",
			"startDateTimeUtc": x.start,
		})
		l.advance(time.Millisecond)
	}
	tests := map[string][]string{
		"": {"b", "c", "a"}, "createdDateTimeUtc": {"b", "c", "a"}, "startDateTimeUtc": {"c", "b", "a"},
		"endDateTimeUtc": {"c", "b", "a"}, "activityName": {"c", "b", "a"}, "note": {"a", "b", "c"},
		"sessionStatus": {"b", "c", "a"},
	}
	for order, want := range tests {
		if diff := cmp.Diff(want, l.list(minePath+"Pending?orderBy="+order, token).notes()); diff != "" {
			t.Errorf("ordered by %q (-want +got):\n%s", order, diff)
		}
	}
}
