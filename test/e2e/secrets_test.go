// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// expectNoSecret searches the manager's log and every object of the cluster except Secrets.
func expectNoSecret(t *testing.T, m *manager, secrets []string) {
	t.Helper()
	places := map[string]string{"the manager's log": m.log(t), "an object": everyObject(t, m.cluster)}
	for place, text := range places {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("a secret appears in %s", place)
			}
		}
	}
}

// everyObject is everything that the API server shows, of every kind and in every namespace, except Secrets.
func everyObject(t *testing.T, c *cluster) string {
	t.Helper()
	kinds := strings.Fields(c.kubectl(t, "", "api-resources", "--verbs=list", "--output=name"))
	kinds = slices.DeleteFunc(kinds, func(kind string) bool { return kind == "secrets" })
	for _, want := range []string{"events", "rdpconnectionpolicies.pam-operator.io", "spsconnections.pam-operator.io"} {
		if !slices.Contains(kinds, want) {
			t.Errorf("%s are not among the inspected kinds: %v", want, kinds)
		}
	}
	return c.kubectl(t, "", "get", strings.Join(kinds, ","), "--all-namespaces", "--output=json", "--show-managed-fields")
}
