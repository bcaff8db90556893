// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sampleMembers are the names that the vendor's sample output shows (seed of the nps contract).
const sampleMembers = `
id createdBy createdByUserName createdFromAddress createdDateTimeUtc credentialId userCredentialId
connectCredentialId locked loginAccountName vaultId vaultInfo activityId activity activityConfigurationId
activityConfiguration activitySessionGroupId activitySessionGroup accessControlPolicyId accessControlPolicy
managedAccountId managedAccount managedResourceId managedResource sessionInitActionQueueId sessionInitActionQueue
createUserActionQueueId createUserActionQueue disableUserActionQueueId disableUserActionQueue startActionQueueId
startActionQueue duringActionQueueId duringActionQueue monitorActionQueueId monitorActionQueue endActionQueueId
endActionQueue messageActionQueueId messageActionQueue status statusDescription scheduledStartDateTimeUtc
actualStartDateTimeUtc scheduledEndDateTimeUtc actualEndDateTimeUtc cancelledBy targetUserId targetId proxySessions
approvalWorkflowId approvalWorkflow approvalWorkflowApprovals note ticket nodeId modifiedDateTimeUtc
allowSessionExtension sessionExtensionCount sessionExtensionMinutes customFields`

// sampleNested are the numbers of members of the nested objects in the same sample.
var sampleNested = map[string]int{
	"activity": 32, "activityConfiguration": 44, "accessControlPolicy": 23, "managedAccount": 13, "managedResource": 49,
}

func members(o map[string]any) []string {
	return slices.Sorted(maps.Keys(o))
}

func TestFullSessionHasTheSamplesMembers(t *testing.T) {
	l := newLab(t, Options{})
	got := l.do(post, sessionsPath, l.token(DefaultUser), map[string]any{
		"ManagedResourceName": linuxHost, "ActivityName": linuxRoot, "note": "n", "Ticket": "T-1",
	}).want(http.StatusCreated).object()
	want := strings.Fields(sampleMembers)
	slices.Sort(want)
	if len(want) != 61 {
		t.Fatalf("the sample has %d members, want 61", len(want))
	}
	if diff := cmp.Diff(want, members(got)); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	nested := map[string]int{}
	for name := range sampleNested {
		o, _ := got[name].(map[string]any)
		nested[name] = len(o)
	}
	if diff := cmp.Diff(sampleNested, nested); diff != "" {
		t.Errorf("members of nested objects (-want +got):\n%s", diff)
	}
}

