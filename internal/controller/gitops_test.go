// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/spent"
	"github.com/pam-operator/pam-operator/internal/gitops"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// inFlux is what Flux puts on the objects of a Kustomization.
func inFlux(o client.Object) {
	builder.Label(gitops.FluxKustomization, "apps")(o)
	builder.Label(gitops.FluxKustomizationNamespace, "flux-system")(o)
}

// inArgo is what Argo CD puts on the objects of an application. It comes after the name and the namespace.
func inArgo(o client.Object) {
	builder.Annotation(gitops.ArgoTracking,
		"payments:pam-operator.io/ActivitySession:"+o.GetNamespace()+"/"+o.GetName())(o)
}

// noTTL has an object deleted as soon as it is done.
func noTTL(o client.Object) {
	switch o := o.(type) {
	case *pamv1alpha1.ActivitySession:
		o.Spec.TTLSecondsAfterFinished = new(int32(0))
	case *pamv1alpha1.SessionTermination:
		o.Spec.TTLSecondsAfterFinished = new(int32(0))
	}
}

// deleted deletes an object and waits until it is gone.
func deleted(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Expect(k8s.Delete(ctx, o)).To(Succeed())
	eventuallyGone(ctx, o)
}

var _ = Describe("An ActivitySession that a GitOps tool creates again", func() {
	DescribeTable("gets no second session until its author asks for one",
		func(ctx context.Context, owned builder.Option, owner string) {
			s := newServerSite(ctx, simnps.Options{})
			first := s.activeSession(ctx, "session", owned)
			deleted(ctx, first)
			again := s.session(ctx, "session", owned, builder.Suspended())
			eventuallyReason(ctx, again, pamv1alpha1.ReasonSuspended)
			change(ctx, again, func(s *pamv1alpha1.ActivitySession) { s.Spec.Suspend = nil })
			eventuallyReason(ctx, again, pamv1alpha1.ReasonInvalidSpec)
			Expect(message(ctx, again)).To(And(HavePrefix(owner+" has created this object again"),
				ContainSubstring(string(first.UID)), ContainSubstring("change spec.runID")))
			Expect(condition(again, pamv1alpha1.ConditionStalled)).To(BeEquivalentTo("True"))
			Expect(again.Status.Deadline).To(BeNil())
			Eventually(answered(ctx, again)).Should(Equal(request(ctx, again)))
			deleted(ctx, again)
			third := s.session(ctx, "session", owned)
			eventuallyReason(ctx, third, pamv1alpha1.ReasonInvalidSpec)
			Expect(s.nps.Stats().Creates).To(Equal(1))
			change(ctx, third, func(s *pamv1alpha1.ActivitySession) { s.Spec.RunID = "2030-01-02" })
			eventuallyPhase(ctx, third, pamv1alpha1.SessionActive)
			Expect(s.nps.Stats().Creates).To(Equal(2))
		},
		Entry("Flux", builder.Option(inFlux), "the Flux Kustomization flux-system/apps"),
		Entry("Argo CD", builder.Option(inArgo), "the Argo CD application payments"),
	)

	It("gets one whenever nobody says that it is to be kept in step with a repository", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		for range 2 {
			deleted(ctx, s.activeSession(ctx, "session"))
		}
		hook := builder.Annotation(gitops.ArgoHook, "PreSync")
		for range 2 {
			deleted(ctx, s.activeSession(ctx, "hook", inArgo, hook))
		}
		for range 2 {
			generated := s.session(ctx, "", inFlux, func(o client.Object) { o.SetGenerateName("generated-") })
			eventuallyPhase(ctx, generated, pamv1alpha1.SessionActive)
		}
		Expect(s.nps.Stats().Creates).To(Equal(6))
	})

	It("gets one if the first one came to nothing, if it asks for something else, or in another namespace",
		func(ctx context.Context) {
			s := newServerSite(ctx, simnps.Options{})
			s.fault(fault.Rule{Name: "refusal", Method: http.MethodPost, Path: createPath, Status: 400, Body: `{"title":"No"}`})
			first := s.session(ctx, "session", inFlux)
			eventuallyReason(ctx, first, pamv1alpha1.ReasonRejected)
			cancel(ctx, first)
			eventuallyPhase(ctx, first, pamv1alpha1.SessionCancelled)
			deleted(ctx, first)
			s.nps.Faults().Clear()
			deleted(ctx, s.activeSession(ctx, "session", inFlux))
			deleted(ctx, s.activeSession(ctx, "session", inFlux, builder.With(func(s *pamv1alpha1.ActivitySession) {
				s.Spec.Note = "another purpose"
			})))
			again := s.session(ctx, "session", inFlux, builder.With(func(s *pamv1alpha1.ActivitySession) {
				s.Spec.DeletionPolicy, s.Spec.Cancel = pamv1alpha1.SessionDeletionPolicyEnd, new(false)
			}))
			eventuallyReason(ctx, again, pamv1alpha1.ReasonInvalidSpec)
			Expect(s.nps.Stats().Creates).To(Equal(2))
		})

	It("is held as well if its first session was kept", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		deleted(ctx, s.activeSession(ctx, "session", inFlux, keep))
		eventuallyReason(ctx, s.session(ctx, "session", inFlux, keep), pamv1alpha1.ReasonInvalidSpec)
		Expect(s.nps.Stats().Creates).To(Equal(1))
	})

	It("is not allowed to be deleted by a TTL", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", inFlux, noTTL)
		eventuallyReason(ctx, session, pamv1alpha1.ReasonInvalidSpec)
		Expect(message(ctx, session)).To(HavePrefix("spec.ttlSecondsAfterFinished: the Flux Kustomization"))
		Expect(s.nps.Stats().Creates).To(BeZero())
		change(ctx, session, func(s *pamv1alpha1.ActivitySession) { s.Spec.TTLSecondsAfterFinished = nil })
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		owned := s.activeSession(ctx, "owned-later", noTTL)
		change(ctx, owned, func(s *pamv1alpha1.ActivitySession) { inFlux(s) })
		cancel(ctx, owned)
		eventuallyPhase(ctx, owned, pamv1alpha1.SessionCancelled)
		Eventually(message).WithArguments(ctx, owned).Should(ContainSubstring("ttlSecondsAfterFinished has no effect"))
	})

	It("is held while a ConfigMap of somebody else has the place of its memory", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		foreign := &corev1.ConfigMap{}
		foreign.Namespace, foreign.Name = s.namespace, spent.ConfigMapName
		s.create(ctx, foreign)
		session := s.session(ctx, "session", inFlux)
		eventuallyReason(ctx, session, pamv1alpha1.ReasonConflict)
		Expect(s.nps.Stats().Creates).To(BeZero())
		deleted(ctx, session)
	})
})

