// SPDX-License-Identifier: Apache-2.0

package export

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/controller/policy"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestWhatTheAPIServerWouldNotAccept(t *testing.T) {
	t.Parallel()
	accepted, err := newSchemas(kinds.Policies())
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		obj  kinds.PolicyObject
		want []policy.Fault
	}{
		"nothing of what is valid": {builder.RDPConnectionPolicy("a", builder.Client("10.0.0.0/8")), nil},
		"a rule in CEL": {builder.RDPConnectionPolicy("a", builder.Client("secret-7")), []policy.Fault{{
			Path:   "spec.network.clients",
			Reason: "Invalid value: each of clients must be an IP address or a network such as 10.0.0.0/8",
		}}},
		"a limit": {builder.RDPConnectionPolicy("a", builder.Port(99999)), []policy.Fault{{
			Path:   "spec.network.ports[0]",
			Reason: "Invalid value: spec.network.ports[0] in body should be less than or equal to 65535",
		}}},
		"a set with repetitions": {
			builder.RDPConnectionPolicy("a", builder.Client("10.0.0.1"), builder.Client("10.0.0.1")),
			[]policy.Fault{{Path: "spec.network.clients[1]", Reason: "Duplicate value"}},
		},
		"a rule about the whole object": {builder.LocalUser("admin"), []policy.Fault{{
			Path: "<nil>",
			Reason: "Invalid value: metadata.name must not be admin without spec.userName: " +
				"the built-in user belongs to the appliance's owner",
		}}},
		"members of a group": {builder.LocalUserGroup("a", builder.Members("")), []policy.Fault{{
			Path:   "spec.members[0]",
			Reason: "Invalid value: exactly one of user and userRef must be set",
		}}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			got, err := accepted.check(t.Context(), c.obj)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" && len(c.want)+len(got) > 0 {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
