// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	crmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// objectMetrics has the metrics that the suite's manager computes when they are gathered.
var objectMetrics = prometheus.NewRegistry()

var _ = Describe("The metrics", func() {
	It("count objects in all namespaces by what they wait for", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.create(ctx, s.policy("good"), s.policy("odd", builder.Adopt(pamv1alpha1.AdoptionPolicyNever)))
		s.sps.Put(rdpConnections, "", map[string]any{"name": "taken"})
		taken := s.policy("taken", builder.Adopt(pamv1alpha1.AdoptionPolicyNever))
		s.create(ctx, taken)
		eventuallyReason(ctx, taken, pamv1alpha1.ReasonAdoptionRefused)
		Eventually(s.metric("pam_objects", "kind=RDPConnectionPolicy", "reason=Synced", "acts=nobody")).Should(Equal(2.0))
		Eventually(s.metric("pam_objects", "reason=AdoptionRefused", "acts=author")).Should(Equal(1.0))
		Expect(s.metric("pam_adoptions_total", "result=refused", "kind=RDPConnectionPolicy")()).To(Equal(1.0))
		Eventually(s.shown("pam_object_not_ready_timestamp_seconds", "object=taken")).Should(BeTrue())
		Expect(s.shown("pam_object_not_ready_timestamp_seconds", "object=good")()).To(BeFalse())
		Eventually(s.metric("pam_connection_ready")).Should(Equal(2.0))
		Expect(s.shown("pam_connection_credential_expiry_timestamp_seconds", "credential=server_certificate")()).To(BeTrue())
		Expect(s.shown("pam_connection_credential_expiry_timestamp_seconds", "credential=token")()).To(BeTrue())
		Expect(s.metric("pam_requests_total", "system=sps", "operation=commit", "result=200")()).To(BeNumerically(">", 0))
		Expect(s.metric("pam_requests_total", "system=nps", "operation=log_in", "result=200")()).To(BeNumerically(">", 0))
		Expect(s.shown("pam_requests_total", "operation=other")()).To(BeFalse())
	})

	It("count drift once, although its repair has to wait", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		s.sps.LockBy("alice", simsps.ViaUI)
		s.sps.Remove(rdpConnections, policy.Status.Key)
		eventuallyReason(ctx, policy, pamv1alpha1.ReasonLocked)
		Expect(meta.IsStatusConditionTrue(policy.Status.Conditions, pamv1alpha1.ConditionDriftDetected)).To(BeTrue())
		Eventually(s.metric("pam_drifted_objects", "management_policy=Manage")).Should(Equal(1.0))
		Eventually(s.onAppliance("pam_foreign_lock_timestamp_seconds")).Should(BeNumerically(">", 0))
		Expect(s.metric("pam_drift_found_total", "kind=RDPConnectionPolicy")()).To(Equal(1.0))
		Expect(s.metric("pam_drift_repaired_total")()).To(BeZero())

		s.sps.Unlock()
		eventuallyReady(ctx, policy)
		Expect(meta.IsStatusConditionTrue(policy.Status.Conditions, pamv1alpha1.ConditionDriftDetected)).To(BeFalse())
		Eventually(s.metric("pam_drifted_objects")).Should(BeZero())
		Expect(s.metric("pam_drift_found_total")()).To(Equal(1.0))
		Expect(s.metric("pam_drift_repaired_total", "kind=RDPConnectionPolicy")()).To(Equal(1.0))
		Expect(s.onAppliance("pam_transactions_total", "result=locked")()).To(BeNumerically(">", 0))
		Expect(s.onAppliance("pam_transactions_total", "result=committed")()).To(Equal(2.0))
	})

	It("count a session from its request to the end of its Secret", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		session := builder.ActivitySession("a", append(s.in("nps"), builder.RequestedBy("tester"))...)
		s.create(ctx, session)
		eventuallyReady(ctx, session)
		Eventually(s.metric("pam_sessions", "phase=Active")).Should(Equal(1.0))
		Expect(s.metric("pam_session_limit")()).To(Equal(200.0))
		Expect(s.metric("pam_session_requests_total", "result=created")()).To(Equal(1.0))
		Expect(s.metric("pam_session_time_to_active_seconds", "approval=false")()).To(Equal(1.0))
		change(ctx, session, func(s *pamv1alpha1.ActivitySession) { s.Spec.Cancel = new(true) })
		Eventually(s.metric("pam_session_ends_total", "phase=Cancelled", "reason=None")).Should(Equal(1.0))
		Expect(s.metric("pam_session_secret_lag_seconds")()).To(Equal(1.0))
		Expect(s.metric("pam_session_secret_age_seconds")()).To(Equal(1.0))
		Expect(k8s.Delete(ctx, session)).To(Succeed())
		eventuallyGone(ctx, session)
		Eventually(s.metric("pam_sessions")).Should(BeZero())
		Expect(s.metric("pam_session_ends_total")()).To(Equal(1.0))
	})

	It("count the records of leftovers until they are deleted", func(ctx context.Context) {
		s := newBareSite(ctx, simsps.Options{})
		users := []string{"collection=aaa/local_database/users"}
		before := sumOf(objectMetrics, "pam_leftovers", users...)
		record := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: s.namespace, Name: "record", Labels: map[string]string{pamv1alpha1.LabelLeftover: "localuser"},
		}}
		s.create(ctx, record)
		leftovers := func() float64 { return sumOf(objectMetrics, "pam_leftovers", users...) - before }
		Eventually(leftovers).Should(BeNumerically(">=", 1))
		Expect(k8s.Delete(ctx, record)).To(Succeed())
		Eventually(leftovers).Should(BeNumerically("<", 1))
	})

	It("forget a connection together with its object", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		policy := s.policy("a")
		s.create(ctx, policy)
		eventuallyReady(ctx, policy)
		Expect(s.shown("pam_requests_total", "system=sps")()).To(BeTrue())
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		eventuallyGone(ctx, policy)
		for _, kind := range []client.Object{&pamv1alpha1.SPSConnection{}, &pamv1alpha1.NPSConnection{}} {
			Expect(k8s.DeleteAllOf(ctx, kind, client.InNamespace(s.namespace))).To(Succeed())
		}
		Eventually(func() []string { return metricsAbout(objectMetrics, s.namespace) }).Should(BeEmpty())
		Eventually(func() []string {
			metricsAbout(objectMetrics, s.namespace) // a scrape, which prunes
			return metricsAbout(crmetrics.Registry, s.namespace)
		}).Should(BeEmpty())
	})
})

