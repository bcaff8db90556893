// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestRemarksOnGroups(t *testing.T) {
	t.Parallel()
	local := shelf{sps.Groups: objects("auditors", "b\u00fcro", "root_only")}
	cases := map[string]struct {
		there   shelf
		spec    string
		current sps.Body
		words   []string
	}{
		"groups that exist, in any form of Unicode": {
			there: local,
			spec: `{accessControl: [{authorizer: auditors, permission: Audit, subject: {type: Only, group: root_only}}],
				webGatewayAuthentication: {mode: Enabled, groups: ["bu\u0308ro", rdp-write]}}`,
		},
		"groups that do not": {
			there: local,
			spec: `{accessControl: [{authorizer: audtors, permission: Audit, subject: {type: Only, group: Root_only}}],
				webGatewayAuthentication: {mode: Enabled, groups: [auditors, "auditors "]}}`,
			words: []string{
				`spec.accessControl[0].authorizer: the appliance has no local group "audtors"; similar names: auditors`,
				`spec.accessControl[0].subject.group: the appliance has no local group "Root_only"`,
				`spec.webGatewayAuthentication.groups[1]: the appliance has no local group "auditors "`,
				"unless the group is in a directory",
			},
		},
		"a policy with a directory": {
			there: local, spec: `{accessControl: [{authorizer: theirs, permission: Audit}]}`,
			current: sps.Body{"policies": map[string]any{"ldap_server": "k"}},
		},
		"an account without the right to read groups": {
			there: shelf{sps.Groups: 403}, spec: `{accessControl: [{authorizer: theirs, permission: Audit}]}`,
		},
		"no names": {there: shelf{sps.Groups: 500}, spec: `{accessControl: []}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, err := builder.RDPSpec(c.spec)
			if err != nil {
				t.Fatal(err)
			}
			got := newLocalGroups().remark(t.Context(), c.there, "u", &spec.ConnectionPolicySpec, c.current)
			for _, words := range c.words {
				if !strings.Contains(got, words) {
					t.Errorf("%q is missing in %q", words, got)
				}
			}
			if len(c.words) == 0 && got != "" {
				t.Errorf("remarked: %q", got)
			}
		})
	}
}

func TestGroupsThatCannotBeReadAreNotAskedForAgainAndAgain(t *testing.T) {
	t.Parallel()
	g, now := newLocalGroups(), time.Unix(1, 0)
	g.now = func() time.Time { return now }
	spec, err := builder.RDPSpec(`{accessControl: [{authorizer: theirs, permission: Audit}]}`)
	if err != nil {
		t.Fatal(err)
	}
	remark := func(s shelf, url string) string {
		return g.remark(t.Context(), s, url, &spec.ConnectionPolicySpec, nil)
	}
	readable := shelf{sps.Groups: objects("ours")}
	if got := remark(shelf{sps.Groups: 403}, "a"); got != "" {
		t.Errorf("remarked: %q", got)
	}
	if got := remark(readable, "a"); got != "" {
		t.Errorf("asked again at once: %q", got)
	}
	if remark(readable, "b") == "" {
		t.Error("another appliance is not asked")
	}
	now = now.Add(groupsDenied)
	if remark(readable, "a") == "" {
		t.Error("never asked again")
	}
}
