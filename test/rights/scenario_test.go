// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"crypto/tls"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
	"github.com/pam-operator/pam-operator/test/site"
)

const (
	owners = "pam-system" // of the connections
	team   = "payments"
	doomed = "doomed" // is deleted with everything in it

	// deletionDeadline is short, to see what is recorded at its end.
	deletionDeadline = 2 * time.Second
)

// scenario makes a manager do everything that it can do.
type scenario struct {
	*testing.T

	cluster   *site.Cluster
	installed installation.Installation
	servers   *site.Servers
	manager   *site.Manager
	config    *rest.Config // with the manager's rights
	metrics   string       // the address; empty if the manager may not authenticate readers
}

func newScenario(t *testing.T, c *site.Cluster, installed installation.Installation) *scenario {
	t.Helper()
	s := &scenario{T: t, cluster: c, installed: installed, servers: site.Serve(t)}
	for _, name := range watched {
		c.Apply(t, builder.Namespace(name))
	}
	config, kubeconfig := c.Identity(t, installed)
	s.config = config
	command := append([]string{site.Binary(t, "manager")}, installed.Arguments(kubeconfig)...)
	command = append(command, "--zap-log-level=debug", "--min-poll-interval=10ms",
		"--deletion-deadline="+deletionDeadline.String())
	for _, g := range grants(t, installed) {
		if strings.Contains(g.name, "metrics-auth") {
			s.metrics = site.FreeAddress(t)
			command = append(command, "--metrics-bind-address="+s.metrics)
		}
	}
	s.manager = site.StartManager(t, command...)
	return s
}

// play is the whole of it.
func (s *scenario) play() {
	s.Helper()
	s.connect()
	s.keepInSync()
	s.terminate()
	s.export()
	s.repeatAnEvent()
	s.openSessions()
	s.retain()
	s.leaveBehind()
	s.scrape()
	s.manager.Stop() // which releases the lease
}

// connect creates the connections. Each is annotated while it is probed: the manager then has to read it again before
// it writes the status.
func (s *scenario) connect() {
	s.Helper()
	sps, nps := s.spsConnection(owners), s.npsConnection(owners)
	s.cluster.Apply(s.T, s.servers.Credentials(owners)...)
	atSPS := site.Meet(s.servers.SPS.Faults(), "", "", s.annotating(sps))
	atNPS := site.Meet(s.servers.NPS.Faults(), "", "", s.annotating(nps))
	s.cluster.Apply(s.T, sps, nps)
	s.cluster.Reach(s.T, "True Synced", sps, nps)
	site.Await(s.T, atSPS, atNPS)
}

func (s *scenario) spsConnection(namespace string) *pamv1alpha1.SPSConnection {
	return s.servers.SPSConnection(namespace, builder.OpenToAll())
}

func (s *scenario) npsConnection(namespace string) *pamv1alpha1.NPSConnection {
	return s.servers.NPSConnection(namespace,
		builder.AllowNamespaces(pamv1alpha1.AllowedNamespaces{
			From:     pamv1alpha1.NamespacesFromSelector,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": team}},
		}),
		builder.Grants(pamv1alpha1.Grant{Namespaces: []string{team}}))
}

// keepInSync creates an object of each policy kind, changes it, and deletes it.
func (s *scenario) keepInSync() {
	s.Helper()
	in := builder.InNamespace(owners)
	s.cluster.Apply(s.T, builder.Secret("alice", map[string]string{"password": "invented-password"}, in))
	user, group := builder.LocalUser("alice", in, builder.PasswordFrom("alice")), builder.LocalUserGroup("auditors", in)
	policy, stays := builder.RDPConnectionPolicy("rdp", in, builder.Port(3389)), builder.LocalUserGroup("stays", in)
	s.cluster.Apply(s.T, user, group, policy, stays)
	s.cluster.Reach(s.T, "True Synced", user, group, policy, stays)

	s.cluster.Apply(s.T, builder.Secret("alice", map[string]string{"password": "another-invented-password"}, in))
	site.Change(s.T, s.cluster, group, func(g *pamv1alpha1.LocalUserGroup) { builder.MemberRefs("alice")(g) })
	site.Change(s.T, s.cluster, policy, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Network.Ports = []int32{3390} })
	s.cluster.Eventually(s.T, func(g Gomega) {
		g.Expect(s.servers.SPS.Faults().Count(http.MethodPut, site.Policies)).To(BeNumerically(">", 0))
		g.Expect(s.servers.SPS.Faults().Count(http.MethodPut, site.Groups)).To(BeNumerically(">", 0))
		g.Expect(s.servers.SPS.Faults().Count(http.MethodPost, "passwords")).To(BeNumerically(">", 1))
	})
	s.cluster.Reach(s.T, "True Synced", user, group, policy)
	s.cluster.Remove(s.T, group, policy)
	s.cluster.Remove(s.T, user)
}

// terminate closes a session on the appliance with an object that goes by itself, and that is annotated meanwhile.
func (s *scenario) terminate() {
	s.Helper()
	session := s.servers.SPS.StartSession(simsps.AuditSession{})
	zero := int32(0)
	closing := builder.SessionTermination("closing", session.ID, builder.InNamespace(owners),
		builder.With(func(x *pamv1alpha1.SessionTermination) { x.Spec.TTLSecondsAfterFinished = &zero }))
	met := site.Meet(s.servers.SPS.Faults(), http.MethodDelete, "active-sessions", s.annotating(closing))
	s.cluster.Apply(s.T, closing)
	s.cluster.Gone(s.T, closing)
	site.Await(s.T, met)
}