// metric returns how to sum up the series of a metric that are about the site and have these labels, written as
// name=value; of a histogram it is the number of observations.
func (s *site) metric(name string, labels ...string) func() float64 {
	labels = append(labels, "connection_namespace="+s.namespace)
	return func() float64 {
		return sumOf(objectMetrics, name, labels...) + sumOf(crmetrics.Registry, name, labels...)
	}
}

// onAppliance is metric for what is counted by appliance.
func (s *site) onAppliance(name string, labels ...string) func() float64 {
	labels = append(labels, "appliance="+strings.TrimPrefix(s.running.URL("sps"), "https://"))
	return func() float64 {
		return sumOf(objectMetrics, name, labels...) + sumOf(crmetrics.Registry, name, labels...)
	}
}

// shown returns how to tell whether there is a series.
func (s *site) shown(name string, labels ...string) func() bool {
	labels = append(labels, "connection_namespace="+s.namespace)
	return func() bool {
		return len(seriesOf(objectMetrics, name, labels...))+len(seriesOf(crmetrics.Registry, name, labels...)) > 0
	}
}

func sumOf(from prometheus.Gatherer, name string, labels ...string) (sum float64) {
	for _, m := range seriesOf(from, name, labels...) {
		sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return sum
}

// seriesOf are the series of a metric that have all labels.
func seriesOf(from prometheus.Gatherer, name string, labels ...string) (found []*dto.Metric) {
	GinkgoHelper()
	families, err := from.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name && hasLabels(m, labels) {
				found = append(found, m)
			}
		}
	}
	return found
}

func hasLabels(m *dto.Metric, labels []string) bool {
	has := map[string]bool{}
	for _, label := range m.GetLabel() {
		has[label.GetName()+"="+label.GetValue()] = true
	}
	for _, label := range labels {
		if !has[label] {
			return false
		}
	}
	return true
}

// metricsAbout are the metrics that have a series with a value of that text.
func metricsAbout(from prometheus.Gatherer, text string) []string {
	GinkgoHelper()
	families, err := from.Gather()
	Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetValue() == text {
					names = append(names, family.GetName())
				}
			}
		}
	}
	return names
}
