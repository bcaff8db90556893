// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"strings"
	"testing"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// shelf is an appliance that shows collections, or answers with a status.
type shelf map[sps.Collection]any

func (s shelf) List(_ context.Context, collection sps.Collection) (*appliance.Listing, error) {
	switch what := s[collection].(type) {
	case []sps.Record:
		return appliance.NewListing(what), nil
	case int:
		return nil, &rest.Error{Method: "GET", Path: string(collection), Status: what}
	}
	return appliance.NewListing(nil), nil
}

func objects(names ...string) []sps.Record {
	out := make([]sps.Record, 0, len(names))
	for i, name := range names {
		out = append(out, sps.Record{Key: fmt.Sprintf("key-%d", i), Name: name})
	}
	return out
}

func TestResolve(t *testing.T) {
	backup := []sps.Collection{sps.BackupPolicies}
	plugin := []sps.Collection{sps.AAPluginInstances, sps.AAPlugins}
	cases := map[string]struct {
		there     shelf
		reference reference
		want      string
		reason    string
		words     []string
	}{
		"a name that exists": {
			there:     shelf{sps.BackupPolicies: objects("daily", "nightly")},
			reference: reference{field: "f", name: "nightly", collections: backup}, want: "key-1",
		},
		"a key is taken as it is": {
			reference: reference{field: "f", key: "-50000", collections: backup}, want: "-50000",
		},
		"none": {reference: reference{field: "f", collections: backup}},
		"a name that does not exist": {
			there:     shelf{sps.BackupPolicies: objects("weekly", "Nightly2", "daily", "nihtly")},
			reference: reference{field: "policies.backup", name: "nightly", collections: backup},
			reason:    pamv1alpha1.ReasonReferenceNotFound,
			words: []string{
				"spec.policies.backup", `"nightly"`, "policies/backup_policies", "similar names: Nightly2, nihtly, daily",
			},
		},
		"an empty collection": {
			there:     shelf{sps.BackupPolicies: objects()},
			reference: reference{field: "f", name: "nightly", collections: backup},
			reason:    pamv1alpha1.ReasonReferenceNotFound, words: []string{"it has none at all"},
		},
		"a collection that shows no names": {
			there:     shelf{sps.BackupPolicies: []sps.Record{{Key: "k"}}},
			reference: reference{field: "f", name: "nightly", collections: backup},
			reason:    pamv1alpha1.ReasonReferenceNotFound, words: []string{"give the key instead"},
		},
		"a collection that is not listed": {
			there:     shelf{sps.BackupPolicies: 405},
			reference: reference{field: "f", name: "nightly", collections: backup},
			reason:    pamv1alpha1.ReasonReferenceNotFound, words: []string{"does not list", "give the key instead"},
		},
		"a collection that the version does not have": {
			there:     shelf{sps.BackupPolicies: 404},
			reference: reference{field: "f", name: "nightly", collections: backup},
			reason:    pamv1alpha1.ReasonReferenceNotFound, words: []string{"no collection policies/backup_policies"},
		},
		"a collection that has another place in older versions": {
			there:     shelf{sps.AAPluginInstances: 404, sps.AAPlugins: objects("mfa")},
			reference: reference{field: "f", name: "mfa", collections: plugin}, want: "key-0",
		},
		"a collection that cannot be read now": {
			there:     shelf{sps.BackupPolicies: 503},
			reference: reference{field: "f", name: "nightly", collections: backup}, reason: pamv1alpha1.ReasonUnreachable,
		},
		"a name that exists twice": {
			there:     shelf{sps.BackupPolicies: objects("nightly", "nightly")},
			reference: reference{field: "f", name: "nightly", collections: backup},
			reason:    pamv1alpha1.ReasonReferenceNotFound, words: []string{"exists 2 times", "key-0 key-1"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			keys, err := resolve(t.Context(), c.there, []reference{c.reference})
			if err == nil {
				if c.reason != "" || keys[c.reference.field] != c.want {
					t.Errorf("got %v", keys)
				}
				return
			}
			out := loop.OutcomeOf(err)
			if out.Reason != c.reason {
				t.Errorf("got reason %q: %v", out.Reason, err)
			}
			for _, word := range c.words {
				if !strings.Contains(out.Message, word) {
					t.Errorf("%q is not in %q", word, out.Message)
				}
			}
		})
	}
}
