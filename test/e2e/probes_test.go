// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pam-operator/pam-operator/test/builder"
)

// TestAManagerThatCannotReadIsAliveAndNotReady starts the manager without its rights, and grants them later.
func TestAManagerThatCannotReadIsAliveAndNotReady(t *testing.T) {
	t.Parallel() // mostly waiting
	c := theCluster(t)
	const user = "powerless"
	namespace := c.newNamespace("probes")
	c.apply(t, builder.Namespace(namespace))
	_, kubeconfig, err := c.plane.AddUser(user)
	if err != nil {
		t.Fatal(err)
	}
	m := newManager(t, c, namespace)
	m.kubeconfig = filepath.Join(m.dir, "kubeconfig")
	if err := os.WriteFile(m.kubeconfig, kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	m.arguments = []string{"--health-probe-bind-address=" + address}
	m.start(t)
	probe := func(path string) func() string {
		return func() string {
			m.alive()
			return get(t.Context(), "http://"+address+path)
		}
	}
	g := NewWithT(t)
	eventually := func(path string) AsyncAssertion {
		return g.Eventually(probe(path)).WithTimeout(within).WithPolling(pollInterval)
	}
	eventually("/healthz").Should(HavePrefix("200"))
	for range 5 {
		g.Expect(probe("/readyz")()).To(HavePrefix("500"))
	}
	g.Expect(probe("/readyz/synced")()).To(HavePrefix("500"))

	c.apply(t, &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "late"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "pam-operator-manager-role"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	})
	eventually("/readyz").Should(HavePrefix("200"))
	g.Expect(probe("/healthz")()).To(HavePrefix("200"))
	m.stop(t)
}

// get returns the status and body of a response, or why there is none.
func get(ctx context.Context, url string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err.Error()
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return response.Status + " " + string(body)
}
