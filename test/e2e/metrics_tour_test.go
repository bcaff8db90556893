// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	table "github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/simulator"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// metricsTour is a scenario in which everything happens that a metric is about.
type metricsTour struct {
	*testing.T

	cluster *cluster
	manager *manager
	site    *spsSite
	address string
	in      builder.Option
}

// TestEveryMetricOfTheTableIsServed has a manager do everything that a metric is about, and compares what it serves
// with the table: each metric, none besides, with its labels, and nothing in them that is in no list.
func TestEveryMetricOfTheTableIsServed(t *testing.T) {
	t.Parallel() // mostly waiting
	c := theCluster(t)
	namespace := c.newNamespace("tour")
	s := &metricsTour{T: t, cluster: c, in: builder.InNamespace(namespace), address: freeAddress(t)}
	s.manager = newManager(t, c, namespace)
	s.manager.arguments = []string{"--metrics-bind-address=" + s.address, "--metrics-secure=false"}
	s.site = newSPSSite(t, c, namespace, simsps.Options{})
	s.manager.start(t)
	s.insecure()
	s.reaches(builder.SPSConnection(builder.DefaultSPSConnection, s.in), "True Synced")
	s.adopt()
	s.session()
	s.drift()
	s.block()
	s.compare()
	s.manager.stop(t)
}

// insecure adds a connection that verifies nothing.
func (s *metricsTour) insecure() {
	s.Helper()
	running, err := simulator.Serve(s.Context(), simulator.Config{
		Listeners: []simulator.Listener{{Name: "nps", Handler: simnps.New(simnps.Options{
			Users: []simnps.User{{Login: npsUser, Password: simnps.DefaultPassword, MFACode: simnps.DefaultMFACode}},
		}).Handler()}},
	})
	if err != nil {
		s.Fatal(err)
	}
	trusting := builder.With(func(c *pamv1alpha1.NPSConnection) {
		c.Spec.TLS = &pamv1alpha1.TLSSettings{InsecureSkipVerify: new(true)}
		c.Spec.Polling = &pamv1alpha1.NPSPolling{
			Starting: &metav1.Duration{Duration: 2 * proofPoll}, Active: &metav1.Duration{Duration: 10 * proofPoll},
		}
	})
	nps := builder.NPSConnection("nps", s.in, builder.URL(running.URL("nps")), builder.UserSignIn(), trusting)
	s.cluster.apply(s.T, nps, builder.Secret(builder.NPSCredentials, map[string]string{
		"username": npsUser, "password": simnps.DefaultPassword, "mfaCode": simnps.DefaultMFACode,
	}, s.in))
	s.reaches(nps, "True Synced")
}

// adopt has a policy adopted, and one created.
func (s *metricsTour) adopt() {
	s.Helper()
	s.site.Put(rdpConnections, "", policyByHand(s.T, "adopted"))
	policies := []client.Object{
		builder.RDPConnectionPolicy("adopted", s.in, builder.Adopt(pamv1alpha1.AdoptionPolicyAlways)),
		builder.RDPConnectionPolicy("created", s.in),
	}
	s.cluster.apply(s.T, policies...)
	for _, policy := range policies {
		s.reaches(policy, "True Synced")
	}
}

// session has a session requested, extended and ended.
func (s *metricsTour) session() {
	s.Helper()
	session := builder.ActivitySession("session", s.in, builder.Connection("nps", ""), builder.Duration(time.Hour),
		builder.RequestedBy(controlplane.Admin))
	s.cluster.apply(s.T, session)
	s.reaches(session, "True Active")
	s.patch(session, `{"spec": {"duration": "80m"}}`)
	s.eventually(func(g Gomega) {
		g.Expect(s.cluster.client.Get(s.Context(), client.ObjectKeyFromObject(session), session)).To(Succeed())
		g.Expect(session.Status.Extensions).NotTo(BeNil())
	})
	s.patch(session, `{"spec": {"cancel": true}}`)
	s.reaches(session, "True Completed")
}

