// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Needs are the rights of a command: a rule of RBAC.
type Needs struct {
	// Verbs and Resources are as in a rule; a resource has its group behind it.
	Verbs, Resources []string
	// Cluster is set if the right must be for all namespaces.
	Cluster bool
	// For says what the right is for if the command can do without; empty if it cannot.
	For string
}

// CommandRights are the rights that a command needs in the namespace that it works in.
type CommandRights struct {
	// Command is the command without "kubectl pam".
	Command string
	Needs   []Needs
}

const (
	get    = "get"
	list   = "list"
	watch  = "watch"
	create = "create"
	patch  = "patch"
	remove = "delete"
)

// resources are those of kinds, with their group.
func resources(of []kinds.Kind) []string {
	out := make([]string, 0, len(of))
	for _, kind := range of {
		out = append(out, kind.Resource+".pam-operator.io")
	}
	return out
}

// Rights are those of every command. docs/cli.md has the table, and a test runs each command with exactly these rights,
// and with each of them missing.
//
//nolint:funlen // one table
func Rights() []CommandRights {
	all, policies := resources(kinds.All()), resources(kinds.Policies())
	sessions, terminations := []string{"activitysessions.pam-operator.io"}, []string{"sessionterminations.pam-operator.io"}
	elsewhere := Needs{
		Verbs: []string{get}, Resources: []string{"spsconnections.pam-operator.io", "npsconnections.pam-operator.io"},
		For: "the state of connections in other namespaces",
	}
	waiting := Needs{Verbs: []string{watch}, Resources: all, For: "--wait, --watch"}
	exporting := []Needs{
		{Verbs: []string{create, list, watch, remove}, Resources: []string{"applianceexports.pam-operator.io"}},
		{Verbs: []string{get}, Resources: []string{"configmaps"}},
	}
	named := func(resources []string) Needs {
		return Needs{Verbs: []string{get}, Resources: resources, For: "KIND/NAME"}
	}
	return []CommandRights{
		{"status", []Needs{
			{Verbs: []string{list}, Resources: all}, named(all), waiting, elsewhere,
			{Verbs: []string{list}, Resources: []string{"deployments.apps", "leases.coordination.k8s.io"}, Cluster: true,
				For: "whether a manager leads"},
		}},
		{"diff", []Needs{
			{Verbs: []string{list}, Resources: policies}, named(policies),
			{Verbs: []string{patch, watch}, Resources: policies, For: "--refresh"},
		}},
		{"reconcile", []Needs{
			{Verbs: []string{list, patch}, Resources: all}, named(all),
			{Verbs: []string{watch}, Resources: all, For: "--wait, the default"},
		}},
		{"suspend", []Needs{{Verbs: []string{get, patch}, Resources: all}}},
		{"resume", []Needs{
			{Verbs: []string{get, patch}, Resources: all}, {Verbs: []string{list, watch}, Resources: all, For: "--wait"},
		}},
		{"release", []Needs{
			{Verbs: []string{list, watch, patch, remove}, Resources: all}, named(all),
			{Verbs: []string{list}, Resources: []string{"deployments.apps", "leases.coordination.k8s.io"}, Cluster: true},
		}},
		{"check", []Needs{
			{Verbs: []string{list}, Resources: []string{"customresourcedefinitions.apiextensions.k8s.io"}, Cluster: true,
				For: "the CRDs"},
			{Verbs: []string{list}, Resources: []string{"deployments.apps", "leases.coordination.k8s.io"}, Cluster: true,
				For: "the manager"},
			{Verbs: []string{list}, Cluster: true, For: "the admission policies",
				Resources: []string{"validatingadmissionpolicybindings.admissionregistration.k8s.io"}},
			{Verbs: []string{list}, Cluster: true, For: "the connections",
				Resources: []string{"spsconnections.pam-operator.io", "npsconnections.pam-operator.io"}},
		}},
		{"terminate", []Needs{
			{Verbs: []string{create}, Resources: terminations},
			{Verbs: []string{list, watch}, Resources: terminations, For: "--wait, the default"},
			{Verbs: []string{get}, Resources: []string{"rdpconnectionpolicies.pam-operator.io"}, For: "--policy"},
		}},
		{"export", exporting},
		{"unmanaged", exporting},
		{"adopt", []Needs{
			{Verbs: []string{patch, list, watch}, Resources: policies},
			{Verbs: []string{create}, Resources: policies, For: "-f"}, named(policies),
		}},
		{"session list", []Needs{{Verbs: []string{list}, Resources: sessions}}},
		{"session start", []Needs{
			{Verbs: []string{create}, Resources: sessions},
			{Verbs: []string{list, watch}, Resources: sessions, For: "--wait, the default"},
		}},
		{"session run", []Needs{
			{Verbs: []string{create, list, watch, remove}, Resources: sessions},
			{Verbs: []string{get}, Resources: []string{"secrets"}},
			{Verbs: []string{patch}, Resources: sessions, For: "--keep, and a session that is extended"},
		}},
		{"session connect", []Needs{
			{Verbs: []string{get}, Resources: sessions}, {Verbs: []string{get}, Resources: []string{"secrets"}},
			{Verbs: []string{patch, list, watch}, Resources: sessions, For: "an RDP session whose data are old"},
		}},
		{"session refresh", []Needs{{Verbs: []string{get, patch, list, watch}, Resources: sessions}}},
		{"session extend", []Needs{{Verbs: []string{get, patch, list, watch}, Resources: sessions}}},
		{"session cancel", []Needs{
			{Verbs: []string{get, patch, list, watch}, Resources: sessions},
			{Verbs: []string{remove}, Resources: sessions, For: "--delete"},
		}},
		{"session logs", []Needs{
			{Verbs: []string{get}, Resources: sessions},
			{Verbs: []string{list}, Resources: []string{"events"}, For: "the Events"},
		}},
		{"version", []Needs{{
			Verbs: []string{get}, Resources: []string{"customresourcedefinitions.apiextensions.k8s.io"}, Cluster: true,
			For: "the operator's version",
		}}},
	}
}
