// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"net"
	"net/url"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// TestConnectionsLeadWhereTheyMay points connections at addresses that only the operator can reach: each is refused
// with the same message whether or not anything listens there, and reveals nothing about it.
func TestConnectionsLeadWhereTheyMay(t *testing.T) {
	t.Parallel() // mostly waiting
	g := NewWithT(t)
	c := theCluster(t)
	namespace := c.newNamespace("targets")
	in := builder.InNamespace(namespace)
	server, err := url.Parse(c.plane.Config.Host)
	g.Expect(err).NotTo(HaveOccurred())
	leads := map[string]string{
		"api-server": net.JoinHostPort("127.0.0.1", server.Port()), "by-name": net.JoinHostPort("localhost", server.Port()),
		"metadata": "169.254.169.254", "mapped": "[::ffff:169.254.169.254]", "not-listed": "10.255.255.1:9",
		"loopback": "[::1]:9",
	}
	c.apply(t, builder.Namespace(namespace), builder.SPSCredentialsSecret(spsUser, spsPassword, in))
	for name, host := range leads {
		c.apply(t, builder.SPSConnection(name, in, builder.URL("https://"+host)))
	}
	m := newManager(t, c, namespace)
	m.start(t)
	for name := range leads {
		conn := builder.SPSConnection(name, in)
		g.Eventually(func() string {
			m.alive()
			g.Expect(c.client.Get(t.Context(), client.ObjectKeyFromObject(conn), conn)).To(Succeed())
			return readyReason(conn.Status.Conditions)
		}, within, pollInterval).Should(Equal("False "+pamv1alpha1.ReasonInvalidSpec), name)
		g.Expect(conn.Status.Conditions).To(ContainElement(HaveField("Message", And(
			ContainSubstring("--allowed-targets"), Not(ContainSubstring("refused")), Not(ContainSubstring("certificate"))))))
	}
	m.stop(t)
}
