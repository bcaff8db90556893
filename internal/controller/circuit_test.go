// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// eventuallyCutOff waits until an object says that its server cannot be reached: as its own call found out, or as its
// connection did, whichever was first.
func eventuallyCutOff(ctx context.Context, session *pamv1alpha1.ActivitySession) {
	GinkgoHelper()
	Eventually(ready(ctx, session)).Should(BeElementOf(
		"False "+pamv1alpha1.ReasonUnreachable, "False "+pamv1alpha1.ReasonConnectionNotReady,
	), func() string { return describe(session) })
	said := message(ctx, session)
	Expect(said).To(MatchRegexp(`tried again at|is not ready|ask the owner of connection`))
	Expect(said).NotTo(ContainSubstring("/api/"), "where it asked is not for its author")
}

// silence cuts every call of a kind off.
func silence(method, path string) fault.Rule {
	return fault.Rule{Name: "silence", Method: method, Path: path, Drop: fault.DropBefore}
}

var _ = Describe("The circuit breaker of a connection", func() {
	npsConn := func(s *site) *pamv1alpha1.NPSConnection {
		return builder.NPSConnection("nps", builder.InNamespace(s.namespace))
	}

	It("opens when a call of a dependent gets no answer, and closes when the server answers", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		s.fault(silence("", ""))
		session := s.session(ctx, "session")
		conn := npsConn(s)
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnreachable)
		Expect(conn.Status.CircuitBreaker).NotTo(BeNil())
		Expect(conn.Status.CircuitBreaker.NextProbe).NotTo(BeNil())
		eventuallyCutOff(ctx, session)
		s.nps.Faults().Clear()
		eventuallyReady(ctx, conn)
		Expect(conn.Status.CircuitBreaker).To(BeNil())
		eventuallyReady(ctx, session)
	})

	It("lets nobody ask but its probes while it is open", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		s.fault(silence("", ""))
		s.session(ctx, "first")
		eventuallyReason(ctx, npsConn(s), pamv1alpha1.ReasonUnreachable)
		before := len(s.nps.Faults().Calls())
		for i := range 20 {
			s.session(ctx, fmt.Sprint("further-", i))
		}
		Eventually(func() int { return len(s.nps.Faults().Calls()) }).Should(BeNumerically(">=", before+2), "probes")
		for _, call := range s.nps.Faults().Calls()[before:] {
			Expect(call.Method+" "+call.Path).To(Equal("GET /api/v1/Version"), "only the probe asks")
		}
	})

	It("is shown as half-open while a later probe waits for its answer", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		s.fault(silence("", ""))
		s.session(ctx, "session")
		conn := npsConn(s)
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnreachable)
		s.nps.Faults().Clear()
		release := make(chan struct{})
		DeferCleanup(func() { close(release) })
		s.nps.Faults().OnRequest(func(r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/Version") {
				<-release
			}
		})
		Eventually(func() pamv1alpha1.CircuitState {
			_ = ready(ctx, conn)()
			if conn.Status.CircuitBreaker == nil {
				return ""
			}
			return conn.Status.CircuitBreaker.State
		}).Should(Equal(pamv1alpha1.CircuitHalfOpen))
		s.nps.Faults().OnRequest(nil)
	})

	It("does not give a batch up for one reader that was cut off", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "6.0"})
		s.spsFault(fault.Rule{
			Name: "once", Method: "GET", Path: "aaa/local_database/users$", Drop: fault.DropBefore, Times: 1,
		})
		policy, group := s.policy("a"), builder.LocalUserGroup("auditors", s.in("sps")...)
		s.create(ctx, group, policy)
		eventuallyReady(ctx, policy)
		eventuallyReady(ctx, group)
	})
})

var _ = Describe("Credentials that were refused", func() {
	refusals := func(s *site) func() int { return func() int { return s.sps.Stats().FailedLogIns } }

	It("are tried again when their Secret is written again, or when somebody asks for it", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		secret := wrongCredentials(s, "wrong")
		conn := s.spsConnection("sps", builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.CredentialsSecretRef.Name = secret.Name
		}))
		s.create(ctx, secret, conn)
		eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnauthorized)
		Expect(refusals(s)()).To(Equal(1))
		Expect(conn.Status.LogIn).NotTo(BeNil())
		Expect(conn.Status.LogIn.Failures).To(HaveValue(BeEquivalentTo(1)))
		Expect(conn.Status.LogIn.RetryTime).NotTo(BeNil())
		s.checkedNothing(ctx, refusals(s))

		change(ctx, secret, func(o *corev1.Secret) { o.Annotations = map[string]string{"touched": "yes"} })
		Eventually(refusals(s)).Should(Equal(2))
		change(ctx, conn, func(c *pamv1alpha1.SPSConnection) {
			c.Annotations = map[string]string{pamv1alpha1.AnnotationReconcileRequestedAt: "now"}
		})
		Eventually(refusals(s)).Should(Equal(3))
		Eventually(func() string {
			_ = ready(ctx, conn)()
			return conn.Status.HandledReconcileRequest
		}).Should(Equal("now"))
		s.checkedNothing(ctx, refusals(s))
	})

	It("of many connections together do not get the cluster's address blocked", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Configure: func(w *simsps.Switches) { w.BruteForce = true }})
		const many = 25
		var others []*pamv1alpha1.SPSConnection
		for i := range many {
			name := fmt.Sprint("wrong-", i)
			secret := builder.Secret(name, map[string]string{
				"username": "operator", "password": canaryWrongPassword + name, // the same ones would be sent once
			}, inSite(s))
			conn := s.spsConnection(name, builder.With(func(c *pamv1alpha1.SPSConnection) {
				c.Spec.CredentialsSecretRef.Name = name
			}))
			s.create(ctx, secret, conn)
			others = append(others, conn)
		}
		throttled := 0
		for _, conn := range others {
			eventuallyReason(ctx, conn, pamv1alpha1.ReasonUnauthorized)
			if strings.Contains(message(ctx, conn), "have never worked are not sent") {
				throttled++
			}
		}
		Expect(refusals(s)()).To(Equal(5))
		Expect(throttled).To(Equal(many - 5))
		s.sps.LogOutAll() // the one that works has to log in again
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
	})
})

func wrongCredentials(s *site, name string) *corev1.Secret {
	return builder.Secret(name, map[string]string{"username": "operator", "password": canaryWrongPassword}, inSite(s))
}

// checkedNothing has the connection sps looked at again, and nothing counted by that.
func (s *site) checkedNothing(ctx context.Context, count func() int) {
	GinkgoHelper()
	before := count()
	conn := s.connection(ctx)
	generation := conn.Generation
	change(ctx, conn, func(c *pamv1alpha1.SPSConnection) {
		c.Spec.Suspend = new(c.Spec.Suspend == nil || !*c.Spec.Suspend) // changes nothing about the log-in
	})
	Eventually(func() int64 {
		_ = ready(ctx, conn)()
		if conn.Status.ObservedGeneration == nil {
			return 0
		}
		return *conn.Status.ObservedGeneration
	}).Should(BeNumerically(">", generation))
	Expect(count()).To(Equal(before))
}
