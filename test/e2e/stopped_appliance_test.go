// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/process"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// TestAStoppedApplianceStopsNobodyElse gives three appliances more policies than can wait at the same time, and stops
// one of them, so that it accepts connections but never responds.
func TestAStoppedApplianceStopsNobodyElse(t *testing.T) {
	t.Parallel()
	const each = 120
	c := theCluster(t)
	stopped := newStoppable(t, c)
	namespaces := []string{stopped.namespace}
	for range 2 {
		site := newSPSSite(t, c, c.newNamespace("running"), simsps.Options{})
		namespaces = append(namespaces, site.namespace)
	}
	m := newManager(t, c, fmt.Sprintf("%s,%s,%s", namespaces[0], namespaces[1], namespaces[2]))
	m.arguments = []string{"--policy-concurrency=50"}
	m.start(t)
	g := NewWithT(t)
	for _, namespace := range namespaces {
		conn := builder.SPSConnection(builder.DefaultSPSConnection, builder.InNamespace(namespace))
		g.Eventually(func() string { return reasonOf(t, c, m, conn) }).
			WithTimeout(within).WithPolling(pollInterval).Should(Equal("True " + pamv1alpha1.ReasonSynced))
	}
	if err := stopped.process.Freeze(); err != nil {
		t.Fatal(err)
	}
	for i := range each {
		for _, namespace := range namespaces {
			name := fmt.Sprintf("policy-%03d", i)
			policy := builder.RDPConnectionPolicy(name, builder.InNamespace(namespace))
			g.Expect(c.client.Create(t.Context(), policy)).To(Succeed())
		}
	}
	synced := func(namespace string) func() int {
		return func() int {
			m.alive()
			return readyPolicies(t, c, namespace)
		}
	}
	for _, namespace := range namespaces[1:] {
		g.Eventually(synced(namespace)).WithTimeout(within).WithPolling(pollInterval).Should(Equal(each))
	}
	g.Expect(readyPolicies(t, c, stopped.namespace)).To(BeZero())
	if err := stopped.process.Thaw(); err != nil {
		t.Fatal(err)
	}
	g.Eventually(synced(stopped.namespace)).WithTimeout(3 * within).WithPolling(pollInterval).Should(Equal(each))
	m.stop(t)
}

func readyPolicies(t *testing.T, c *cluster, namespace string) int {
	t.Helper()
	var list pamv1alpha1.RDPConnectionPolicyList
	NewWithT(t).Expect(c.client.List(t.Context(), &list, client.InNamespace(namespace))).To(Succeed())
	n := 0
	for i := range list.Items {
		if meta.IsStatusConditionTrue(list.Items[i].Status.Conditions, pamv1alpha1.ConditionReady) {
			n++
		}
	}
	return n
}

// stoppable is a simulated appliance in a process of its own, and a namespace with a connection to it.
type stoppable struct {
	namespace string
	process   *process.Process
}

func newStoppable(t *testing.T, c *cluster) *stoppable {
	t.Helper()
	dir := t.TempDir()
	address := freeAddress(t)
	p, err := process.Start(t.Context(), filepath.Join(dir, "log"), nil, binary(t, "pam-simulator"),
		"--sps-address="+address, "--nps-address=127.0.0.1:0", "--control-address=127.0.0.1:0", "--dir="+dir,
		"--sps-user="+spsUser, "--sps-password="+spsPassword)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() })
	var ca []byte
	NewWithT(t).Eventually(func() error {
		connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			return err
		}
		_ = connection.Close()
		ca, err = os.ReadFile(filepath.Join(dir, "ca.crt"))
		return err
	}).WithTimeout(within).WithPolling(pollInterval).Should(Succeed())
	s := &stoppable{namespace: c.newNamespace("stopped"), process: p}
	in := builder.InNamespace(s.namespace)
	c.apply(t, builder.Namespace(s.namespace),
		builder.Secret(builder.SPSCredentials, map[string]string{"username": spsUser, "password": spsPassword}, in),
		&corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "ca"},
			Data:       map[string]string{"ca.crt": string(ca)},
		},
		builder.SPSConnection(builder.DefaultSPSConnection, in, builder.URL("https://"+address), builder.TrustedCA("ca")))
	return s
}
