// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

func TestTransactionState(t *testing.T) {
	tests := map[string]struct {
		version string
		state   func(answer object) any
	}{
		"6.0 and 7.0 have a member transaction": {"7.0", func(a object) any { return dig(a, "transaction", "status") }},
		"8.0 has a body":                        {"8.0", func(a object) any { return dig(a, "body", "status") }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := start(t, tt.version, nil).logIn()
			if got := tt.state(c.must(http.MethodGet, transaction, nil)); got != "closed" {
				t.Errorf("before: %v", got)
			}
			c.open()
			opened := c.must(http.MethodGet, transaction, nil)
			if tt.state(opened) != "open" || dig(opened, "meta", "remaining_seconds") != 600.0 {
				t.Errorf("after opening: %v", opened)
			}
			if link := dig(opened, "meta", "changes"); link != nil {
				t.Errorf("changes linked without any: %v", link)
			}
			c.create(groups, object{"name": "g", "members": []string{}})
			if link := dig(c.must(http.MethodGet, transaction, nil), "meta", "changes"); link != transaction+"/changes" {
				t.Errorf("link to the changes: %v", link)
			}
			c.commit()
			if got := tt.state(c.must(http.MethodGet, transaction, nil)); got != "closed" {
				t.Errorf("after the commit: %v", got)
			}
		})
	}
}

func TestClosedTransactionOf80(t *testing.T) {
	c := start(t, "8.0", nil).logIn()
	want := object{
		"body": object{"commit_message": "optional", "status": "closed"}, "key": "transaction",
		"meta": object{"href": transaction, "parent": "/api"},
	}
	if diff := cmp.Diff(want, c.must(http.MethodGet, transaction, nil)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWritingNeedsATransactionBefore65(t *testing.T) {
	body := object{"name": "g", "members": []string{}}
	old := start(t, "6.0", nil).logIn()
	old.refusedWith(409, "NoTransaction", http.MethodPost, groups, body)
	old.refusedWith(409, "NoTransaction", http.MethodPut, transaction, object{"status": "commit"})
	old.refusedWith(409, "NoTransaction", http.MethodDelete, transaction, nil)
	old.open()
	old.create(groups, body)

	recent := start(t, "7.0", nil).logIn()
	recent.create(groups, body)
	if got := dig(recent.must(http.MethodGet, transaction, nil), "transaction", "status"); got != "open" {
		t.Errorf("the first change left the transaction %v", got)
	}
}

func TestOpeningTwice(t *testing.T) {
	b := start(t, "8.0", nil)
	c := b.logIn()
	c.open()
	c.refusedWith(409, "Conflict", http.MethodPost, transaction, nil)
	b.sps.SetSwitches(func(s *sps.Switches) { s.ReopenStatus = 200 })
	c.open()
}

func TestPostWithoutLengthIs411(t *testing.T) {
	b := start(t, "8.0", nil)
	c := b.logIn()
	r := c.request(http.MethodPost, transaction, nil)
	r.Body, r.ContentLength = http.NoBody, -1
	r.TransferEncoding = []string{"chunked"}
	if got := c.send(r); got.status != http.StatusLengthRequired || got.body != nil {
		t.Errorf("status %d, body %s; want 411 and no JSON", got.status, got.text)
	}
	c.open()
}

func TestIdleLimitFollowsTheWebInterface(t *testing.T) {
	b := start(t, "7.0", nil)
	c := b.logIn()
	c.must(http.MethodPut, configuration+"/management/webinterface", object{"timeout": 2})
	c.commit()
	b.advance(2 * time.Minute)
	c.refusedWith(401, "Unauthenticated", http.MethodGet, configuration, nil)
}

func TestTheLastWriterWins(t *testing.T) {
	b := start(t, "8.0", func(s *sps.Switches) { s.OverlappingCommit = sps.OverlapLastWriterWins })
	key := b.sps.Put("aaa/local_database/groups", "", group("g"))
	mine, theirs := b.logIn(), b.logIn()
	mine.must(http.MethodPut, groups+"/"+key, group("mine"))
	theirs.must(http.MethodPut, groups+"/"+key, group("theirs"))
	theirs.commit()
	mine.commit()
	if o, _ := b.sps.Object("aaa/local_database/groups", key); o.Body["name"] != "mine" {
		t.Errorf("committed: %v", o.Body)
	}
}

func TestCommitRefusesWhatSomebodyElsePulledAway(t *testing.T) {
	b := start(t, "8.0", nil)
	c := b.logIn()
	c.create(connections, policy(t, "a"))
	b.sps.Remove("policies/ldap_servers", "250588254571b931066482")
	c.refusedWith(400, "SemanticError", http.MethodPut, transaction, object{"status": "commit"})
}

func TestCommitMessage(t *testing.T) {
	commit := func(member string) object { return object{"status": "commit", member: "why"} }
	tests := map[string]struct {
		version  string
		required bool
		request  object
		status   int
	}{
		"optional and left out":                 {"8.0", false, object{"status": "commit"}, 200},
		"optional and sent":                     {"8.0", false, commit("commit_message"), 200},
		"required and left out":                 {"8.0", true, object{"status": "commit"}, 400},
		"required and empty":                    {"8.0", true, object{"status": "commit", "message": ""}, 400},
		"required and sent":                     {"8.0", true, commit("commit_message"), 200},
		"required and sent under the other key": {"8.0", true, commit("message"), 200},
		"under a key that does not exist":       {"8.0", false, commit("comment"), 400},
		"unknown to 7.0":                        {"7.0", false, commit("commit_message"), 400},
		"something else than a commit":          {"8.0", false, object{"status": "closed"}, 400},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := start(t, tt.version, func(s *sps.Switches) { s.RequireCommitMessage = tt.required }).logIn()
			c.open()
			if status, answer := c.do(http.MethodPut, transaction, tt.request); status != tt.status {
				t.Errorf("status %d, want %d: %v", status, tt.status, answer)
			}
		})
	}
}

