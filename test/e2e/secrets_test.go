// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// expectNoSecret looks for secrets in what the manager logged and in every object of the cluster but Secrets.
func expectNoSecret(t *testing.T, m *manager, secrets []string) {
	t.Helper()
	places := map[string]string{"the manager's log": m.log(t), "an object": everyObject(t, m.cluster)}
	for place, text := range places {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("a secret is shown in %s", place)
			}
		}
	}
}

// everyObject is all that the API server shows, of every kind and in every namespace, but for the Secrets.
func everyObject(t *testing.T, c *cluster) string {
	t.Helper()
	kinds := strings.Fields(c.kubectl(t, "", "api-resources", "--verbs=list", "--output=name"))
	kinds = slices.DeleteFunc(kinds, func(kind string) bool { return kind == "secrets" })
	for _, want := range []string{"events", "rdpconnectionpolicies.pam-operator.io", "spsconnections.pam-operator.io"} {
		if !slices.Contains(kinds, want) {
			t.Errorf("%s are not among the kinds that are looked at: %v", want, kinds)
		}
	}
	return c.kubectl(t, "", "get", strings.Join(kinds, ","), "--all-namespaces", "--output=json", "--show-managed-fields")
}
