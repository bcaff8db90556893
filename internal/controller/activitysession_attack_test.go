// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// editor is a client of a user who has the shipped role of an editor of sessions in one namespace, and nothing else.
func editor(ctx context.Context, namespace string) client.Client {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "rbac", "activitysession_editor_role.yaml"))
	Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.ClusterRole{}
	Expect(yaml.Unmarshal(text, role)).To(Succeed())
	role.Name = "editor-of-" + namespace
	user := rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "mallory-of-" + namespace}
	Expect(k8s.Create(ctx, role)).To(Succeed())
	Expect(k8s.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "editor"}, Subjects: []rbacv1.Subject{user},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
	})).To(Succeed())
	config := rest.CopyConfig(planeConfig)
	config.Impersonate.UserName = user.Name
	as, err := client.New(config, client.Options{Scheme: k8s.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return as
}

// claim makes an object look as if its request had been sent, as far as a user can.
func claim(ctx context.Context, as client.Client, session *pamv1alpha1.ActivitySession) {
	GinkgoHelper()
	Expect(as.Get(ctx, client.ObjectKeyFromObject(session), session)).To(Succeed())
	patch := patchFrom(session)
	session.Finalizers = []string{pamv1alpha1.Finalizer}
	builder.Annotation(pamv1alpha1.AnnotationRequestID, requestIDOf(session))(session)
	builder.Annotation(pamv1alpha1.AnnotationRequestedAt, session.CreationTimestamp.Format(time.RFC3339Nano))(session)
	Expect(as.Patch(ctx, session, patch)).To(Succeed())
}

// calls counts what a server was asked for on behalf of objects: all but log-ins and what the connection itself asks.
func (s *site) calls() (n int) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		n += s.nps.Faults().Count(method, "/api/v1/(ActivitySession|Platform)")
	}
	return n
}

var _ = Describe("A user who may write sessions in a namespace that is not permitted", func() {
	forbidden := func(ctx context.Context, s *site) (client.Client, string) {
		GinkgoHelper()
		namespace := s.tenant(ctx)
		return editor(ctx, namespace), namespace
	}
	request := func(ctx context.Context, as client.Client, s *site, namespace string) *pamv1alpha1.ActivitySession {
		GinkgoHelper()
		thief := builder.ActivitySession("thief", append(s.in("nps"), s.from(namespace), builder.Duration(time.Minute))...)
		Expect(as.Create(ctx, thief)).To(Succeed())
		eventuallyReason(ctx, thief, pamv1alpha1.ReasonConnectionNotPermitted)
		return thief
	}

	It("causes no call by claiming that a request was sent, however often", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		as, namespace := forbidden(ctx, s)
		thief := request(ctx, as, s, namespace)
		before := s.calls()
		for i := range 20 {
			claim(ctx, as, thief)
			patch := patchFrom(thief)
			builder.Annotation("kick", fmt.Sprint(i))(thief)
			thief.Spec.Duration = &metav1.Duration{Duration: time.Duration(i+1) * time.Hour}
			Expect(as.Patch(ctx, thief, patch)).To(Succeed())
			eventuallyReason(ctx, thief, pamv1alpha1.ReasonConnectionNotPermitted)
		}
		Expect(as.Delete(ctx, thief)).To(Succeed())
		eventuallyGone(ctx, thief)
		Expect(s.calls()).To(Equal(before))
	})

	DescribeTable("gets no session of others",
		func(ctx context.Context, switches simnps.CreateSwitches) {
			s := newServerSite(ctx, simnps.Options{Switches: simnps.Switches{CreateSwitches: switches}})
			as, namespace := forbidden(ctx, s)
			thief := request(ctx, as, s, namespace)
			victim := ask(ctx, s.client(), "")
			claim(ctx, as, thief)
			patch := patchFrom(thief)
			thief.Spec.Duration = &metav1.Duration{Duration: time.Hour} // an observed generation shows that the pass took place
			Expect(as.Patch(ctx, thief, patch)).To(Succeed())
			eventuallyReason(ctx, thief, pamv1alpha1.ReasonConnectionNotPermitted)
			Expect(thief.Status.SessionID).To(BeEmpty())
			Expect(secretOf(ctx, thief)).To(BeNil())
			Expect(as.Delete(ctx, thief)).To(Succeed())
			eventuallyGone(ctx, thief)
			there, _ := s.nps.Session(victim)
			Expect(there.Status).To(Equal("Active"))
		},
		Entry("at a server that keeps notes", simnps.CreateSwitches{}),
		Entry("at a server that drops notes", simnps.CreateSwitches{NotesDropped: true}),
	)

	It("cannot write the status", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		as, namespace := forbidden(ctx, s)
		thief := request(ctx, as, s, namespace)
		patch := patchFrom(thief)
		thief.Status.RequestID = requestIDOf(thief)
		Expect(as.Status().Patch(ctx, thief, patch)).NotTo(Succeed())
	})
})