func TestChanges(t *testing.T) {
	b := start(t, "8.0", nil)
	kept := b.sps.Put("aaa/local_database/groups", "", object{"name": "kept", "members": []string{}})
	gone := b.sps.Put("aaa/local_database/groups", "", object{"name": "gone", "members": []string{}})
	c := b.logIn()
	list := func() any {
		t.Helper()
		answer := c.must(http.MethodGet, transaction+"/changes", nil)
		wantMeta := object{"href": transaction + "/changes", "parent": transaction, "transaction": transaction}
		if diff := cmp.Diff(wantMeta, answer["meta"]); diff != "" {
			t.Errorf("meta (-want +got):\n%s", diff)
		}
		return answer["changes"]
	}
	c.open()
	if diff := cmp.Diff([]any{}, list()); diff != "" {
		t.Errorf("without changes (-want +got):\n%s", diff)
	}
	body := func(name string) object { return object{"name": name, "members": []any{}} }
	created := c.create(groups, body("new"))
	c.must(http.MethodPut, groups+"/"+kept, body("renamed"))
	c.must(http.MethodDelete, groups+"/"+gone, nil)
	c.must(http.MethodPut, groups+"/77e0a91b546232548bb30d", body("search")) // changes nothing
	want := []any{
		object{"type": "create", "path": groups + "/" + created, "new_value": body("new")},
		object{"type": "replace", "path": groups + "/" + kept, "old_value": body("kept"), "new_value": body("renamed")},
		object{"type": "delete", "path": groups + "/" + gone, "old_value": body("gone")},
	}
	if diff := cmp.Diff(want, list()); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}

	b.sps.SetSwitches(func(s *sps.Switches) { s.MemberChanges, s.ReorderChanges = true, true })
	changes, _ := list().([]any)
	member := object{
		"type": "replace", "path": groups + "/" + kept + "/name", "old_value": "kept", "new_value": "renamed",
	}
	if diff := cmp.Diff(member, changes[1]); diff != "" {
		t.Errorf("member change (-want +got):\n%s", diff)
	}
	if last := changes[len(changes)-1]; dig(last, "type") != "reorder" || dig(last, "path") != groups {
		t.Errorf("no reorder of the groups: %v", last)
	}
}

func TestPoisonedObjects(t *testing.T) {
	b := start(t, "8.0", nil)
	if err := b.sps.Refuse(sps.Refusal{Collection: "rdp/connections", Name: "^bad$", Times: 1}); err != nil {
		t.Fatal(err)
	}
	c := b.logIn()
	c.refusedWith(400, "SemanticError", http.MethodPost, connections, policy(t, "bad"))
	c.create(connections, policy(t, "bad")) // it should refuse once
	for _, wrong := range []sps.Refusal{{Name: "("}, {At: "Sometime"}, {Status: 200}} {
		if err := b.sps.Refuse(wrong); err == nil {
			t.Errorf("%+v was accepted", wrong)
		}
	}
}

func TestConfigHash(t *testing.T) {
	b := start(t, "8.0", nil)
	c := b.logIn()
	hash := func() any {
		t.Helper()
		return dig(c.must(http.MethodGet, "/api/info", nil), "body", "config_hash")
	}
	before := hash()
	if text, _ := before.(string); len(text) != 32 {
		t.Fatalf("config_hash: %v", before)
	}
	c.open()
	c.commit()
	if hash() != before {
		t.Error("a commit without changes moved the hash")
	}
	path := connections + "/" + c.create(connections, policy(t, "a"))
	if hash() != before {
		t.Error("an open transaction moved the hash")
	}
	c.commit()
	if hash() == before {
		t.Error("a commit did not move the hash")
	}
	c.must(http.MethodDelete, path, nil)
	c.commit()
	if hash() != before {
		t.Error("the same configuration has another hash")
	}
	b.sps.Move("rdp/channel_policies", "-20200", 0)
	if hash() == before {
		t.Error("another order has the same hash")
	}
}