// export has the appliance written down by an object that goes by itself, and that is annotated meanwhile. It has a
// connection of its own, because it reads only what the inventory of its connection does not have.
func (s *scenario) export() {
	s.Helper()
	connection := s.spsConnection(owners)
	connection.Name = "exports"
	s.cluster.Apply(s.T, connection)
	s.cluster.Reach(s.T, "True Synced", connection)
	zero := int32(0)
	everything := builder.ApplianceExport("everything", builder.InNamespace(owners), builder.Connection("exports", ""),
		builder.With(func(e *pamv1alpha1.ApplianceExport) { e.Spec.TTLSecondsAfterFinished = &zero }))
	met := site.Meet(s.servers.SPS.Faults(), http.MethodGet, site.Policies, s.annotating(everything))
	s.cluster.Apply(s.T, everything)
	s.cluster.Gone(s.T, everything)
	site.Await(s.T, met)
}

// repeatAnEvent brings about the same transition twice.
func (s *scenario) repeatAnEvent() {
	s.Helper()
	connection := s.spsConnection(owners)
	suspend := func(yes bool, want string) {
		s.Helper()
		site.Change(s.T, s.cluster, connection, func(c *pamv1alpha1.SPSConnection) { c.Spec.Suspend = &yes })
		s.cluster.Reach(s.T, want, connection)
	}
	for range 2 {
		suspend(true, "False Suspended")
		suspend(false, "True Synced")
	}
}

// leaveBehind deletes objects whose appliance does not answer: one beside its connection, and a whole namespace.
func (s *scenario) leaveBehind() {
	s.Helper()
	in := builder.InNamespace(doomed)
	s.cluster.Apply(s.T, append(s.servers.Credentials(doomed), s.spsConnection(doomed))...)
	lost, beside := builder.LocalUserGroup("lost", in), builder.LocalUserGroup("beside", in)
	s.cluster.Apply(s.T, lost, beside)
	s.cluster.Reach(s.T, "True Synced", lost, beside)
	if err := s.servers.SPS.Faults().Set(fault.Rule{Name: "down", Drop: fault.DropBefore}); err != nil {
		s.Fatal(err)
	}
	s.cluster.Remove(s.T, beside)
	s.expectRecord(doomed, "beside")
	if s.watchesSome() { // docs/multi-tenancy.md: a namespace takes the manager's Roles along before its objects are gone
		s.cluster.Remove(s.T, lost)
		s.expectRecord(doomed, "lost")
		return
	}
	if err := s.cluster.Delete(s.Context(), builder.Namespace(doomed)); err != nil {
		s.Fatal(err)
	}
	s.cluster.Gone(s.T, builder.Namespace(doomed))
	s.expectRecord(s.installed.Namespace, "lost")
}

// watchesSome reports whether the manager's rights are Roles in the namespaces that it watches.
func (s *scenario) watchesSome() bool {
	return slices.ContainsFunc(s.installed.Arguments(""), func(argument string) bool {
		return strings.HasPrefix(argument, "--watch-namespaces")
	})
}

// expectRecord requires the record of what is left of an object.
func (s *scenario) expectRecord(namespace, of string) {
	s.Helper()
	records := &corev1.ConfigMapList{}
	err := s.cluster.List(s.Context(), records, client.InNamespace(namespace), client.HasLabels{pamv1alpha1.LabelLeftover})
	if err != nil {
		s.Fatal(err)
	}
	for i := range records.Items {
		if records.Items[i].Data["name"] == of {
			return
		}
	}
	s.Errorf("no record in %s of what is left of %s, among %d", namespace, of, len(records.Items))
}

// scrape reads the metrics as Prometheus does, if they are served.
func (s *scenario) scrape() {
	s.Helper()
	if s.metrics == "" {
		return
	}
	s.cluster.Kubectl(s.T, "", "create", "serviceaccount", "scraper", "-n", owners)
	s.cluster.Kubectl(s.T, "", "create", "clusterrolebinding", "scraper", "--clusterrole=pam-operator-metrics-reader",
		"--serviceaccount="+owners+":scraper")
	token := strings.TrimSpace(s.cluster.Kubectl(s.T, "", "create", "token", "scraper", "-n", owners))
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // G402: the manager's self-signed certificate
	}
	defer transport.CloseIdleConnections()
	s.cluster.Eventually(s.T, func(g Gomega) {
		request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "https://"+s.metrics+"/metrics", http.NoBody)
		g.Expect(err).NotTo(HaveOccurred())
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := transport.RoundTrip(request)
		g.Expect(err).NotTo(HaveOccurred())
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(answer.StatusCode).To(Equal(http.StatusOK))
	})
}

// annotating returns a function that changes the metadata of an object, as its author may at any time. It may be called
// while the object is read anew.
func (s *scenario) annotating(o client.Object) func() {
	copied, _ := o.DeepCopyObject().(client.Object)
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"seen":"yes"}}}`))
	return func() {
		if err := s.cluster.Patch(s.Context(), copied, patch); err != nil {
			s.Error(err)
		}
	}
}
