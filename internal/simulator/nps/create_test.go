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

// sampleMembers are the member names in the vendor's sample output (seed of the docs/vendors/nps.md).
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

// sampleNested are the member counts of the nested objects in the same sample.
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
	tests := map[string]struct {
		body     string
		switches func(*Switches)
		want     int
	}{
		"member names in another case": {
			body: `{"MANAGEDRESOURCENAME":"DB1.payments.example.com","activityname":"linux ROOT"}`, want: 201,
		},
		"nulls where they may be": {
			body: root(`,"note":null,"ticket":null,"accessPolicyId":null,"endDateTimeUtc":null,"customFields":null`), want: 201,
		},
		"another status by the switch": {
			body:     root(""),
			switches: func(sw *Switches) { sw.CreatedStatus = 200 }, want: 200,
		},
		"a policy that does not fit": {
			body: root(`,"accessPolicyId":"` + deriveGUID("policy", "Windows") + `"`), want: 400,
		},
		"neither resource nor credential": {body: `{"activityName":"Linux root"}`, want: 400},
		"no activity":                     {body: `{"managedResourceName":"db1.payments.example.com"}`, want: 400},
		"a note is missing":               {body: on(linuxHost, linuxAudit, `,"note":" "`), want: 400},
		"somebody else's account": {
			body: root(`,"managedAccountId":"` + deriveGUID("managed account", DefaultAdmin) + `"`), want: 403,
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

func TestTimesWithoutAZoneAreUTC(t *testing.T) {
	l := newLab(t, Options{})
	id := l.createWith(l.token(DefaultUser), map[string]any{
		"activityName": linuxRoot, "managedResourceName": linuxHost, "startDateTimeUtc": "2025-03-12T00:00:00",
	})
	if x, _ := l.Session(id); !x.Start.Equal(time.Date(2025, 3, 12, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the start is %s", x.Start)
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
		"it is empty":             {[]customField{{"", StringField, "cost-centre", ""}}, 400},
		"of another type":         {[]customField{{"", IntegerField, "cost-centre", "42"}}, 400},
		"of another policy":       {[]customField{{newGUID(), StringField, "cost-centre", "42"}}, 400},
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

func TestCreateWithoutABody(t *testing.T) {
	l := newLab(t, Options{})
	l.SetSwitches(func(sw *Switches) { sw.CreatedWithoutBody = true })
	body := map[string]any{"activityName": linuxRoot, "managedResourceName": linuxHost}
	answer := l.do(post, sessionsPath, l.token(DefaultUser), body).want(201)
	if answer.body != "" || answer.header.Get("Location") == "" {
		t.Errorf("answer %q, header %v", answer.body, answer.header)
	}
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