// drift has an administrator remove a policy while another one holds the configuration, so that the repair waits.
func (s *metricsTour) drift() {
	s.Helper()
	created := builder.RDPConnectionPolicy("created", s.in)
	s.eventually(func(g Gomega) {
		g.Expect(s.cluster.client.Get(s.Context(), client.ObjectKeyFromObject(created), created)).To(Succeed())
		g.Expect(created.Status.Key).NotTo(BeEmpty())
	})
	s.site.LockBy("alice", simsps.ViaUI)
	s.site.Remove(rdpConnections, created.Status.Key)
	s.lookAgain()
	s.reaches(created, "False Locked")
	s.served(table.ForeignLock, table.DriftedObjects, table.ObjectNotReady)
	s.site.Unlock()
	s.reaches(created, "True Synced")
	// What follows is the same with a lock that stays, so that the metrics of this moment are there at the end.
	s.eventually(func(g Gomega) {
		g.Expect(s.cluster.client.Get(s.Context(), client.ObjectKeyFromObject(created), created)).To(Succeed())
	})
	s.site.LockBy("alice", simsps.ViaUI)
	s.site.Remove(rdpConnections, created.Status.Key)
	s.lookAgain()
	s.reaches(created, "False Locked")
}

// lookAgain has the appliance looked at now.
func (s *metricsTour) lookAgain() {
	s.Helper()
	s.cluster.kubectl(s.T, "", "annotate", "--overwrite", "--namespace="+s.site.namespace, "spsconnection",
		builder.DefaultSPSConnection, pamv1alpha1.AnnotationReconcileRequestedAt+"="+time.Now().Format(time.RFC3339Nano))
}

// block has a policy deleted that cannot be deleted.
func (s *metricsTour) block() {
	s.Helper()
	adopted := builder.RDPConnectionPolicy("adopted", s.in)
	s.cluster.kubectl(s.T, "", "delete", "--wait=false", "--namespace="+s.site.namespace, "rdpconnectionpolicy", "adopted")
	s.reaches(adopted, "False Locked")
}

// compare compares what is served with the table, once everything is there that it has.
func (s *metricsTour) compare() {
	s.Helper()
	var want []string
	for _, m := range table.All() {
		want = append(want, m.Name)
	}
	s.served(want...)
	for name, family := range s.scrape() {
		if !strings.HasPrefix(name, "pam_") {
			continue
		}
		i := slices.IndexFunc(table.All(), func(m table.Metric) bool { return m.Name == name })
		if i < 0 {
			s.Errorf("%s is served and not in the table", name)
			continue
		}
		s.check(table.All()[i], family)
	}
}

// check compares the series of a metric with its row.
func (s *metricsTour) check(row table.Metric, family *dto.MetricFamily) {
	s.Helper()
	if got := strings.ToLower(family.GetType().String()); got != string(row.Type) || family.GetHelp() != row.Help {
		s.Errorf("%s is a %s: %s", row.Name, got, family.GetHelp())
	}
	for _, m := range family.GetMetric() {
		var labels []string
		for _, label := range m.GetLabel() {
			labels = append(labels, label.GetName())
			if value := label.GetValue(); value == table.Other || strings.Contains(value, npsUser) ||
				strings.Contains(value, "alice") || strings.Contains(value, "/api/") {
				s.Errorf("%s has %s=%q", row.Name, label.GetName(), value)
			}
		}
		slices.Sort(labels)
		if want := slices.Sorted(slices.Values(row.Labels)); !slices.Equal(labels, want) {
			s.Errorf("%s has the labels %v, want %v", row.Name, labels, want)
		}
	}
}

// served waits until metrics are served.
func (s *metricsTour) served(names ...string) {
	s.Helper()
	s.eventually(func(g Gomega) {
		families := s.scrape()
		var missing []string
		for _, name := range names {
			if families[name] == nil {
				missing = append(missing, name)
			}
		}
		g.Expect(missing).To(BeEmpty(), "these are not served")
	})
}

func (s *metricsTour) scrape() map[string]*dto.MetricFamily {
	s.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(scrape(s.T, s.address)))
	if err != nil {
		s.Fatal(err)
	}
	return families
}

func (s *metricsTour) patch(o client.Object, patch string) {
	s.Helper()
	if err := s.cluster.client.Patch(s.Context(), o, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		s.Fatal(err)
	}
}

func (s *metricsTour) reaches(o client.Object, want string) {
	s.Helper()
	s.eventually(func(g Gomega) {
		g.Expect(s.cluster.client.Get(s.Context(), client.ObjectKeyFromObject(o), o)).To(Succeed())
		status, ok := o.(interface {
			GetStatus() pamv1alpha1.ObjectStatus
		})
		g.Expect(ok).To(BeTrue())
		g.Expect(readyReason(*status.GetStatus().ObjectConditions())).To(Equal(want), o.GetName())
	})
}

func (s *metricsTour) eventually(reached func(g Gomega)) {
	s.Helper()
	NewWithT(s.T).Eventually(func(g Gomega) {
		s.manager.alive()
		reached(g)
	}).WithTimeout(within).WithPolling(pollInterval).Should(Succeed())
}
