// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

func cancel(ctx context.Context, session *pamv1alpha1.ActivitySession) {
	GinkgoHelper()
	change(ctx, session, func(s *pamv1alpha1.ActivitySession) { s.Spec.Cancel = new(true) })
}

func refreshEvery(d time.Duration) builder.Option {
	return builder.With(func(s *pamv1alpha1.ActivitySession) {
		s.Spec.ConnectionSecret = &pamv1alpha1.ConnectionSecret{RefreshInterval: &metav1.Duration{Duration: d}}
	})
}

var _ = Describe("The Secret of an active ActivitySession", func() {
	It("comes back when somebody deletes it", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		first := secretOf(ctx, session)
		Expect(k8s.Delete(ctx, first)).To(Succeed())
		Eventually(func() types.UID {
			if secret := secretOf(ctx, session); secret != nil {
				return secret.UID
			}
			return first.UID
		}).ShouldNot(Equal(first.UID))
		Expect(value(ctx, session, "ssh-url")()).To(HavePrefix("ssh://"))
	})

	It("is filled again when somebody empties it", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		secret := secretOf(ctx, session)
		change(ctx, secret, func(s *corev1.Secret) { s.Data = nil })
		Eventually(value(ctx, session, "ssh-url")).Should(HavePrefix("ssh://"))
	})

	It("is written again when somebody changes what is in it, and the author is told", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		secret := secretOf(ctx, session)
		Expect(session.Status.ConnectionSecretDigest).To(Equal(pamv1alpha1.ConnectionSecretDigest(secret)))
		before := value(ctx, session, "ssh-config")()
		change(ctx, secret, func(s *corev1.Secret) { s.Data["ssh-config"] = []byte(before + "  ProxyCommand x\n") })
		Eventually(value(ctx, session, "ssh-config")).Should(Equal(before))
		Eventually(events(ctx, session, pamv1alpha1.ReasonConflict)).Should(ContainElement(
			HavePrefix("somebody else has written into Secret " + s.namespace + "/session")))
		eventuallyReady(ctx, session)
		Eventually(func() string {
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(session), session)).To(Succeed())
			return session.Status.ConnectionSecretDigest
		}).Should(Equal(pamv1alpha1.ConnectionSecretDigest(secretOf(ctx, session))))
	})

	It("is owned and filled again when somebody takes its owner reference and edits it", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		secret := secretOf(ctx, session)
		change(ctx, secret, func(s *corev1.Secret) {
			s.OwnerReferences, s.Data["ssh-url"] = nil, []byte("ssh://attacker.example.com")
		})
		Eventually(func() bool { return metav1.IsControlledBy(secretOf(ctx, session), session) }).Should(BeTrue())
		Expect(value(ctx, session, "ssh-url")()).NotTo(ContainSubstring("attacker"))
		Expect(secretOf(ctx, session).UID).To(Equal(secret.UID))
	})

	It("never takes the place of somebody else's", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		foreign := builder.Secret("session", map[string]string{"mine": "yes"}, builder.InNamespace(s.namespace))
		foreign.Immutable = new(true)
		s.create(ctx, foreign)
		session := s.session(ctx, "session", withApproval)
		eventuallyReason(ctx, session, pamv1alpha1.ReasonConflict)
		Expect(message(ctx, session)).To(And(HavePrefix("the session is not requested: "),
			ContainSubstring("Secret "+s.namespace+"/session belongs to another owner and is not touched: delete it")))
		Expect(s.nps.Faults().Count("POST", createPath)).To(BeZero())

		By("saying that it waits while the other one is being deleted")
		const held = "test.pam-operator.io/held"
		change(ctx, foreign, func(s *corev1.Secret) { s.Finalizers = []string{held} })
		Expect(k8s.Delete(ctx, foreign)).To(Succeed())
		Eventually(message).WithArguments(ctx, session).Should(
			HaveSuffix("belongs to another owner and is being deleted; waiting until it is gone"))
		Expect(condition(session, pamv1alpha1.ConditionStalled)).To(BeEmpty())
		Expect(s.nps.Faults().Count("POST", createPath)).To(BeZero())

		By("requesting the session when the other one is gone")
		change(ctx, foreign, func(s *corev1.Secret) { s.Finalizers = nil })
		eventuallyPhase(ctx, session, pamv1alpha1.SessionWaitingForApproval)
	})

	It("leaves somebody else's that came meanwhile alone, and notices the end meanwhile", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{ProvisioningDelay: time.Hour})
		session := s.session(ctx, "session")
		eventuallyPhase(ctx, session, pamv1alpha1.SessionStarting)
		s.create(ctx, builder.Secret("session", map[string]string{"mine": "yes"}, builder.InNamespace(s.namespace)))
		Expect(s.nps.SetStatus(session.Status.SessionID, simnps.Active)).To(Succeed())
		eventuallyReason(ctx, session, pamv1alpha1.ReasonConflict)
		Expect(message(ctx, session)).To(HavePrefix("the session is active, but has no Secret: "))
		Expect(condition(session, pamv1alpha1.ConditionActive)).To(Equal(metav1.ConditionTrue))
		Expect(s.nps.SetStatus(session.Status.SessionID, simnps.Cancelled)).To(Succeed())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		Expect(secretOf(ctx, session).Data).To(HaveKeyWithValue("mine", []byte("yes")))
	})

	It("is fetched again for every new value of the annotation, and only then", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session", onWindows())
		for _, at := range []string{"2026-01-01T00:00:00Z", strings.Repeat("9", 400)} {
			before := value(ctx, session, "rdp")()
			change(ctx, session, func(s *pamv1alpha1.ActivitySession) {
				builder.Annotation(pamv1alpha1.AnnotationRefreshRequestedAt, at)(s)
			})
			Eventually(value(ctx, session, "rdp")).ShouldNot(Equal(before))
		}
		calls := s.nps.Stats().RDPs
		Expect(calls).To(Equal(3))
		s.lookAgain(ctx, session)
		Expect(s.nps.Stats().RDPs).To(Equal(calls))
	})

	It("is fetched again when its content is older than refreshInterval", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session", onWindows(), refreshEvery(time.Hour))
		before := value(ctx, session, "rdp")()
		Eventually(func() string {
			patch := patchFrom(session)
			session.Status.SecretRefreshedAt = &metav1.Time{Time: time.Now().Add(-2 * time.Hour)}
			Expect(k8s.Status().Patch(ctx, session, patch)).To(Succeed())
			s.wake(ctx, session)
			Expect(phase(ctx, session)()).To(Equal(pamv1alpha1.SessionActive))
			return value(ctx, session, "rdp")()
		}).ShouldNot(Equal(before))
	})

	It("waits until a locked session is unlocked", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{ProvisioningDelay: time.Hour})
		session := s.session(ctx, "session")
		eventuallyPhase(ctx, session, pamv1alpha1.SessionStarting)
		Expect(s.nps.Lock(session.Status.SessionID, true)).To(Succeed())
		Expect(s.nps.SetStatus(session.Status.SessionID, simnps.Active)).To(Succeed())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		Expect(message(ctx, session)).To(ContainSubstring("locked"))
		Expect(secretOf(ctx, session)).To(BeNil())

		Expect(s.nps.Lock(session.Status.SessionID, false)).To(Succeed())
		eventuallyReady(ctx, session)
		Expect(value(ctx, session, "ssh-url")()).To(HavePrefix("ssh://"))
	})

	It("is written once the server gives the connection data away", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		s.fault(fault.Rule{Name: "ssh", Path: "/ActivitySession/Ssh/", Status: 500, Times: 1})
		session := s.activeSession(ctx, "session")
		Expect(value(ctx, session, "ssh-url")()).To(HavePrefix("ssh://"))
	})

	It("is emptied before it is deleted", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		secret := secretOf(ctx, session)
		const held = "test.pam-operator.io/held"
		change(ctx, secret, func(s *corev1.Secret) { s.Finalizers = []string{held} })
		cancel(ctx, session)
		Eventually(func() bool { return secretOf(ctx, session).DeletionTimestamp != nil }).Should(BeTrue())
		Expect(secretOf(ctx, session).Data).To(BeEmpty())
		change(ctx, secret, func(s *corev1.Secret) { s.Finalizers = nil })
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
	})

	It("goes at the session's time even if the server cannot be asked", func(ctx context.Context) {
		s := newServerSite(ctx, brief(2*time.Second))
		session := s.activeSession(ctx, "session")
		s.down()
		Eventually(func() *corev1.Secret { return secretOf(ctx, session) }).Should(BeNil())
		Expect(condition(session, pamv1alpha1.ConditionReady)).To(Equal(metav1.ConditionTrue), "not looked at since")
		s.up()
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCompleted)
	})

	It("goes at the session's time even if the connection is gone", func(ctx context.Context) {
		s := newServerSite(ctx, brief(2*deletionDeadline))
		session := s.activeSession(ctx, "session")
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		Expect(k8s.Delete(ctx, conn)).To(Succeed())
		eventuallyGone(ctx, conn)
		Eventually(func() *corev1.Secret { return secretOf(ctx, session) }).Should(BeNil())
		eventuallyReason(ctx, session, pamv1alpha1.ReasonConnectionNotReady)
	})
})