func TestCreatedSession(t *testing.T) {
	l := newLab(t, Options{ProvisioningDelay: time.Minute})
	answer := l.do(post, sessionsPath, l.token(DefaultUser), map[string]any{
		"ManagedResourceName": linuxHost, "ActivityName": linuxRoot, "note": "n", "Ticket": "T-1",
	}).want(http.StatusCreated)
	got := answer.object()
	id, _ := got["id"].(string)
	if answer.header.Get("Location") != "/api/v1/ActivitySession/"+id {
		t.Errorf("Location is %q", answer.header.Get("Location"))
	}
	want := map[string]any{
		"createdByUserName": DefaultUser, "createdFromAddress": "192.0.2.1", "loginAccountName": "svc-k8s-nps",
		"status": 0.0, "statusDescription": "Activity session created.", "note": "n", "ticket": "T-1",
		"createdDateTimeUtc": "2025-03-11T18:39:30Z", "scheduledStartDateTimeUtc": "2025-03-11T18:39:30Z",
		"scheduledEndDateTimeUtc": "2025-03-12T02:39:30Z", "actualStartDateTimeUtc": nil, "actualEndDateTimeUtc": nil,
		"allowSessionExtension": true, "sessionExtensionCount": 2.0, "sessionExtensionMinutes": 30.0,
		"cancelledBy": nil, "customFields": []any{}, "proxySessions": []any{}, "locked": false,
	}
	for name := range got {
		if _, checked := want[name]; !checked {
			delete(got, name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
}

func TestCreateRules(t *testing.T) {
	on := func(resource, activity, more string) string {
		return `{"managedResourceName":"` + resource + `","activityName":"` + activity + `"` + more + `}`
	}
	root := func(more string) string { return on(linuxHost, linuxRoot, more) }
	ids := func(activity, resource string) string {
		return `{"activityId":"` + deriveGUID("activity", activity) + `","managedResourceId":"` +
			strings.ToUpper(deriveGUID("resource", resource)) + `"}`
	}
	tests := map[string]struct {
		body     string
		switches func(*Switches)
		want     int
	}{
		"names": {body: root(""), want: 201},
		"member names in another case": {
			body: `{"MANAGEDRESOURCENAME":"DB1.payments.example.com","activityname":"linux ROOT"}`, want: 201,
		},
		"ids":            {body: ids(linuxRoot, linuxHost), want: 201},
		"the IP address": {body: on("192.0.2.11", linuxRoot, ""), want: 201},
		"a credential by name": {
			body: `{"credentialName":"svc-backup","activityName":"Credential Release"}`, want: 201,
		},
		"a credential by user and domain": {
			body: `{"credentialUsername":"svc-backup","credentialDomain":"lab","activityName":"Credential Release"}`, want: 201,
		},
		"nulls where they may be": {
			body: root(`,"note":null,"ticket":null,"accessPolicyId":null,"endDateTimeUtc":null,"customFields":null`), want: 201,
		},
		"a future start": {body: root(`,"startDateTimeUtc":"2030-01-01T00:00:00Z"`), want: 201},
		"the policy by id": {
			body: root(`,"accessPolicyId":"` + deriveGUID("policy", "Linux") + `"`), want: 201,
		},
		"another status by the switch": {
			body:     root(""),
			switches: func(sw *Switches) { sw.CreatedStatus = 200 }, want: 200,
		},
		"an end beyond the maximum": {body: root(`,"endDateTimeUtc":"2030-01-01T00:00:00Z"`), want: 201},
		"the same when the switch says so": {
			body:     root(`,"endDateTimeUtc":"2030-01-01T00:00:00Z"`),
			switches: func(sw *Switches) { sw.EndBeyondMaximumRefused = true }, want: 400,
		},
		"an end before the start": {body: root(`,"endDateTimeUtc":"2020-01-01T00:00:00Z"`), want: 400},
		"a policy that does not fit": {
			body: root(`,"accessPolicyId":"` + deriveGUID("policy", "Windows") + `"`), want: 400,
		},
		"the display name is no name": {body: on("payments database", linuxRoot, ""), want: 404},
		"an unknown resource":         {body: on("nowhere", linuxRoot, ""), want: 404},
		"an unknown activity":         {body: on(linuxHost, "Knitting", ""), want: 404},
		"an unknown credential": {
			body: `{"credentialName":"nobody","activityName":"Credential Release"}`, want: 404,
		},
		"no policy for known names":       {body: on(windowsHost, linuxRoot, ""), want: 400},
		"neither resource nor credential": {body: `{"activityName":"Linux root"}`, want: 400},
		"no activity":                     {body: `{"managedResourceName":"db1.payments.example.com"}`, want: 400},
		"a note is missing":               {body: on(linuxHost, linuxAudit, `,"note":" "`), want: 400},
		"a note is given":                 {body: on(linuxHost, linuxAudit, `,"note":"why"`), want: 201},
		"a ticket is missing":             {body: on(linuxHost, linuxPatching, ""), want: 400},
		"a ticket is given":               {body: on(linuxHost, linuxPatching, `,"ticket":"T"`), want: 201},
		"somebody else's account": {
			body: root(`,"managedAccountId":"` + deriveGUID("managed account", DefaultAdmin) + `"`), want: 403,
		},
		"the licence has expired": {
			body:     root(""),
			switches: func(sw *Switches) { sw.LicenceExpired = true }, want: 403,
		},
		"a custom field that nobody defined": {
			body: root(`,"customFields":[{"customFieldDataType":1,"name":"x","value":"y"}]`), want: 400,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Options{})
			if tc.switches != nil {
				l.SetSwitches(tc.switches)
			}
			l.do(post, sessionsPath, l.token(DefaultUser), tc.body).want(tc.want)
			if stored := len(l.Sessions()); (stored == 1) != (tc.want < 300) {
				t.Errorf("%d sessions are stored", stored)
			}
		})
	}
}

func TestCreateValidationProblems(t *testing.T) {
	l := newLab(t, Options{})
	token := l.token(DefaultUser)
	tests := map[string]struct{ body, field string }{
		"null activity id":       {`{"activityId":null}`, "$.activityId"},
		"null account id":        {`{"managedAccountId":null}`, "$.managedAccountId"},
		"null start":             {`{"startDateTimeUtc":null}`, "$.startDateTimeUtc"},
		"empty start":            {`{"startDateTimeUtc":""}`, "$.startDateTimeUtc"},
		"empty activity id":      {`{"activityId":""}`, "$.activityId"},
		"bad resource id":        {`{"ManagedResourceId":"7"}`, "$.managedResourceId"},
		"number instead of text": {`{"note":7}`, "$.note"},
		"bad custom fields":      {`{"customFields":{}}`, "$.customFields"},
		"broken JSON":            {`{"note":`, "$"},
		"null":                   {`null`, "$"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got problem
			answer := l.in(t).do(post, sessionsPath, token, tc.body).want(400)
			answer.decode(&got)
			if len(got.Errors[tc.field]) != 1 || got.TraceID == "" || answer.header.Get("Content-Type") != contentProblem {
				t.Errorf("problem %+v, header %v", got, answer.header)
			}
		})
	}
}

