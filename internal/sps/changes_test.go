// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

const changesLine = "GET /api/transaction/changes"

func changes(items ...string) http.HandlerFunc {
	return reply(http.StatusOK, `{"changes":[`+strings.Join(items, ",")+`],"meta":{"href":"/api/transaction/changes"}}`)
}

func change(kind, path string) string {
	return fmt.Sprintf(`{"type":%q,"path":%q,"new_value":{"a":1},"old_value":null}`, kind, path)
}

// TestVerify is about a transaction that created policy n1 and password p1, replaced user u1 and deleted group g1.
func TestVerify(t *testing.T) {
	t.Parallel()
	const conf = "/api/configuration/"
	tests := map[string]struct {
		answer  http.HandlerFunc
		foreign []string
		check   func(error) bool
	}{
		"nothing": {answer: changes()},
		"what was written": {answer: changes(
			change("create", conf+"rdp/connections/n1"), change("create", conf+"passwords/p1"),
			change("replace", conf+"aaa/local_database/users/u1"), change("delete", conf+"aaa/local_database/groups/g1"),
		)},
		"paths in other forms": {answer: changes(
			change("create", "rdp/connections/n1"), change("create", "/configuration/rdp/connections/n1/"),
			change("replace", "api/configuration/aaa/local_database/users/u1"),
			change("replace", conf+"aaa/local_database/users/u%31"),
		)},
		"something inside an object": {answer: changes(
			change("replace", conf+"rdp/connections/n1/network/ports"),
			change("replace", conf+"aaa/local_database/users/u1/password"),
		)},
		"the order of a collection that gained a member": {answer: changes(change("reorder", conf+"rdp/connections"))},
		"the password that a user no longer has":         {answer: changes(change("delete", conf+"passwords/old"))},
		"another client's policy": {
			answer:  changes(change("create", conf+"rdp/connections/n1"), change("replace", conf+"rdp/connections/n2")),
			foreign: []string{conf + "rdp/connections/n2"},
		},
		"a key that begins like ours": {
			answer:  changes(change("create", conf+"rdp/connections/n11"), change("create", conf+"ssh/connections/n1")),
			foreign: []string{conf + "rdp/connections/n11", conf + "ssh/connections/n1"},
		},
		"a new password that we did not make": {
			answer: changes(change("create", conf+"passwords/p2")), foreign: []string{conf + "passwords/p2"},
		},
		"all of the configuration": {
			answer: changes(change("replace", conf), change("replace", "")), foreign: []string{conf, ""},
		},
		"the appliance has no such list: 404": {answer: problem(404, "NotFound", "no")},
		"the appliance has no such list: 405": {answer: problem(405, "X", "no")},
		"an error":                            {answer: problem(500, "X", "no"), check: rest.IsOutcomeUnknown},
		"no transaction":                      {answer: problem(409, "NoTransaction", "no"), check: sps.IsTransactionLost},
		"an answer without changes":           {answer: reply(200, "{}"), check: isMalformed},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on(changesLine, tc.answer)
			err := writtenTransaction(a).Verify(t.Context())
			if tc.check != nil {
				if !tc.check(err) {
					t.Errorf("got %v", err)
				}
				return
			}
			var foreign *sps.ForeignChangesError
			if errors.As(err, &foreign) != (tc.foreign != nil) || foreign == nil && err != nil {
				t.Fatalf("got %v", err)
			}
			if foreign != nil {
				if diff := cmp.Diff(tc.foreign, foreign.Paths); diff != "" {
					t.Errorf("foreign paths (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func writtenTransaction(a *appliance) *sps.Transaction {
	a.t.Helper()
	const (
		users  = "/api/configuration/aaa/local_database/users/u1"
		groups = "/api/configuration/aaa/local_database/groups/"
	)
	a.on(postRDP, created("n1"))
	a.on("POST /api/configuration/passwords", created("p1"))
	a.on("PUT "+users, reply(200, "{}"))
	a.on("DELETE "+groups+"g1", reply(200, "{}"))
	a.on("GET /api/configuration/rdp/connections/n1", reply(200, object("n1", `{"name":"n"}`)))
	a.on("GET "+users, reply(200, object("u1", `{"name":"u","password":{"key":"p1","meta":{}}}`)))
	a.on("DELETE "+groups+"g2", problem(400, "SemanticError", "refused: does not make g2 ours"))
	tx, ctx := a.begin(a.client(nil)), a.t.Context()
	_, createErr := tx.Create(ctx, sps.RDPConnections, sps.Body{"name": "n"})
	_, passwordErr := tx.CreatePassword(ctx, "a password")
	err := errors.Join(createErr, passwordErr,
		tx.Replace(ctx, sps.Users, "u1", sps.Body{"name": "u", "password": "p1"}), tx.Delete(ctx, sps.Groups, "g1"))
	if err != nil {
		a.t.Fatal(err)
	}
	if err := tx.Delete(ctx, sps.Groups, "g2"); !sps.IsRefused(err) {
		a.t.Fatal(err)
	}
	return tx
}

func TestChangesAreEmptyHandedWithValues(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.on(changesLine, changes(change("create", "/api/x"), change("reorder", "/api/y")))
	got, err := a.begin(a.client(nil)).Changes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []sps.Change{{Type: "create", Path: "/api/x"}, {Type: "reorder", Path: "/api/y"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestManyForeignPathsAreNotAllShown(t *testing.T) {
	t.Parallel()
	err := &sps.ForeignChangesError{Paths: strings.Split(strings.Repeat("/p,", 12)+"/last", ",")}
	if text := err.Error(); !strings.HasSuffix(text, "/p and 3 more") || strings.Contains(text, "/last") {
		t.Errorf("got %q", text)
	}
}
