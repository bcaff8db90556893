// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

func group(name string) object { return object{"name": name, "members": []string{}} }

func TestACommitWithNothingOpen(t *testing.T) {
	commit := object{"status": "commit"}
	c := start(t, "7.0", nil).logIn()
	c.refusedWith(409, "NoTransaction", http.MethodPut, transaction, commit)
	lenient := start(t, "7.0", func(s *sps.Switches) { s.EmptyCommitStatus = http.StatusOK }).logIn()
	before := lenient.sps.Stats()
	if got := dig(lenient.must(http.MethodPut, transaction, commit), "transaction", "status"); got != "closed" {
		t.Errorf("status %v", got)
	}
	if after := lenient.sps.Stats(); after.Commits != before.Commits || after.ConfigHash != before.ConfigHash {
		t.Errorf("something was committed: %+v", after)
	}
	lenient.session = "gone"
	lenient.refusedWith(401, "Unauthenticated", http.MethodPut, transaction, commit)
}

func TestFormsOfTheListOfChanges(t *testing.T) {
	tests := map[string]struct {
		form string
		want []any
	}{
		"collections": {form: sps.ChangesCollections, want: []any{
			object{"type": "create", "path": groups}, object{"type": "replace", "path": groups + "/KEY"},
		}},
		"none": {form: sps.ChangesNone},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := start(t, "7.0", func(s *sps.Switches) { s.Changes = tc.form }).logIn()
			key := c.create(groups, group("old"))
			c.commit()
			c.create(groups, group("new"))
			c.must(http.MethodPut, groups+"/"+key, group("renamed"))
			if tc.want == nil {
				c.refusedWith(404, "NotFound", http.MethodGet, transaction+"/changes", nil)
				return
			}
			changes, _ := c.must(http.MethodGet, transaction+"/changes", nil)["changes"].([]any)
			for _, change := range changes {
				item, _ := change.(object)
				delete(item, "new_value")
				delete(item, "old_value")
				if item["path"] == groups+"/"+key {
					item["path"] = groups + "/KEY"
				}
			}
			if diff := cmp.Diff(tc.want, changes); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAReplaceThatIsNormalisedAwayIsNoChange(t *testing.T) {
	c := start(t, "8.0", func(s *sps.Switches) { s.NormaliseNetworks = true }).logIn()
	body := policy(t, "p")
	network, _ := body["network"].(object)
	network["targets"] = []any{"10.30.255.28/24"}
	key := c.create(connections, body)
	c.commit()
	stored := c.must(http.MethodGet, connections+"/"+key, nil)
	if got := dig(stored, "body", "network", "targets"); !cmp.Equal(got, []any{"10.30.255.0/24"}) {
		t.Errorf("targets %v", got)
	}
	network["targets"] = []any{"10.30.255.99/24"}
	c.must(http.MethodPut, connections+"/"+key, body)
	if changes, _ := c.must(http.MethodGet, transaction+"/changes", nil)["changes"].([]any); len(changes) != 0 {
		t.Errorf("changes: %v", changes)
	}
}