func TestSessionLengths(t *testing.T) {
	tests := map[string]struct {
		activity, start, end string
		wantStart, wantEnd   string
	}{
		"the maximum from now": {linuxAudit, "", "", "2025-03-11T18:39:30Z", "2025-03-11T19:39:30Z"},
		"a shorter end": {
			linuxAudit, "", "2025-03-11T19:00:00Z", "2025-03-11T18:39:30Z", "2025-03-11T19:00:00Z",
		},
		"a longer end is cut": {
			linuxAudit, "", "2025-03-11T23:00:00Z", "2025-03-11T18:39:30Z", "2025-03-11T19:39:30Z",
		},
		"the maximum from a later start": {
			linuxAudit, "2025-03-12T00:00:00Z", "", "2025-03-12T00:00:00Z", "2025-03-12T01:00:00Z",
		},
		"a start in the past means now": {
			linuxAudit, "2025-03-11T00:00:00Z", "", "2025-03-11T18:39:30Z", "2025-03-11T19:39:30Z",
		},
		"times without zone are UTC": {
			linuxAudit, "2025-03-12T00:00:00", "", "2025-03-12T00:00:00Z", "2025-03-12T01:00:00Z",
		},
		"the length follows the activity": {linuxBreakGlass, "", "", "2025-03-11T18:39:30Z", "2025-03-11T18:54:30Z"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Options{})
			body := map[string]any{"activityName": tc.activity, "managedResourceName": linuxHost, "note": "n"}
			for member, text := range map[string]string{"startDateTimeUtc": tc.start, "endDateTimeUtc": tc.end} {
				if text != "" {
					body[member] = text
				}
			}
			id := l.createWith(l.token(DefaultUser), body)
			x, _ := l.Session(id)
			got := [2]string{x.Start.Format(time.RFC3339), x.End.Format(time.RFC3339)}
			if diff := cmp.Diff([2]string{tc.wantStart, tc.wantEnd}, got); diff != "" {
				t.Errorf("start and end (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCustomFields(t *testing.T) {
	fields := []CustomField{
		{Name: "cost-centre", Type: StringField, Required: true},
		{Name: "people", Type: IntegerField},
		{Name: "reason", Type: OptionsField, Options: []string{"repair"}},
	}
	o := Options{Policies: []Policy{{
		Name: "p", Activities: []string{linuxRoot}, Resources: []string{linuxHost}, Profile: Profile{CustomFields: fields},
	}}}
	good := customField{DataType: StringField, Name: "Cost-Centre", Value: "42"}
	tests := map[string]struct {
		fields []customField
		want   int
	}{
		"the required one": {[]customField{good}, 201},
		"all of them": {
			[]customField{good, {"", IntegerField, "people", "3"}, {"", OptionsField, "reason", "repair"}}, 201,
		},
		"the required one lacks":  {nil, 400},
		"it is empty":             {[]customField{{"", StringField, "cost-centre", ""}}, 400},
		"it is too long":          {[]customField{{"", StringField, "cost-centre", "1234567890123"}}, 400},
		"of another type":         {[]customField{{"", IntegerField, "cost-centre", "42"}}, 400},
		"of another policy":       {[]customField{{newGUID(), StringField, "cost-centre", "42"}}, 400},
		"no number":               {[]customField{good, {"", IntegerField, "people", "three"}}, 400},
		"not one of the options":  {[]customField{good, {"", OptionsField, "reason", "fun"}}, 400},
		"one that is not defined": {[]customField{good, {"", StringField, "colour", "red"}}, 400},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, o)
			l.do(post, sessionsPath, l.token(DefaultUser), map[string]any{
				"activityName": linuxRoot, "managedResourceName": linuxHost, "customFields": tc.fields,
			}).want(tc.want)
		})
	}
}

