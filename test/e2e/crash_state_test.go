// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// crashes is the scenario's state.
type crashes struct {
	*testing.T

	cluster   *cluster
	appliance *spsSite
	manager   *manager
	// before is what the appliance had when the scenario began.
	before map[string][]simsps.Object
	// unanswered are the policies of the commit whose response the manager did not live to see.
	unanswered []string
	begun      time.Time // of the current step
}

func newCrashes(t *testing.T, version string) *crashes {
	t.Helper()
	c := theCluster(t)
	namespace := c.newNamespace("crashes")
	s := &crashes{T: t, begun: time.Now(), cluster: c, appliance: newSPSSite(t, c, namespace, simsps.Options{
		Version: version, Configure: func(s *simsps.Switches) {
			s.WriteDelay, s.CommitDelay = time.Millisecond, 100*time.Millisecond
		},
	})}
	for name, message := range poisoned {
		refusal := simsps.Refusal{Collection: rdpConnections, Name: "^" + name + "$", At: simsps.AtCommit, Message: message}
		if err := s.appliance.Refuse(refusal); err != nil {
			t.Fatal(err)
		}
	}
	s.appliance.Put(rdpConnections, "", policyByHand(t, "made-by-hand"))
	s.before = s.appliance.state(t)
	s.manager = newManager(t, c, namespace)
	return s
}

// step logs that a step is done, and how long it took.
func (s *crashes) step(format string, values ...any) {
	s.Helper()
	s.Logf("%s (%s)", fmt.Sprintf(format, values...), time.Since(s.begun).Round(time.Millisecond))
	s.begun = time.Now()
}

// policies are what is applied. Each has a target of its own, so that a mix-up shows, and none adopts what is already
// on the appliance: what a lost response left there has to be recognised.
func (s *crashes) policies() []client.Object {
	strict := builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) {
		p.Spec.AdoptionPolicy = pamv1alpha1.AdoptionPolicyNever
	})
	all := make([]client.Object, 0, policyCount)
	for i := range policyCount {
		all = append(all, builder.RDPConnectionPolicy(fmt.Sprintf("policy-%03d", i),
			builder.InNamespace(s.appliance.namespace), strict, builder.Client("10.0.0.0/8"),
			builder.Target(fmt.Sprintf("192.168.%d.%d/32", i/100, i%100)), builder.Port(3389)))
	}
	return all
}

// created are the policies on the appliance that the operator created.
func (s *crashes) created() []simsps.Object {
	return slices.DeleteFunc(s.appliance.Objects(rdpConnections), func(o simsps.Object) bool { return !ours(o) })
}

func ours(o simsps.Object) bool { return strings.HasPrefix(name(o), "policy-") }

func name(o simsps.Object) string { return fmt.Sprint(o.Body["name"]) }

// list reads the policies from the cluster.
func (s *crashes) list(g Gomega) []pamv1alpha1.RDPConnectionPolicy {
	list := &pamv1alpha1.RDPConnectionPolicyList{}
	g.Expect(s.cluster.client.List(s.Context(), list, client.InNamespace(s.appliance.namespace))).To(Succeed())
	return list.Items
}

// connection reads the connection from the cluster.
func (s *crashes) connection(g Gomega) *pamv1alpha1.SPSConnection {
	c := builder.SPSConnection(builder.DefaultSPSConnection, builder.InNamespace(s.appliance.namespace))
	g.Expect(s.cluster.client.Get(s.Context(), client.ObjectKeyFromObject(c), c)).To(Succeed())
	return c
}

// reasons counts the policies by the reason of Ready.
func (s *crashes) reasons(g Gomega) map[string]int {
	count := map[string]int{}
	for _, p := range s.list(g) {
		count[readyReason(p.Status.Conditions)]++
	}
	return count
}

// eventually waits for a state that the manager brings about.
func (s *crashes) eventually(reached func(g Gomega)) {
	s.Helper()
	NewWithT(s.T).Eventually(func(g Gomega) {
		s.manager.alive()
		reached(g)
	}).WithTimeout(within).WithPolling(pollInterval).Should(Succeed())
}
