// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/sps"
)

func TestMemberKeys(t *testing.T) {
	t.Parallel()
	user := func(key, name string) sps.Record { return sps.Record{Key: key, Name: name} }
	users := []sps.Record{
		user("k1", "alice"), user("k2", "bob"), user("k3", "twin"), user("k4", "twin"), user("k5", "k1"), user("k6", "k6"),
		user("k7", "jo\u0308rg"), user("k8", "ren\u00e9"), user("k9", "rene\u0301"),
	}
	tests := map[string]struct {
		group string
		want  []string
		err   string
	}{
		"names":      {group: `{"members":["bob","alice"]}`, want: []string{"k2", "k1"}},
		"keys":       {group: `{"members":["k2","k3"]}`, want: []string{"k2", "k3"}},
		"references": {group: `{"members":[{"key":"k2","meta":{"href":"/x"}}]}`, want: []string{"k2"}},
		"all of them": {
			group: `{"members":["alice","k2",{"key":"k99","meta":{}}]}`, want: []string{"k1", "k2", "k99"},
		},
		"a name in another form of Unicode":    {group: `{"members":["j\u00f6rg"]}`, want: []string{"k7"}},
		"names that differ in their form only": {group: `{"members":["rene\u0301","ren\u00e9"]}`, want: []string{"k9", "k8"}},
		"a user whose name is a key":           {group: `{"members":["k6"]}`, want: []string{"k6"}},
		"no members":                           {group: `{"members":[]}`, want: []string{}},
		"no word about members":                {group: `{}`},
		"members are null":                     {group: `{"members":null}`},
		"a name that two users have": {
			group: `{"name":"g","members":["twin"]}`, err: `group "g": member "twin" matches 2 local users`,
		},
		"a key that is also a name":   {group: `{"members":["k1"]}`, err: "matches 2 local users"},
		"a member who is not a user":  {group: `{"members":["mallory"]}`, err: `"mallory" is not a local user`},
		"a number":                    {group: `{"members":[1]}`, err: "neither a name nor a key"},
		"an object of another kind":   {group: `{"members":[{"name":"bob"}]}`, err: "neither a name nor a key"},
		"members that are not a list": {group: `{"name":"g","members":"bob"}`, err: `"g" are not a list`},
		"an empty text is not a user": {group: `{"members":[""]}`, err: "not a local user"},
		"capitals make another name":  {group: `{"members":["Bob"]}`, err: "not a local user"},
		"a member who is named twice": {group: `{"members":["bob","k2"]}`, want: []string{"k2", "k2"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := sps.MemberKeys(body(t, tc.group), users)
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Fatalf("got %v, want %q", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUsersAndGroupsOnTheWire(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   any
		want string
	}{
		"a user": {
			in: sps.User{Name: new("alice"), Password: new("k")}, want: `{"name":"alice","password":"k"}`,
		},
		"a new password only": {in: sps.User{Password: new("k")}, want: `{"password":"k"}`},
		"a group": {
			in: sps.Group{Name: new("g"), Members: []string{"k1"}}, want: `{"name":"g","members":["k1"]}`,
		},
		"a group without members":   {in: sps.Group{Members: []string{}}, want: `{"members":[]}`},
		"members are not managed":   {in: sps.Group{Name: new("g")}, want: `{"name":"g"}`},
		"nothing at all is managed": {in: sps.Group{}, want: `{}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := sps.ToBody(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(body(t, tc.want), got); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}
