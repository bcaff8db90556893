// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("A copy of a session that shows up late is ended", func() {
	// twice is a session whose request was sent twice, of which nobody knows what became of the first.
	twice := func(ctx context.Context, s *site) *pamv1alpha1.ActivitySession {
		GinkgoHelper()
		s.fault(fault.Rule{Name: "lost", Method: "POST", Path: createPath, Drop: fault.DropBefore, Times: 1})
		return s.activeSession(ctx, "session")
	}
	expectEnded := func(s *site, id string) {
		GinkgoHelper()
		Eventually(func() string {
			there, _ := s.nps.Session(id)
			return there.Status
		}).Should(Equal("Complete"))
	}

	It("when its object was cancelled", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := twice(ctx, s)
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		late := ask(ctx, s.client(), requestIDOf(session))
		expectEnded(s, late)
		Eventually(events(ctx, session, pamv1alpha1.ReasonConflict)).Should(ContainElement(ContainSubstring(late)))
	})

	It("when its object ran to its end, and was sent once", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		Expect(s.nps.End(session.Status.SessionID)).To(Succeed())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		expectEnded(s, ask(ctx, s.client(), requestIDOf(session)))
	})

	It("when its object was deleted", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := twice(ctx, s)
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		eventuallyGone(ctx, session)
		late := ask(ctx, s.client(), requestIDOf(session))
		expectEnded(s, late)
		Eventually(logs.String).Should(And(ContainSubstring(`"action": "end-duplicate"`), ContainSubstring(late)))
	})
})

var _ = Describe("A workload that an ActivitySession is bound to", func() {
	job := func(s *site) *batchv1.Job {
		return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "job"}, Spec: batchv1.JobSpec{
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "main", Image: "none"}},
			}},
		}}
	}
	suspend := func(ctx context.Context, s *site, on bool) {
		GinkgoHelper()
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		change(ctx, conn, func(c *pamv1alpha1.NPSConnection) { c.Spec.Suspend = &on })
		if on {
			eventuallyReason(ctx, conn, pamv1alpha1.ReasonSuspended)
			return
		}
		eventuallyReady(ctx, conn)
	}

	DescribeTable("is known to have been there while the request waits, and ends it when it is gone",
		func(ctx context.Context, hold func(context.Context, *site), options ...builder.Option) {
			s := newServerSite(ctx, simnps.Options{})
			if hold != nil {
				hold(ctx, s)
			}
			workload := job(s)
			s.create(ctx, workload)
			session := s.session(ctx, "session", append(options, builder.BoundToJob("job"))...)
			Eventually(func() string {
				_ = phase(ctx, session)()
				return session.Status.BoundToUID
			}).Should(Equal(string(workload.UID)))
			Expect(session.Status.Phase).To(Equal(pamv1alpha1.SessionPending))
			Expect(k8s.Delete(ctx, workload, client.PropagationPolicy(metav1.DeletePropagationBackground))).To(Succeed())
			eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
			Expect(s.nps.Stats().Creates).To(BeZero())
		},
		Entry("for its connection", func(ctx context.Context, s *site) { suspend(ctx, s, true) }),
		Entry("for its author", nil, builder.Suspended()),
		Entry("for a connection that is not there", nil, builder.Connection("nowhere", "")),
	)
})

var _ = Describe("An SSH URL that is none", func() {
	DescribeTable("does not go into the Secret",
		func(ctx context.Context, url string) {
			s := newServerSite(ctx, simnps.Options{Switches: simnps.Switches{
				ConnectionSwitches: simnps.ConnectionSwitches{SSHURL: url},
			}})
			session := s.activeSession(ctx, "session")
			secret := secretOf(ctx, session)
			Expect(secret.Data).NotTo(HaveKey("ssh-url"))
			Expect(secret.Data).NotTo(HaveKey("host"))
			Expect(secret.Data).To(HaveKeyWithValue("protocol", []byte("None")))
			Expect(session.Status.Protocol).To(Equal(pamv1alpha1.ProtocolNone))
			Eventually(events(ctx, session, pamv1alpha1.ReasonRejected)).Should(
				ContainElement(ContainSubstring("the server's SSH URL is left out")))
		},
		Entry("because it is an option", "-oProxyCommand=touch /tmp/owned"),
		Entry("because its host is an option", "ssh://user@-oProxyCommand=x:22"),
		Entry("because its user is an option", "ssh://-oProxyCommand=x@host.example.com:22"),
		Entry("because its user is an option that is escaped", "ssh://%2DoProxyCommand=x@host.example.com:22"),
		Entry("because it has a blank", "ssh://user@host.example.com:22 -oProxyCommand=x"),
		Entry("because it is another one", "https://user@host.example.com"),
	)

	It("leaves one that is one as it is", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session", builder.Duration(time.Hour))
		Expect(value(ctx, session, "ssh-url")()).To(HavePrefix("ssh://"))
	})
})