var _ = Describe("A user who may write the status of sessions", func() {
	put := func(ctx context.Context, session *pamv1alpha1.ActivitySession, sessionID string) {
		GinkgoHelper()
		Eventually(func() error {
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(session), session)).To(Succeed())
			patch := patchFrom(session)
			session.Status.Phase, session.Status.SessionID = pamv1alpha1.SessionActive, sessionID
			session.Status.RequestID = requestIDOf(session)
			return k8s.Status().Patch(ctx, session, patch)
		}).Should(Succeed())
		s := session.DeepCopy()
		patch := patchFrom(s)
		builder.Annotation(wakes, time.Now().String())(s)
		Expect(k8s.Patch(ctx, s, patch)).To(Succeed())
	}

	DescribeTable("gets no connection data of another one's session, and does not end it",
		func(ctx context.Context, switches simnps.CreateSwitches, permitted bool) {
			s := newServerSite(ctx, simnps.Options{Switches: simnps.Switches{CreateSwitches: switches}})
			victim := s.activeSession(ctx, "victim")
			where := s.namespace
			if !permitted {
				where = s.tenant(ctx)
			}
			thief := s.session(ctx, "thief", builder.Suspended(), s.from(where))
			Eventually(ready(ctx, thief)).Should(HavePrefix("False "))
			put(ctx, thief, victim.Status.SessionID)
			Eventually(events(ctx, thief, pamv1alpha1.ReasonConflict)).Should(
				ContainElement(ContainSubstring("is not of this request")))
			Expect(secretOf(ctx, thief)).To(BeNil())
			Expect(k8s.Delete(ctx, thief)).To(Succeed())
			eventuallyGone(ctx, thief)
			Expect(s.atServer(victim).Status).To(Equal("Active"))
			eventuallyReady(ctx, victim)
		},
		Entry("where notes are kept", simnps.CreateSwitches{}, true),
		Entry("where notes are kept, from a namespace without permission", simnps.CreateSwitches{}, false),
		Entry("where notes are dropped", simnps.CreateSwitches{NotesDropped: true}, true),
	)
})

var _ = Describe("An ActivitySession whose namespace loses its permission", func() {
	allow := func(ctx context.Context, s *site, allowed bool) {
		GinkgoHelper()
		conn := builder.NPSConnection("nps", builder.InNamespace(s.namespace))
		change(ctx, conn, func(c *pamv1alpha1.NPSConnection) {
			c.Spec.AllowedNamespaces, c.Spec.Grants = nil, nil
			if allowed {
				c.Spec.AllowedNamespaces = &pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll}
				c.Spec.Grants = []pamv1alpha1.Grant{{NamespaceSelector: &metav1.LabelSelector{}}}
			}
		})
		eventuallyReady(ctx, conn)
	}

	It("has what came of its request ended, and fails", func(ctx context.Context) {
		s := newServerSite(ctx, unanswered(1, simnps.CreateSwitches{}))
		allow(ctx, s, true)
		s.fault(fault.Rule{Name: "list", Path: "MySummaryByStatus", Status: 500})
		session := s.session(ctx, "session", s.from(s.tenant(ctx)))
		Eventually(func() int { return s.nps.Stats().Creates }).Should(Equal(1))
		allow(ctx, s, false)
		s.nps.Faults().Remove("list")
		eventuallyPhase(ctx, session, pamv1alpha1.SessionFailed)
		Expect(session.Status.Failure.Reason).To(Equal(pamv1alpha1.FailureNotPermitted))
		Expect(session.Status.Failure.Message).To(ContainSubstring("its owner can change allowedNamespaces"))
		Expect(s.nps.Sessions()).To(HaveLen(1))
		Expect(s.nps.Sessions()[0].Status).To(Equal("Complete"))
		for _, transition := range session.Status.History {
			Expect(transition.Phase).NotTo(Equal(pamv1alpha1.SessionActive))
		}
	})

	It("gets no new connection data, and no later end", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		allow(ctx, s, true)
		session := s.activeSession(ctx, "session", s.from(s.tenant(ctx)), builder.Duration(10*time.Minute))
		allow(ctx, s, false)
		end, fetched := session.Status.ExpiresAt, s.nps.Stats().SSHs
		change(ctx, session, func(o *pamv1alpha1.ActivitySession) {
			o.Spec.Duration = &metav1.Duration{Duration: 20 * time.Minute}
		})
		Eventually(message).WithArguments(ctx, session).Should(ContainSubstring("it is not extended: connection"))
		Expect(session.Status.ExpiresAt).To(Equal(end))
		change(ctx, session, func(o *pamv1alpha1.ActivitySession) {
			builder.Annotation(pamv1alpha1.AnnotationRefreshRequestedAt, "now")(o)
		})
		eventuallyReason(ctx, session, pamv1alpha1.ReasonConnectionNotPermitted)
		Expect(s.nps.Stats().SSHs).To(Equal(fetched))
		Expect(s.atServer(session).Status).To(Equal("Active"))
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
	})
})
