// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// TestRestartsDoNotSpendLogIns restarts a manager that has a wrong password for each vendor. Both lock accounts or
// addresses after a few failures, so no restart may cause another failure.
func TestRestartsDoNotSpendLogIns(t *testing.T) {
	t.Parallel()
	c := theCluster(t)
	namespace := c.newNamespace("refused")
	site := newSPSSite(t, c, namespace, simsps.Options{})
	server := simnps.New(simnps.Options{Users: []simnps.User{{Login: npsUser, Password: simnps.DefaultPassword}}})
	running, err := simulator.Serve(t.Context(), simulator.Config{
		Listeners: []simulator.Listener{{Name: "nps", Handler: server.Handler()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	in := builder.InNamespace(namespace)
	c.apply(t,
		builder.Secret(builder.SPSCredentials, map[string]string{"username": spsUser, "password": "stale"}, in),
		builder.Secret(builder.NPSCredentials, map[string]string{"username": npsUser, "password": "stale"}, in),
		builder.NPSConnection(builder.DefaultNPSConnection, in, builder.URL(running.URL("nps")), builder.UserSignIn(),
			builder.With(func(n *pamv1alpha1.NPSConnection) {
				n.Spec.TLS = &pamv1alpha1.TLSSettings{InsecureSkipVerify: new(true)}
			})))
	connections := []client.Object{
		builder.SPSConnection(builder.DefaultSPSConnection, in), builder.NPSConnection(builder.DefaultNPSConnection, in),
	}
	m := newManager(t, c, namespace)
	for range 5 {
		m.start(t)
		for _, conn := range connections {
			lookedAtAnew(t, c, m, conn)
		}
		m.stop(t)
	}
	if got := site.Stats().FailedLogIns; got != 1 {
		t.Errorf("SPS has refused %d log-ins, want 1", got)
	}
	if got := server.Stats().FailedSignIns; got != 1 {
		t.Errorf("NPS has refused %d sign-ins, want 1", got)
	}

	m.start(t)
	secret := builder.Secret(builder.SPSCredentials, map[string]string{"username": spsUser, "password": spsPassword}, in)
	c.apply(t, secret)
	resume := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"suspend":false}}`))
	NewWithT(t).Expect(c.client.Patch(t.Context(), connections[0], resume)).To(Succeed())
	NewWithT(t).Eventually(func() string { return reasonOf(t, c, m, connections[0]) }).
		WithTimeout(within).WithPolling(pollInterval).Should(Equal("True " + pamv1alpha1.ReasonSynced))
	m.stop(t)
}

// lookedAtAnew changes a connection without changing how it logs in, and waits until the manager has reconciled it.
func lookedAtAnew(t *testing.T, c *cluster, m *manager, conn client.Object) {
	t.Helper()
	g := NewWithT(t)
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"suspend":`+toggle(t, c, conn)+`}}`))
	g.Expect(c.client.Patch(t.Context(), conn, patch)).To(Succeed())
	generation := conn.GetGeneration()
	g.Eventually(func() int64 {
		m.alive()
		g.Expect(c.client.Get(t.Context(), client.ObjectKeyFromObject(conn), conn)).To(Succeed())
		status := statusOfConnection(conn)
		ready := meta.FindStatusCondition(status.Conditions, pamv1alpha1.ConditionReady)
		if ready == nil {
			return 0
		}
		return ready.ObservedGeneration
	}).WithTimeout(within).WithPolling(pollInterval).Should(BeNumerically(">=", generation))
	g.Expect(readyReason(statusOfConnection(conn).Conditions)).To(Equal("False " + pamv1alpha1.ReasonUnauthorized))
}

func toggle(t *testing.T, c *cluster, conn client.Object) string {
	t.Helper()
	NewWithT(t).Expect(c.client.Get(t.Context(), client.ObjectKeyFromObject(conn), conn)).To(Succeed())
	suspended := false
	switch o := conn.(type) {
	case *pamv1alpha1.SPSConnection:
		suspended = o.Suspended()
	case *pamv1alpha1.NPSConnection:
		suspended = o.Suspended()
	}
	if suspended {
		return "false"
	}
	return "true"
}

func reasonOf(t *testing.T, c *cluster, m *manager, conn client.Object) string {
	t.Helper()
	m.alive()
	NewWithT(t).Expect(c.client.Get(t.Context(), client.ObjectKeyFromObject(conn), conn)).To(Succeed())
	return readyReason(statusOfConnection(conn).Conditions)
}

func statusOfConnection(conn client.Object) *pamv1alpha1.ConnectionStatus {
	switch o := conn.(type) {
	case *pamv1alpha1.SPSConnection:
		return o.Connectivity()
	case *pamv1alpha1.NPSConnection:
		return o.Connectivity()
	}
	return nil
}
