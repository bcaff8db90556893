// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

const sampleKey = "12932832285a830b4d2f5d7"

func TestSamplesOfTheVendor(t *testing.T) {
	withoutCountdown := func(s *sps.Switches) { s.RemainingSeconds = sps.RemainingNever }
	const testUser, testPassword = "46785097158061f46c63d0", "8f84d7d1-9de1-429a-a7a7-c33a61cc7419"
	putUser := func(a *sps.Appliance) {
		a.Put("passwords", testPassword, object{"plain": "secret"})
		a.Put("aaa/local_database/users", testUser, object{
			"name": "testuser", "password": testPassword, "password_created": 1476796261,
		})
	}
	tests := map[string]struct {
		version   string
		configure func(*sps.Switches)
		prepare   func(*sps.Appliance)
		path      string
		want      string
	}{
		"a policy of 6.0.4": {
			version: "6.0", path: connections + "/" + sampleKey, want: "rdp_connection.json",
		},
		"the list of policies of 6.0.4, asked for with a trailing slash": {
			version: "6.0", path: connections + "/", want: "rdp_connections.json",
		},
		"the area of the local database of 7.0.3": {
			version: "7.0", path: configuration + "/aaa/local_database", want: "local_database.json",
		},
		"a user group of 7.0.3": {
			version: "7.0", path: groups + "/ca2dc85730ca082ee6b5c8", want: "group.json",
		},
		"the users of 7.0.3": {version: "7.0", prepare: putUser, path: users, want: "users.json"},
		"a user of 7.0.3": {
			version: "7.0", prepare: putUser, path: users + "/" + testUser, want: "user.json",
		},
		"the same user of 8.0 without a countdown": {
			version: "8.0", configure: withoutCountdown, prepare: putUser, path: users + "/" + testUser, want: "user.json",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := start(t, tt.version, tt.configure)
			b.sps.Put("rdp/connections", sampleKey, policy(t, "rdp_demo"))
			if tt.prepare != nil {
				tt.prepare(b.sps)
			}
			got := b.logIn().must(http.MethodGet, tt.path, nil)
			if diff := cmp.Diff(sample(t, tt.want), got); diff != "" {
				t.Errorf("GET %s (-want +got):\n%s", tt.path, diff)
			}
		})
	}
}

func TestAnswersToChanges(t *testing.T) {
	c := start(t, "7.0", nil).logIn()
	answer := c.send(c.request(http.MethodPost, connections, policy(t, "a")))
	created := answer.body
	key, _ := created["key"].(string)
	meta := object{"href": connections + "/" + key, "parent": connections, "transaction": transaction}
	if answer.status != http.StatusCreated {
		t.Errorf("POST: status %d, want 201", answer.status)
	}
	if diff := cmp.Diff(object{"key": key, "meta": meta}, created); diff != "" {
		t.Errorf("POST (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(created, c.must(http.MethodPut, connections+"/"+key, policy(t, "b"))); diff != "" {
		t.Errorf("PUT (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(object{"meta": meta}, c.must(http.MethodDelete, connections+"/"+key, nil)); diff != "" {
		t.Errorf("DELETE (-want +got):\n%s", diff)
	}
}

func TestLinksOfTheConfigurationRoot(t *testing.T) {
	c := start(t, "7.0", nil).logIn()
	root := c.must(http.MethodGet, configuration, nil)
	want := object{
		"first": configuration, "href": configuration, "last": configuration, "next": nil, "parent": nil, "previous": nil,
		"transaction": transaction,
	}
	if diff := cmp.Diff(want, root["meta"]); diff != "" {
		t.Errorf("meta (-want +got):\n%s", diff)
	}
	items, _ := root["items"].([]any)
	if dig(items[0], "key") != "aaa" || dig(items[len(items)-1], "key") != "x509" {
		t.Errorf("items go from %v to %v, want aaa to x509", items[0], items[len(items)-1])
	}
}

func TestListItemsCarryBodiesFrom73(t *testing.T) {
	for version, want := range map[string]bool{"6.0": false, "7.0": false, "7.3": true, "8.0": true} {
		t.Run(version, func(t *testing.T) {
			c := start(t, version, nil).logIn()
			items, _ := c.must(http.MethodGet, configuration+"/rdp/channel_policies", nil)["items"].([]any)
			if len(items) != 2 {
				t.Fatalf("items: %v", items)
			}
			if got := dig(items[1], "body", "name") == "all"; got != want {
				t.Errorf("item with body: %v, want %v", items[1], want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	group := object{"name": "x", "members": []any{}}
	tests := map[string]struct {
		method, path string
		body         any
		status       int
		kind         string
	}{
		"an object that does not exist":        {http.MethodGet, connections + "/nothing", nil, 404, "NotFound"},
		"an endpoint that does not exist":      {http.MethodGet, configuration + "/nothing/at/all", nil, 404, "NotFound"},
		"an area outside that does not exist":  {http.MethodGet, "/api/nothing", nil, 404, "NotFound"},
		"a change of what does not exist":      {http.MethodPut, groups + "/x", group, 404, "NotFound"},
		"removal of what does not exist":       {http.MethodDelete, groups + "/x", nil, 404, "NotFound"},
		"a PATCH, which the API does not have": {http.MethodPatch, groups + "/x", object{}, 405, "MethodNotAllowed"},
		"a body that is no object":             {http.MethodPost, groups, []string{"a"}, 400, "SyntacticError"},
		"a body in the form of GET":            {http.MethodPost, groups, object{"body": group}, 400, "SyntacticError"},
		"a POST to an area":                    {http.MethodPost, configuration + "/rdp", object{}, 405, "MethodNotAllowed"},
		"a POST to an object":                  {http.MethodPost, groups + "/x", object{}, 405, "MethodNotAllowed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := start(t, "8.0", nil).logIn()
			answer := c.refusedWith(tt.status, tt.kind, tt.method, tt.path, tt.body)
			if got := dig(answer, "error", "details", "resource"); got != tt.path {
				t.Errorf("details.resource is %v, want %s", got, tt.path)
			}
		})
	}
}
