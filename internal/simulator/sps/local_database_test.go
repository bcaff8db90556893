// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

const passwords = configuration + "/passwords"

func (c *client) password(plain string) string {
	c.t.Helper()
	return c.create(passwords, object{"plain": plain})
}

func TestUserWithPassword(t *testing.T) {
	b := start(t, "8.0", nil)
	c := b.logIn()
	first := c.password("first")
	path := users + "/" + c.create(users, object{"name": "alice", "password": first})
	c.commit()
	created := float64(b.now().Unix())
	want := object{
		"name": "alice", "password_created": created,
		"password": object{"key": first, "meta": object{"href": passwords + "/" + first}},
	}
	if diff := cmp.Diff(want, c.must(http.MethodGet, path, nil)["body"]); diff != "" {
		t.Fatalf("user (-want +got):\n%s", diff)
	}

	b.advance(time.Minute)
	c.must(http.MethodPut, path, object{"name": "alice", "password": first}) // the user's own password again (Q16)
	if got := dig(c.must(http.MethodGet, path, nil), "body", "password_created"); got != created {
		t.Errorf("the same password moved password_created to %v", got)
	}
	second := c.password("second")
	c.must(http.MethodPut, path, object{"name": "alice", "password": second, "password_created": created})
	c.commit()
	if got := dig(c.must(http.MethodGet, path, nil), "body", "password_created"); got != created+60 {
		t.Errorf("password_created is %v, want %v", got, created+60)
	}
	if got := b.anonymous().authenticate("alice", "second", ""); got != 403 {
		t.Errorf("log-in with the new password: %d, want 403 (right password, no right)", got)
	}
	if got := b.anonymous().authenticate("alice", "first", ""); got != 401 {
		t.Errorf("log-in with the old password: %d, want 401", got)
	}
	c.refusedWith(404, "NotFound", http.MethodGet, passwords+"/"+first, nil) // nothing refers to it any more
}

func TestPasswordsAreNeverShown(t *testing.T) {
	const secret = "the-secret-that-must-not-be-seen"
	b := start(t, "8.0", nil)
	c := b.logIn()
	key := c.password(secret)
	c.create(users, object{"name": "alice", "password": key})
	for _, path := range []string{passwords + "/" + key, transaction + "/changes", users} {
		if got := c.send(c.request(http.MethodGet, path, nil)); got.status != 200 || strings.Contains(got.text, secret) {
			t.Errorf("GET %s: %d %s", path, got.status, got.text)
		}
	}
	c.commit()
	if _, body := control(t, b.sps, http.MethodGet, "/state", ""); strings.Contains(body, secret) {
		t.Errorf("the control API shows it: %s", body)
	}
}

func TestPasswordRules(t *testing.T) {
	b := start(t, "8.0", nil)
	c := b.logIn()
	key := c.password("p")
	c.create(users, object{"name": "alice", "password": key})
	c.refusedWith(405, "MethodNotAllowed", http.MethodGet, passwords, nil)
	c.refusedWith(405, "MethodNotAllowed", http.MethodPut, passwords+"/"+key, object{"plain": "q"})
	c.refusedWith(405, "MethodNotAllowed", http.MethodDelete, passwords+"/"+key, nil)
	c.refusedWith(400, "SemanticError", http.MethodPost, users, object{"name": "bob", "password": key})
	c.refusedWith(400, "SyntacticError", http.MethodPost, passwords, object{"plain": "p", "hash": "x"})
	c.refusedWith(400, "SyntacticError", http.MethodPost, passwords, object{})
	c.create(passwords, object{"hash": "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"})
}

func TestUnusedSecretsVanish(t *testing.T) {
	tests := map[string]struct {
		path string
		body object
	}{
		"a password":    {passwords, object{"plain": "p"}},
		"a certificate": {configuration + "/x509", object{"certificate": "c", "private_key": "k"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := start(t, "8.0", nil).logIn()
			path := tt.path + "/" + c.create(tt.path, tt.body)
			c.must(http.MethodGet, path, nil)
			c.commit()
			c.refusedWith(404, "NotFound", http.MethodGet, path, nil)
		})
	}
	c := start(t, "8.0", nil).logIn()
	path := configuration + "/x509/893b7eb7-8c6f-403a-ba3a-1d09dc4b4c7a"
	c.create(groups, object{"name": "g", "members": []string{}})
	c.commit()
	c.must(http.MethodGet, path, nil) // a certificate that was there before stays
}

func TestGroupMembers(t *testing.T) {
	const path = groups + "/g"
	tests := map[string]struct {
		shape string
		want  any
	}{
		"as references": {sps.MembersRefs, []any{object{"key": "u", "meta": object{"href": users + "/u"}}}},
		"as keys":       {sps.MembersKeys, []any{"u"}},
		"as names":      {sps.MembersNames, []any{"alice"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := start(t, "8.0", func(s *sps.Switches) { s.MembersShape = tt.shape })
			b.sps.Put("aaa/local_database/users", "u", object{"name": "alice", "password": "p"})
			b.sps.Put("aaa/local_database/groups", "g", object{"name": "auditors", "members": []string{"u"}})
			c := b.logIn()
			if diff := cmp.Diff(tt.want, dig(c.must(http.MethodGet, path, nil), "body", "members")); diff != "" {
				t.Errorf("object (-want +got):\n%s", diff)
			}
			items, _ := c.must(http.MethodGet, groups, nil)["items"].([]any)
			if diff := cmp.Diff(tt.want, dig(items[len(items)-1], "body", "members")); diff != "" {
				t.Errorf("list item (-want +got):\n%s", diff)
			}
			byName := object{"name": "auditors", "members": []string{"alice"}}
			c.refusedWith(400, "SemanticError", http.MethodPut, path, byName)
		})
	}
}

func TestWhatCannotBeDeleted(t *testing.T) {
	b := start(t, "8.0", nil)
	b.sps.Put("aaa/local_database/users", "u", object{"name": "alice", "password": "p"})
	b.sps.Put("aaa/local_database/groups", "member", object{"name": "auditors", "members": []string{"u"}})
	b.sps.Put("aaa/local_database/groups", "named", object{"name": "reporting", "members": []string{}})
	b.sps.Put("rdp/connections", "p", policy(t, "a"))
	c := b.logIn()
	for name, path := range map[string]string{
		"a built-in policy":                  configuration + "/rdp/channel_policies/-20100",
		"the account admin":                  users + "/103640099357f3b14f0529a",
		"a user who is a member of a group":  users + "/u",
		"a group that a policy names":        groups + "/named",
		"an object that a policy refers to":  configuration + "/policies/ldap_servers/250588254571b931066482",
		"a plugin whose settings are in use": configuration + "/plugins/aa/3310425545a8440c1b2d7a",
	} {
		t.Run(name, func(t *testing.T) { c.in(t).refusedWith(400, "SemanticError", http.MethodDelete, path, nil) })
	}
	c.must(http.MethodDelete, connections+"/p", nil)
	c.must(http.MethodDelete, groups+"/named", nil) // nothing names it any more
	c.must(http.MethodDelete, groups+"/member", nil)
	c.must(http.MethodDelete, users+"/u", nil)
	c.commit()
}
