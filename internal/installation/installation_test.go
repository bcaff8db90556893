// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"slices"
	"strings"
	"testing"
)

const rendered = `# what kustomize printed
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: robots}
---
# nothing but a comment
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: robot, namespace: robots}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: robot}
`

func TestAnInstallationIsWhatMeansSomethingWithoutNodes(t *testing.T) {
	got, err := Parse([]byte(rendered))
	if err != nil {
		t.Fatal(err)
	}
	kinds := make([]string, 0, len(got.Objects))
	for _, o := range got.Objects {
		kinds = append(kinds, o.GetKind())
	}
	if want := []string{"ServiceAccount", "ClusterRole"}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
	name, groups := got.User()
	if want := "system:serviceaccount:robots:robot"; name != want {
		t.Errorf("user %q, want %q", name, want)
	}
	if want := []string{"system:serviceaccounts", "system:serviceaccounts:robots"}; !slices.Equal(groups, want) {
		t.Errorf("groups %v, want %v", groups, want)
	}
	if arguments := got.Arguments("file"); !slices.Contains(arguments, "--leader-election-namespace=robots") {
		t.Errorf("the Lease is not in the manager's namespace: %v", arguments)
	}
}

func TestAnInstallationIsRefused(t *testing.T) {
	tests := map[string]struct{ rendered, want string }{
		"without a service account": {"kind: Namespace\napiVersion: v1\nmetadata: {name: a}", "no ServiceAccount"},
		"that is no YAML":           {"kind: [", "yaml"},
		"with a key that is given twice": {
			"kind: Role\nkind: Role\napiVersion: rbac.authorization.k8s.io/v1", "already set",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(tt.rendered)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}
