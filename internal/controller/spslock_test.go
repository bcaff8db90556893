// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var _ = onEverySPS("The lock of an appliance", func() {
	It("is shown while somebody waits for it, and not for ever", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.sps.LockBy("alice", simsps.ViaUI)
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonLocked)
		lock := func() *pamv1alpha1.ConfigurationLock { return s.connection(ctx).Status.Lock }
		Eventually(lock).Should(HaveField("HeldBy", "alice"))
		Expect(told(ctx, policy)()).NotTo(ContainElement(pamv1alpha1.ReasonLocked))

		change(ctx, policy, func(p *pamv1alpha1.RDPConnectionPolicy) {
			p.Spec.DeletionPolicy = pamv1alpha1.DeletionPolicyOrphan
		})
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		Eventually(lock).Should(BeNil())
		Expect(s.sps.LockedBy()).NotTo(BeNil())
	})

	It("names no owner if the appliance only says that it is unavailable", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.spsFault(fault.Rule{
			Name: "starting", Method: http.MethodPost, Path: "^/api/(transaction|configuration)",
			Status: http.StatusServiceUnavailable, Body: "<html>try again later</html>",
		})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonUnreachable)
		Expect(message(ctx, policy)).To(HavePrefix("the appliance takes no changes at the moment: "))
		Expect(s.connection(ctx).Status.Lock).To(BeNil())
		s.sps.Faults().Remove("starting")
		eventuallyReady(ctx, policy)
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
	})

	It("is released at the start, where a manager was killed with a transaction open", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		cookie := s.abandonTransaction(ctx)
		Expect(s.sps.Stats().OpenTransactions).To(Equal(1))
		// The connection has to wait for its CA until the Secret that it owns is there.
		c := s.spsConnection("sps", builder.TrustedCA("later"))
		s.create(ctx, c)
		kept := builder.Secret("sps.session", map[string]string{"cookie": cookie, "appliance": s.running.URL("sps")},
			builder.InNamespace(s.namespace))
		kept.Type = pamv1alpha1.SecretTypeSession
		Expect(controllerutil.SetControllerReference(c, kept, k8s.Scheme())).To(Succeed())
		s.create(ctx, kept, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "later"}, Data: map[string]string{"ca.crt": s.ca},
		})
		eventuallyReady(ctx, c)
		Expect(s.sps.Stats().OpenTransactions).To(BeZero())
		Expect(s.sps.Objects(rdpConnections)).To(BeEmpty())
	})

	It("is released when a write arrives after its transaction was rolled back", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.spsFault(fault.Rule{
			Name: "late", Method: http.MethodPost, Path: rdpConnections, Times: 1,
			Drop: fault.DropLate, Delay: fault.Duration(2500 * time.Millisecond), // long after the retry
		})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Eventually(func() int { return s.sps.Faults().Count(http.MethodPost, rdpConnections) }).Should(Equal(2))
		Eventually(func() int { return s.sps.Stats().OpenTransactions }).Should(BeZero())
		Expect(s.named(rdpConnections, "a")).To(HaveLen(1))
	})
})

// cookieJar is a session store that only keeps.
type cookieJar struct{ cookie string }

func (j *cookieJar) Load(context.Context) (string, error) { return "", nil }

func (j *cookieJar) Save(_ context.Context, cookie string) error {
	j.cookie = cookie
	return nil
}

// abandonTransaction opens a transaction, writes to it, leaves it open as a manager that was killed does, and returns
// the cookie of its log-in session.
func (s *site) abandonTransaction(ctx context.Context) string {
	GinkgoHelper()
	jar := &cookieJar{}
	c, err := sps.New(sps.Config{
		URL: s.running.URL("sps"), TLS: trusting(s.ca), Username: "operator", Password: canarySPSPassword, Sessions: jar,
	})
	Expect(err).NotTo(HaveOccurred())
	defer c.Close()
	tx, err := c.Begin(ctx)
	Expect(err).NotTo(HaveOccurred())
	_, err = tx.Create(ctx, sps.Groups, sps.Body{"name": "half done", "members": []any{}})
	Expect(err).NotTo(HaveOccurred())
	return jar.cookie
}
