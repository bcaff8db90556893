// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"testing"
)

func TestLookups(t *testing.T) {
	l := newLab(t, Options{})
	token, activity := l.token(DefaultUser), deriveGUID("activity", linuxRoot)
	policies := "/api/v1/AccessControlPolicy/"
	tests := map[string]struct {
		path, token string
		want        int
	}{
		"an unknown platform":         {"/api/v1/Platform/" + newGUID(), token, 404},
		"own cards":                   {policies + "ActivityCardWithPolicies?groupByPolicy=false", token, 200},
		"resources of an activity":    {policies + "ActivitySessionResources?activityId=" + activity, token, 200},
		"resources of an unknown one": {policies + "ActivitySessionResources?activityId=" + newGUID(), token, 400},
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
		"in another case":                         {"GET", "/API/V1/activitysession/MYSUMMARYBYSTATUS/active", 200},
		"a literal wins at the front":             {"GET", sessionsPath + "/rdp/password", 400},
		"no such path":                            {"GET", "/api/v1/Nothing", 404},
		"no such method":                          {"PATCH", sessionsPath, 405},
		"a trailing slash makes no difference":    {"GET", minePath + "Active/", 200},
		"the application's door is not the API's": {"POST", "/api/v1/AppUserToken", 404},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { l.in(t).do(tc.method, tc.path, token, nil).want(tc.want) })
	}
}