var _ = Describe("A SessionTermination that a GitOps tool creates again", func() {
	It("closes nothing that has begun since until its author asks for that", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		begin := func() string {
			return s.sps.StartSession(simsps.AuditSession{ConnectionPolicyID: policy.Status.Key}).ID
		}
		begin()
		first := s.termination("", builder.OfPolicy("a"), inFlux)
		s.create(ctx, first)
		eventuallyReady(ctx, first)
		Expect(s.live()).To(BeEmpty())
		deleted(ctx, first)

		later := begin()
		again := s.termination("", builder.OfPolicy("a"), inFlux)
		s.create(ctx, again)
		eventuallyReason(ctx, again, pamv1alpha1.ReasonInvalidSpec)
		Expect(message(ctx, again)).To(And(ContainSubstring(string(first.UID)), ContainSubstring("change spec.runID")))
		Eventually(answered(ctx, again)).Should(Equal(request(ctx, again)))
		Expect(s.live()).To(ConsistOf(later))
		change(ctx, again, func(t *pamv1alpha1.SessionTermination) { t.Spec.RunID = "2" })
		eventuallyReady(ctx, again)
		Expect(s.live()).To(BeEmpty())
	})

	It("is not allowed to be deleted by a TTL", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		id := s.sps.StartSession(simsps.AuditSession{}).ID
		t := s.termination(id, inFlux, noTTL)
		s.create(ctx, t)
		eventuallyReason(ctx, t, pamv1alpha1.ReasonInvalidSpec)
		Expect(s.live()).To(ConsistOf(id))
		change(ctx, t, func(t *pamv1alpha1.SessionTermination) { t.Spec.TTLSecondsAfterFinished = nil })
		eventuallyReady(ctx, t)
		change(ctx, t, func(t *pamv1alpha1.SessionTermination) { noTTL(t) })
		Eventually(message).WithArguments(ctx, t).Should(ContainSubstring("ttlSecondsAfterFinished has no effect"))
		Eventually(answered(ctx, t)).Should(Equal(request(ctx, t)))
		Expect(strings.Count(message(ctx, t), "has no effect")).To(Equal(1), "it is said once, however often it is looked at")
	})
})
