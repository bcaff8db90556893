// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPolicySearch(t *testing.T) {
	l := newLab(t, Options{Policies: append(defaultPolicies(), Policy{
		Name: "Nobody's", Activities: []string{websiteAdmin}, Resources: []string{linuxHost}, Users: []string{`LAB\x`},
	})})
	token, admin := l.token(DefaultUser), l.token(DefaultAdmin)
	own, foreign := deriveGUID("managed account", DefaultUser), deriveGUID("managed account", DefaultAdmin)
	tests := map[string]struct {
		token, account, activity, resource string
		want                               int
	}{
		"a policy for the caller":              {token, own, "linux audit", linuxHost, 200},
		"without an account":                   {token, "", linuxAudit, linuxHost, 200},
		"for a credential":                     {token, "", credentialRelease, "svc-backup", 200},
		"for somebody else":                    {token, foreign, linuxAudit, linuxHost, 403},
		"an administrator asks for somebody":   {admin, own, linuxAudit, linuxHost, 200},
		"an unknown resource":                  {token, "", linuxAudit, "nowhere", 400},
		"an unknown activity":                  {token, "", "Knitting", linuxHost, 400},
		"a policy that is somebody else's":     {token, "", websiteAdmin, linuxHost, 404},
		"an account id that is none":           {token, "7", linuxAudit, linuxHost, 400},
		"an account that does not exist":       {admin, newGUID(), linuxAudit, linuxHost, 400},
		"nothing at all":                       {token, "", "", "", 400},
		"a resource that the activity is not ": {token, "", windowsAdmin, linuxHost, 404},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			q := url.Values{"managedAccountId": {tc.account}, "activityName": {tc.activity}, "resourceName": {tc.resource}}
			l.in(t).get("/api/v1/AccessControlPolicy/PolicySearch?"+q.Encode(), tc.token).want(tc.want)
		})
	}
	var found []map[string]any
	q := url.Values{"activityName": {linuxAudit}, "resourceName": {linuxHost}}
	l.get("/api/v1/AccessControlPolicy/PolicySearch?"+q.Encode(), token).decode(&found)
	got := []any{found[0]["name"], found[0]["notesRequired"], found[0]["activityConfigurationMaxSessionLength"]}
	if diff := cmp.Diff([]any{"Linux with note", true, 60.0}, got); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

func TestLookups(t *testing.T) {
	l := newLab(t, Options{})
	token, admin := l.token(DefaultUser), l.token(DefaultAdmin)
	resource, activity := deriveGUID("resource", linuxHost), deriveGUID("activity", linuxRoot)
	policies := "/api/v1/AccessControlPolicy/"
	tests := map[string]struct {
		path, token string
		want        int
	}{
		"a resource":                  {"/api/v1/ManagedResource/" + resource, token, 200},
		"an unknown resource is 400":  {"/api/v1/ManagedResource/" + newGUID(), token, 400},
		"all resources":               {"/api/v1/ManagedResource", token, 403},
		"all resources for the admin": {"/api/v1/ManagedResource?filterText=db1&take=1", admin, 200},
		"platforms":                   {"/api/v1/Platform", token, 200},
		"an unknown platform":         {"/api/v1/Platform/" + newGUID(), token, 404},
		"activities":                  {"/api/v1/Activity", token, 200},
		"an activity":                 {"/api/v1/Activity/" + activity, token, 200},
		"an unknown activity":         {"/api/v1/Activity/" + newGUID(), token, 404},
		"own cards":                   {policies + "ActivityCardWithPolicies?groupByPolicy=false", token, 200},
		"cards of somebody else":      {policies + "ManagedAccount/" + newGUID(), token, 403},
		"own cards by account": {
			policies + "ManagedAccount/" + deriveGUID("managed account", DefaultUser), token, 200,
		},
		"resources of an activity":      {policies + "ActivitySessionResources?activityId=" + activity, token, 200},
		"resources of an unknown one":   {policies + "ActivitySessionResources?activityId=" + newGUID(), token, 400},
		"health":                        {"/api/v1/Health", token, 200},
		"an approval without a session": {"/api/v1/ApprovalWorkflow/Approval", admin, 400},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { l.in(t).get(tc.path, tc.token).want(tc.want) })
	}
	clone := l.get("/api/v1/Platform/"+platformClone, token).object()
	if clone["basePlatformId"] != PlatformLinux {
		t.Errorf("the clone's base is %v", clone["basePlatformId"])
	}
	var cards, resources struct{ RecordsTotal int }
	l.get(policies+"ActivityCardWithPolicies", token).decode(&cards)
	l.get(policies+"ActivitySessionResources?activityId="+activity+"&policyId="+deriveGUID("policy", "Linux"), token).
		decode(&resources)
	if cards.RecordsTotal != 9 || resources.RecordsTotal != 2 {
		t.Errorf("%d cards, want 9; %d resources, want 2", cards.RecordsTotal, resources.RecordsTotal)
	}
}

func TestRoutes(t *testing.T) {
	l := newLab(t, Options{})
	token := l.token(DefaultAdmin)
	tests := map[string]struct {
		method, path string
		want         int
	}{
		"a literal wins over an id":               {"GET", sessionsPath + "/count", 403},
		"also in another case":                    {"GET", "/API/V1/activitysession/SEARCH", 200},
		"a literal of another method does not":    {"GET", sessionsPath + "/group", 400},
		"a literal wins at the front":             {"GET", sessionsPath + "/rdp/password", 400},
		"no such path":                            {"GET", "/api/v1/Nothing", 404},
		"no such method":                          {"PATCH", sessionsPath, 405},
		"a trailing slash makes no difference":    {"GET", sessionsPath + "/", 200},
		"the application's door is not the API's": {"POST", "/api/v1/AppUserToken", 404},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { l.in(t).do(tc.method, tc.path, token, nil).want(tc.want) })
	}
}
