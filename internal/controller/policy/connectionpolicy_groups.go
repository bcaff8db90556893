// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// localGroups looks up the groups that policies name. The appliance takes any name, because a group may be in a
// directory (docs/vendors/sps.md 5, authorizer), and a rule with a misspelled name silently admits no one. Nothing
// proves that a group does not exist, so a name that is not found is worth a remark and no more.
type localGroups struct {
	now func() time.Time

	mu sync.Mutex
	// denied is, by appliance, until when its groups are not read again, because the account may not read them or there is
	// no such collection. Otherwise each of ten thousand policies would ask for them.
	denied map[string]time.Time
}

func newLocalGroups() *localGroups {
	return &localGroups{now: time.Now, denied: map[string]time.Time{}}
}

const (
	// groupsDenied is how long the groups of an appliance are not asked for once they could not be read.
	groupsDenied = 10 * time.Minute
	// maxRemarks is how many names a remark lists.
	maxRemarks = 3
)

// namedGroup is a group that a spec names.
type namedGroup struct{ field, name string }

// namedGroups are the groups that a spec names, without those that come with the appliance: they exist.
func namedGroups(spec *pamv1alpha1.ConnectionPolicySpec) []namedGroup {
	var out []namedGroup
	add := func(name, field string, args ...any) {
		if name != "" && !sps.IsBuiltIn(sps.Groups, name) {
			out = append(out, namedGroup{field: fmt.Sprintf(field, args...), name: name})
		}
	}
	for i, rule := range spec.AccessControl {
		add(rule.Authorizer, "accessControl[%d].authorizer", i)
		if rule.Subject != nil {
			add(rule.Subject.Group, "accessControl[%d].subject.group", i)
		}
	}
	if w := spec.WebGatewayAuthentication; w != nil {
		for i, name := range w.Groups {
			add(name, "webGatewayAuthentication.groups[%d]", i)
		}
	}
	return out
}

// remark names the groups of a spec that are not local groups of the appliance; empty if all are, or if that cannot be
// known. current is the policy as the appliance has it.
func (g *localGroups) remark(
	ctx context.Context, view appliance.View, url string, spec *pamv1alpha1.ConnectionPolicySpec, current sps.Body,
) string {
	named := namedGroups(spec)
	if len(named) == 0 || usesDirectory(current) || g.isDenied(url) {
		return ""
	}
	groups, err := view.List(ctx, sps.Groups)
	if err != nil {
		g.deny(ctx, url)
		return ""
	}
	var out []string
	for _, group := range named {
		if len(groups.Named(group.name)) > 0 {
			continue
		}
		name, err := nearby(ctx, group.name, namesOf(groups.Records()))
		if err != nil {
			return ""
		}
		if len(out) == maxRemarks {
			out = append(out, "…")
			break
		}
		out = append(out, fmt.Sprintf("spec.%s: the appliance has no local group %s", group.field, name))
	}
	if len(out) == 0 {
		return ""
	}
	return ". Check this, unless the group is in a directory: " + strings.Join(out, ". ")
}

// usesDirectory reports whether a policy looks its groups up in an LDAP directory.
func usesDirectory(policy sps.Body) bool {
	policies, _ := policy["policies"].(map[string]any)
	return policies["ldap_server"] != nil
}

func (g *localGroups) isDenied(url string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now().Before(g.denied[url])
}

// deny notes that the groups cannot be read, unless it was only the caller that gave up.
func (g *localGroups) deny(ctx context.Context, url string) {
	if ctx.Err() != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.denied[url] = g.now().Add(groupsDenied)
}