func TestNotesMayGetLost(t *testing.T) {
	tests := map[string]struct {
		change func(*Switches)
		want   string
	}{
		"kept":    {func(*Switches) {}, "übermäßig"},
		"cut":     {func(sw *Switches) { sw.NoteMaxLength = 4 }, "über"},
		"dropped": {func(sw *Switches) { sw.NotesDropped = true }, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Options{})
			l.SetSwitches(tc.change)
			id := l.createWith(l.token(DefaultUser), map[string]any{
				"activityName": linuxRoot, "managedResourceName": linuxHost, "note": "übermäßig",
			})
			if x, _ := l.Session(id); x.Note != tc.want {
				t.Errorf("note is %q, want %q", x.Note, tc.want)
			}
		})
	}
}

func TestLostAndEmptyAnswersToCreate(t *testing.T) {
	l := newLab(t, Options{})
	token := l.token(DefaultUser)
	body := map[string]any{"activityName": linuxRoot, "managedResourceName": linuxHost}
	l.SetSwitches(func(sw *Switches) { sw.CreatesLost = 1 })
	l.do(post, sessionsPath, token, body).want(500)
	l.SetSwitches(func(sw *Switches) { sw.CreatedWithoutBody = true })
	answer := l.do(post, sessionsPath, token, body).want(201)
	if answer.body != "" || answer.header.Get("Location") == "" {
		t.Errorf("answer %q, header %v", answer.body, answer.header)
	}
	if got := len(l.Sessions()); got != 2 || l.Stats().Creates != 2 {
		t.Errorf("%d sessions, stats %+v", got, l.Stats())
	}
}

func TestDuplicatesSwitch(t *testing.T) {
	l := newLab(t, Options{ProvisioningDelay: -1})
	token := l.token(DefaultUser)
	first := l.create(token, linuxRoot, linuxHost)
	l.create(token, linuxRoot, linuxHost)
	l.SetSwitches(func(sw *Switches) { sw.DuplicatesRefused = true })
	body := map[string]any{"activityName": linuxRoot, "managedResourceName": linuxHost}
	l.do(post, sessionsPath, token, body).want(400)
	for _, x := range l.Sessions() {
		l.must(l.SetStatus(x.ID, Complete))
	}
	l.do(post, sessionsPath, token, body).want(201)
	l.wantStatus(first, "Complete")
}

func TestGroupIsCreatedWholeOrNotAtAll(t *testing.T) {
	l := newLab(t, Options{})
	token := l.token(DefaultUser)
	good := map[string]any{"activityName": linuxRoot, "managedResourceName": linuxHost}
	bad := map[string]any{"activityName": linuxRoot, "managedResourceName": "nowhere"}
	l.do(post, sessionsPath+"/Group", token, []any{good, bad}).want(404)
	if got := len(l.Sessions()); got != 0 {
		t.Fatalf("%d sessions of a refused group", got)
	}
	var group struct {
		ID               string
		ActivitySessions []struct{ ActivitySessionGroupID string }
	}
	l.do(post, sessionsPath+"/Group", token, []any{good, good}).want(201).decode(&group)
	if len(group.ActivitySessions) != 2 || group.ActivitySessions[0].ActivitySessionGroupID != group.ID {
		t.Errorf("group %+v", group)
	}
	l.do(post, sessionsPath+"/Group", token, good).want(400)
}

func TestShapesOfReadSwitches(t *testing.T) {
	l := newLab(t, Options{})
	token := l.token(DefaultUser)
	id := l.create(token, linuxRoot, linuxHost)
	tests := map[string]struct {
		change func(*Switches)
		member string
		want   string // JSON
	}{
		"status as a name":     {func(sw *Switches) { sw.StatusNames = true }, "status", `"Pending"`},
		"no description":       {func(sw *Switches) { sw.NullStatusDescription = true }, "statusDescription", `null`},
		"custom fields object": {func(sw *Switches) { sw.CustomFields = "Object" }, "customFields", `{}`},
		"custom fields string": {func(sw *Switches) { sw.CustomFields = "String" }, "customFields", `"[]"`},
		"custom fields null":   {func(sw *Switches) { sw.CustomFields = "Null" }, "customFields", `null`},
		"times without the zone": {
			func(sw *Switches) { sw.TimesWithoutZone = true }, "createdDateTimeUtc", `"2025-03-11T18:39:30"`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := l.in(t)
			before := l.Switches()
			defer l.SetSwitches(func(sw *Switches) { *sw = before })
			l.SetSwitches(tc.change)
			var got map[string]json.RawMessage
			l.get(sessionsPath+"/"+id, token).want(200).decode(&got)
			if string(got[tc.member]) != tc.want {
				t.Errorf("%s is %s, want %s", tc.member, got[tc.member], tc.want)
			}
		})
	}
}