// brief is a server whose sessions on Linux last for so long.
func brief(length time.Duration) simnps.Options {
	return simnps.Options{Policies: []simnps.Policy{{
		Name: "brief", Activities: []string{builder.DefaultActivity}, Resources: []string{builder.DefaultResource},
		Profile: simnps.Profile{MaxSessionLength: length},
	}}}
}

var _ = Describe("An active ActivitySession", func() {
	type way struct {
		end    func(ctx context.Context, s *site, clock *movingClock, session *pamv1alpha1.ActivitySession)
		phase  pamv1alpha1.SessionPhase
		server string
	}
	DescribeTable("comes to its end and takes its Secret along",
		func(ctx context.Context, w way) {
			clock := &movingClock{}
			s := newServerSite(ctx, simnps.Options{Now: clock.now})
			session := s.activeSession(ctx, "session")
			id := session.Status.SessionID
			w.end(ctx, s, clock, session)
			eventuallyPhase(ctx, session, w.phase)
			Expect(ready(ctx, session)()).To(Equal("True Completed"))
			Expect(session.Status.EndTime).NotTo(BeNil())
			Expect(secretOf(ctx, session)).To(BeNil())
			if there, ok := s.nps.Session(id); ok {
				Expect(there.Status).To(Equal(w.server))
			} else {
				Expect(w.server).To(BeEmpty())
			}
			Expect(s.nps.Stats().Creates).To(Equal(1))
		},
		Entry("when it is cancelled", way{
			func(ctx context.Context, _ *site, _ *movingClock, session *pamv1alpha1.ActivitySession) {
				cancel(ctx, session)
			},
			pamv1alpha1.SessionCancelled, "Complete",
		}),
		Entry("when its time is over", way{
			func(_ context.Context, _ *site, clock *movingClock, _ *pamv1alpha1.ActivitySession) {
				clock.putForward(9 * time.Hour)
			},
			pamv1alpha1.SessionCompleted, "Complete",
		}),
		Entry("when an administrator ends it", way{
			func(_ context.Context, s *site, _ *movingClock, session *pamv1alpha1.ActivitySession) {
				Expect(s.nps.End(session.Status.SessionID)).To(Succeed())
			},
			pamv1alpha1.SessionCancelled, "Cancelled",
		}),
		Entry("when the server forgets it", way{
			func(_ context.Context, s *site, _ *movingClock, session *pamv1alpha1.ActivitySession) {
				Expect(s.nps.Purge(session.Status.SessionID)).To(Succeed())
			},
			pamv1alpha1.SessionCompleted, "",
		}),
	)

	It("is ended by deletion, and its Secret goes first", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{Switches: simnps.Switches{
			CreateSwitches: simnps.CreateSwitches{EndingDelay: simnps.Duration(time.Hour)},
		}})
		session := s.activeSession(ctx, "session")
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionEnding)
		Expect(secretOf(ctx, session)).To(BeNil())
		Expect(s.atServer(session).Status).To(Equal("Cancelling"))
		Expect(s.nps.SetStatus(session.Status.SessionID, simnps.Complete)).To(Succeed())
		eventuallyGone(ctx, session)
	})

	It("fails, with Stalled, when the server says so", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		Expect(s.nps.Fail(session.Status.SessionID, "the host is gone")).To(Succeed())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
		Expect(ready(ctx, session)()).To(Equal("False Failed"))
		Expect(condition(session, pamv1alpha1.ConditionStalled)).To(Equal(metav1.ConditionTrue))
		Expect(session.Status.Failure.Message).To(ContainSubstring("the host is gone"))
		Expect(secretOf(ctx, session)).To(BeNil())
	})

	It("that hangs in its end at the server is told to end again", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{Switches: simnps.Switches{
			CreateSwitches: simnps.CreateSwitches{EndingDelay: simnps.Duration(time.Hour)},
		}})
		session := s.activeSession(ctx, "session")
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionEnding)
		patch := patchFrom(session)
		session.Status.Deadline.Time = session.Status.Deadline.Add(-time.Hour)
		Expect(k8s.Status().Patch(ctx, session, patch)).To(Succeed())
		s.wake(ctx, session)
		Eventually(func() int { return s.nps.Faults().Count("DELETE", "/ActivitySession/") }).Should(Equal(2))
	})

	DescribeTable("is deleted after its time to live",
		func(ctx context.Context, seconds int32) {
			s := newServerSite(ctx, simnps.Options{})
			session := s.activeSession(ctx, "session", builder.With(func(s *pamv1alpha1.ActivitySession) {
				s.Spec.TTLSecondsAfterFinished = &seconds
			}))
			id := session.Status.SessionID
			cancel(ctx, session)
			eventuallyGone(ctx, session)
			there, _ := s.nps.Session(id)
			Expect(there.Status).To(Equal("Complete"))
		},
		Entry("at once", int32(0)),
		Entry("a second later", int32(1)),
	)

	It("stays without a time to live", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		Consistently(func() bool {
			return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(session), session))
		}, "300ms").Should(BeFalse())
	})
})
