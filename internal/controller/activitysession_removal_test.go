// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = Describe("Deleting an ActivitySession", func() {
	deleted := func(ctx context.Context, session *pamv1alpha1.ActivitySession) {
		GinkgoHelper()
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		eventuallyGone(ctx, session)
		Expect(secretOf(ctx, session)).To(BeNil())
	}
	DescribeTable("ends its session in every phase",
		func(ctx context.Context, server simnps.Options, phase pamv1alpha1.SessionPhase, request ...builder.Option) {
			server.Switches.EndingDelay = simnps.Duration(100 * time.Millisecond)
			s := newServerSite(ctx, server)
			session := s.session(ctx, "session", request...)
			eventuallyPhase(ctx, session, phase)
			deleted(ctx, session)
			Expect(s.nps.Sessions()).To(HaveLen(1))
			Expect(s.nps.Sessions()[0].Status).To(BeElementOf("Complete", "Cancelled"))
		},
		Entry("WaitingForApproval", simnps.Options{}, pamv1alpha1.SessionWaitingForApproval, withApproval),
		Entry("Scheduled", simnps.Options{}, pamv1alpha1.SessionScheduled, startingAt(time.Now().Add(time.Hour))),
		Entry("Starting", simnps.Options{ProvisioningDelay: time.Hour}, pamv1alpha1.SessionStarting),
		Entry("Active", simnps.Options{}, pamv1alpha1.SessionActive),
	)

	It("ends it in Ending as well, and waits for that", func(ctx context.Context) {
		s := newServerSite(ctx, stuck())
		session := s.session(ctx, "session")
		eventuallyPhase(ctx, session, pamv1alpha1.SessionStarting)
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionEnding)
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		Eventually(func() bool {
			return phase(ctx, session)() == pamv1alpha1.SessionEnding && session.DeletionTimestamp != nil
		}).Should(BeTrue())
		Expect(s.nps.SetStatus(session.Status.SessionID, simnps.Complete)).To(Succeed())
		eventuallyGone(ctx, session)
	})

	It("gives up a request that waits for a place", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{}, builder.With(func(c *pamv1alpha1.NPSConnection) {
			c.Spec.Limits.ActiveSessions = new(int32(1))
		}))
		s.activeSession(ctx, "first")
		second := s.session(ctx, "second")
		eventuallyReason(ctx, second, pamv1alpha1.ReasonProgressing)
		Eventually(message).WithArguments(ctx, second).Should(ContainSubstring("waiting for a place"))
		deleted(ctx, second)
		Expect(s.nps.Stats().Creates).To(Equal(1))
	})

	It("needs no server where nothing was asked for", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", builder.Suspended())
		eventuallyReason(ctx, session, pamv1alpha1.ReasonSuspended)
		s.down()
		deleted(ctx, session)
	})

	It("needs no server where the session is over", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		s.down()
		deleted(ctx, session)
	})

	It("finds and ends a session whose creation got no answer", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		s.fault(fault.Rule{Name: "lost", Method: "POST", Path: createPath, Drop: fault.DropAfter, Times: 1})
		s.fault(fault.Rule{Name: "list", Path: "MySummaryByStatus", Status: 500})
		session := s.session(ctx, "session")
		eventuallyCutOff(ctx, session)
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		s.nps.Faults().Remove("list")
		eventuallyGone(ctx, session)
		Expect(s.nps.Sessions()).To(HaveLen(1))
		Expect(s.nps.Sessions()[0].Status).To(Equal("Complete"))
	})

	It("takes the Secret away at once, and the object goes when the server has been down long", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		s.down()
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		Eventually(func() *corev1.Secret { return secretOf(ctx, session) }).Should(BeNil())
		eventuallyGone(ctx, session)
		eventuallyEvent(ctx, s.namespace, pamv1alpha1.ReasonDeletionBlocked, session.Status.SessionID)
	})

	It("ends the session although the connection and its credentials are being deleted", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		Eventually(func() []string {
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(conn), conn)).To(Succeed())
			return conn.Finalizers
		}).Should(ContainElement(pamv1alpha1.Finalizer))
		Expect(k8s.Delete(ctx, builder.Secret(quickCredentials, nil, builder.InNamespace(s.namespace)))).To(Succeed())
		Expect(k8s.Delete(ctx, conn)).To(Succeed())
		eventuallyEvent(ctx, s.namespace, pamv1alpha1.ReasonDeletionBlocked, "for live sessions (1, ")
		deleted(ctx, session)
		Expect(s.nps.Sessions()[0].Status).To(Equal("Complete"))
		eventuallyGone(ctx, conn)
	})

	It("lets the object go when the connection went first, and says what may live on", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		Expect(k8s.Delete(ctx, conn)).To(Succeed())
		eventuallyGone(ctx, conn)
		deleted(ctx, session)
		eventuallyEvent(ctx, s.namespace, pamv1alpha1.ReasonDeletionBlocked, session.Status.SessionID)
		record := &corev1.ConfigMap{}
		key := client.ObjectKey{Namespace: s.namespace, Name: "leftover-activitysession-" + string(session.UID)}
		Expect(k8s.Get(ctx, key, record)).To(Succeed())
		Expect(record.Labels).To(HaveKeyWithValue(pamv1alpha1.LabelLeftover, "activitysession"))
		Expect(record.Data).To(HaveKeyWithValue("sessionID", session.Status.SessionID))
	})

	It("is shown as long as the credentials are wrong and the session lives, and no longer", func(ctx context.Context) {
		s := newServerSite(ctx, brief(time.Hour))
		session := s.activeSession(ctx, "session")
		secret := builder.Secret(quickCredentials, nil, builder.InNamespace(s.namespace))
		change(ctx, secret, func(s *corev1.Secret) { s.Data["password"] = []byte(canaryWrongPassword) })
		eventuallyReason(ctx, builder.NPSConnection("nps", builder.InNamespace(s.namespace)), pamv1alpha1.ReasonUnauthorized)
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		eventuallyReason(ctx, session, pamv1alpha1.ReasonUnauthorized)

		patch := patchFrom(session)
		session.Status.ExpiresAt.Time = time.Now().Add(-time.Hour)
		Expect(k8s.Status().Patch(ctx, session, patch)).To(Succeed())
		Eventually(func() bool {
			touched := patchFrom(session)
			builder.Annotation(wakes, time.Now().String())(session)
			return apierrors.IsNotFound(k8s.Patch(ctx, session, touched))
		}).Should(BeTrue())
		Expect(s.nps.Stats().FailedSignIns).To(Equal(1))
	})

	It("ends when the server says for ever that the session is active although it was told to end it",
		func(ctx context.Context) {
			s := newServerSite(ctx, simnps.Options{})
			session := s.activeSession(ctx, "session")
			s.fault(fault.Rule{Name: "deaf", Method: "DELETE", Path: "/ActivitySession/", Status: 202})
			Expect(k8s.Delete(ctx, session)).To(Succeed())
			eventuallyPhase(ctx, session, pamv1alpha1.SessionEnding)
			ends := regexp.MustCompile(`"(scheduledEndDateTimeUtc|endDateTimeUtc)":"[^"]*"`)
			s.nps.Faults().OnAnswer(func(_ *http.Request, body []byte) []byte {
				return ends.ReplaceAll(body, []byte(`"$1":"2020-01-01T00:00:00Z"`))
			})
			eventuallyGone(ctx, session)
			eventuallyEvent(ctx, s.namespace, pamv1alpha1.ReasonDeletionBlocked, session.Status.SessionID)
			Expect(s.atServer(session).Status).To(Equal("Active"))
		})

	It("takes the Secret away although the garbage collector has orphaned it", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session")
		secret := secretOf(ctx, session)
		s.fault(fault.Rule{Name: "slow", Method: "DELETE", Path: "/ActivitySession/", Delay: fault.Duration(2 * time.Second)})
		Expect(k8s.Delete(ctx, session, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
		Eventually(func() []metav1.OwnerReference {
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Succeed())
			return secret.OwnerReferences
		}).Should(BeEmpty(), "the garbage collector is too late for this test")
		eventuallyGone(ctx, session)
		Expect(secretOf(ctx, session)).To(BeNil())
		s.nps.Faults().Remove("slow")
		s.activeSession(ctx, "session")
	})

	It("ends all sessions of a namespace that is deleted with its connection and its Secrets", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		for i := range 5 {
			s.activeSession(ctx, fmt.Sprintf("session-%d", i))
		}
		Expect(k8s.Delete(ctx, builder.Namespace(s.namespace))).To(Succeed())
		Eventually(s.liveThere).Should(BeEmpty())
		Eventually(func() ([]pamv1alpha1.ActivitySession, error) {
			list := &pamv1alpha1.ActivitySessionList{}
			err := k8s.List(ctx, list, client.InNamespace(s.namespace))
			return list.Items, err
		}).Should(BeEmpty())
	})

	It("works for a whole namespace", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		s.activeSession(ctx, "first")
		s.session(ctx, "second", withApproval)
		s.session(ctx, "third", builder.Suspended())
		Expect(k8s.Delete(ctx, builder.Namespace(s.namespace))).To(Succeed())
		Eventually(func() ([]pamv1alpha1.ActivitySession, error) {
			list := &pamv1alpha1.ActivitySessionList{}
			err := k8s.List(ctx, list, client.InNamespace(s.namespace))
			return list.Items, err
		}).Should(BeEmpty())
	})
})
