// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

const passwords = configuration + "/passwords"

func (c *client) password(plain string) string {
	c.t.Helper()
	return c.create(passwords, object{"plain": plain})
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
	c.must(http.MethodGet, path, nil) // an existing certificate stays
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
