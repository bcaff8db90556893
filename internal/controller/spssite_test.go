// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"maps"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	spsUsers  = "aaa/local_database/users"
	spsGroups = "aaa/local_database/groups"
)

// spsVersion is the version of the appliance that newSite makes, if it is not told another one.
var spsVersion = "8.0"

// onEverySPS describes what holds on every version of the appliance: they differ in how a transaction is opened, who it
// locks out, and what lists and answers look like (docs/vendors/sps.md 3).
func onEverySPS(text string, body func()) bool { //nolint:unparam // for a declaration with var
	return onSPS(text, []string{"6.0", "7.0", "8.0"}, body)
}

func onSPS(text string, versions []string, body func()) bool {
	for _, version := range versions {
		Describe(text+", on version "+version, func() {
			BeforeEach(func() { spsVersion = version })
			body()
		})
	}
	return true
}

// policy makes a policy of this site that goes through the connection sps.
func (s *site) policy(name string, options ...builder.Option) *pamv1alpha1.RDPConnectionPolicy {
	return builder.RDPConnectionPolicy(name, append(s.in("sps"), options...)...)
}

// byHand puts a policy onto the appliance as an administrator would, and returns its key.
func (s *site) byHand(name, wire string) string {
	GinkgoHelper()
	body, err := builder.RDPBody(name, wire)
	Expect(err).NotTo(HaveOccurred())
	return s.sps.Put(rdpConnections, "", body)
}

// edit changes members of what is on the appliance, as an administrator would.
func (s *site) edit(ctx context.Context, collection, key string, members map[string]any) {
	GinkgoHelper()
	s.editUnseen(collection, key, members)
	s.look(ctx)
}

// editUnseen is edit, but nothing has the operator look at the appliance.
func (s *site) editUnseen(collection, key string, members map[string]any) {
	GinkgoHelper()
	o, ok := s.sps.Object(collection, key)
	Expect(ok).To(BeTrue(), "nothing has the key %q", key)
	maps.Copy(o.Body, members)
	s.sps.Put(collection, key, o.Body)
}

// remove takes an object off the appliance, as an administrator would.
func (s *site) remove(ctx context.Context, collection, key string) {
	GinkgoHelper()
	Expect(s.sps.Remove(collection, key)).To(BeTrue(), "nothing has the key %q", key)
	s.look(ctx)
}

// named returns what the appliance has under a name.
func (s *site) named(collection, name string) []simsps.Object {
	var out []simsps.Object
	for _, o := range s.sps.Objects(collection) {
		if o.Body["name"] == name {
			out = append(out, o)
		}
	}
	return out
}

// member reads one member of an object on the appliance, again and again.
func (s *site) member(collection, key, member string) func() any {
	return func() any {
		o, _ := s.sps.Object(collection, key)
		return o.Body[member]
	}
}

func (s *site) spsFault(rule fault.Rule) {
	GinkgoHelper()
	Expect(s.sps.Faults().Set(rule)).To(Succeed())
}

func (s *site) refuse(refusal simsps.Refusal) {
	GinkgoHelper()
	Expect(s.sps.Refuse(refusal)).To(Succeed())
}

// connection reads the connection sps.
func (s *site) connection(ctx context.Context) *pamv1alpha1.SPSConnection {
	GinkgoHelper()
	c := builder.SPSConnection("sps", builder.InNamespace(s.namespace))
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(c), c)).To(Succeed())
	return c
}

// look has the connection sps ask at once whether the configuration has changed, instead of at its next interval.
func (s *site) look(ctx context.Context) {
	GinkgoHelper()
	change(ctx, s.connection(ctx), func(c *pamv1alpha1.SPSConnection) {
		c.Annotations = map[string]string{wakes: fmt.Sprint(looks.Add(1))}
	})
}

var looks atomic.Int64

// wakes is an annotation of ours whose changes make the manager look at an object; those of other annotations do not.
const wakes = pamv1alpha1.AnnotationSuspendReason

// checkedAgain waits until the appliance has been asked for its configuration once more, and all that follows from the
// answer has begun: until the question after it.
func (s *site) checkedAgain(ctx context.Context) {
	GinkgoHelper()
	for range 2 {
		before := s.sps.Faults().Count("GET", "^/api/info$")
		s.look(ctx)
		Eventually(func() int { return s.sps.Faults().Count("GET", "^/api/info$") }).Should(BeNumerically(">", before))
	}
}

// told returns the reasons of the Events about an object, each behind its message.
func told(ctx context.Context, o client.Object) func() map[string]string {
	return func() map[string]string {
		events := &corev1.EventList{}
		if err := k8s.List(ctx, events, client.InNamespace(o.GetNamespace())); err != nil {
			return nil
		}
		out := map[string]string{}
		for _, e := range events.Items {
			if e.InvolvedObject.UID == o.GetUID() {
				out[e.Message] = e.Reason
			}
		}
		return out
	}
}

// holds says whether a condition of an object is True.
func holds(ctx context.Context, o client.Object, kind string) func() bool {
	return func() bool {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return false
		}
		return meta.IsStatusConditionTrue(conditions(o), kind)
	}
}

func policyName(name string) builder.Option {
	return builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.PolicyName = name })
}
