// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
	"github.com/pam-operator/pam-operator/test/site"
)

const (
	namespace = "in-use"
	// batch is how many policies are in the transaction that is open when a manager is replaced.
	batch = 10
	// stopping is what a manager logs when it was told to stop and still works.
	stopping = "Stopping and waiting for"
)

// work is what goes on while managers are replaced.
type work struct {
	*testing.T

	cluster *site.Cluster
	servers *site.Servers
	objects []client.Object // as they were applied
	running release
	manager *site.Manager
	metrics string // the address of the running manager's
	rounds  int
}

func newWork(t *testing.T, c *site.Cluster) *work {
	t.Helper()
	s := &work{T: t, cluster: c, servers: site.Serve(t)}
	for _, name := range []string{namespace, "pam-system", "payments"} { // the others are those of the samples
		c.Apply(t, builder.Namespace(name))
	}
	return s
}

// start installs a release and starts its manager, which leads as soon as no other does.
func (s *work) start(of release) {
	s.Helper()
	s.cluster.Install(s.T, of.installed)
	_, kubeconfig := s.cluster.Identity(s.T, of.installed)
	s.metrics = site.FreeAddress(s.T)
	command := append([]string{of.manager}, of.installed.Arguments(kubeconfig)...)
	s.running, s.manager = of, site.StartManager(s.T, append(command, "--min-poll-interval=10ms",
		"--metrics-bind-address="+s.metrics, "--metrics-secure=false")...)
}

// begin creates an object of every kind, and waits until all are ready.
func (s *work) begin() {
	s.Helper()
	session := s.servers.SPS.StartSession(simsps.AuditSession{})
	in := builder.InNamespace(namespace)
	s.cluster.Apply(s.T, s.servers.Credentials(namespace)...)
	s.cluster.Apply(s.T, builder.Secret("alice", map[string]string{"password": "invented-password"}, in))
	s.apply("True Synced", s.servers.SPSConnection(namespace), s.servers.NPSConnection(namespace))
	s.apply("True Synced",
		builder.LocalUser("alice", in, builder.PasswordFrom("alice")),
		builder.LocalUserGroup("auditors", in, builder.MemberRefs("alice")),
		builder.RDPConnectionPolicy("rdp", in, builder.Port(3389), builder.Target("10.30.255.0/24")))
	s.apply("True Completed", builder.SessionTermination("closing", session.ID, in))
	s.apply("True Active", s.session("first"), s.session("second"))
}

func (s *work) session(name string) *pamv1alpha1.ActivitySession {
	return builder.ActivitySession(name, builder.InNamespace(namespace), builder.RequestedBy(controlplane.Admin))
}

func (s *work) apply(want string, objects ...client.Object) {
	s.Helper()
	s.cluster.Apply(s.T, objects...)
	s.remember(objects...)
	s.cluster.Reach(s.T, want, objects...)
}

// remember keeps objects as they were applied.
func (s *work) remember(objects ...client.Object) {
	for _, o := range objects {
		applied, _ := o.DeepCopyObject().(client.Object)
		s.objects = append(s.objects, applied)
	}
}

// replace starts another release while the commit of a transaction and the request of a session are in flight, and
// stops the running one.
func (s *work) replace(to release) {
	s.Helper()
	s.rounds++
	before := s.state()
	samples := s.judge(s.samples())

	answers := make(chan struct{}) // closed when the servers answer
	committing := site.Meet(s.servers.SPS.Faults(), http.MethodPut, "^"+site.CommitPath+"$", func() { <-answers })
	asking := site.Meet(s.servers.NPS.Faults(), http.MethodPost, "/ActivitySession$", func() { <-answers })
	policies, session := s.policies(), s.session(fmt.Sprint("asked-in-round-", s.rounds))
	s.cluster.Apply(s.T, append(policies, session)...)
	s.remember(append(policies, session)...)
	site.Await(s.T, committing, asking)

	old := s.manager
	s.start(to)
	stopped := make(chan struct{})
	go func() { defer close(stopped); old.Stop() }()
	s.cluster.Eventually(s.T, func(g Gomega) { g.Expect(old.Log()).To(ContainSubstring(stopping)) })
	close(answers)
	<-stopped

	s.cluster.Reach(s.T, "True Synced", policies...)
	s.cluster.Reach(s.T, "True Active", session)
	s.apply("True Synced", builder.LocalUserGroup(fmt.Sprint("after-", s.rounds), builder.InNamespace(namespace)))
	s.compared()
	s.expectOnlyAdded(before, s.state(), len(policies)+1)
	if diff := cmp.Diff(samples, s.judge(s.samples())); diff != "" {
		s.Errorf("the API server understands the samples otherwise (-before +after):\n%s", diff)
	}
	s.expectNothingDiffers()
}

func (s *work) policies() []client.Object {
	var out []client.Object
	for i := range batch {
		out = append(out, builder.RDPConnectionPolicy(fmt.Sprintf("round-%d-%d", s.rounds, i),
			builder.InNamespace(namespace), builder.Target(fmt.Sprintf("10.%d.%d.0/24", s.rounds, i))))
	}
	return out
}

// compared waits until the running manager has reconciled every object and has nothing left to do.
func (s *work) compared() {
	s.Helper()
	s.cluster.Eventually(s.T, func(g Gomega) {
		request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://"+s.metrics+"/metrics", http.NoBody)
		g.Expect(err).NotTo(HaveOccurred())
		answer, err := http.DefaultClient.Do(request)
		g.Expect(err).NotTo(HaveOccurred())
		defer answer.Body.Close()
		reconciled, depth := 0.0, 0.0
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), " ")
			number, _ := strconv.ParseFloat(value, 64)
			switch {
			case strings.HasPrefix(name, `controller_runtime_reconcile_total{controller="rdpconnectionpolicy"`):
				reconciled += number
			case strings.HasPrefix(name, "workqueue_depth{"):
				depth += number
			}
		}
		g.Expect(reconciled).To(BeNumerically(">=", s.count("RDPConnectionPolicy")))
		g.Expect(depth).To(BeZero())
	})
}

func (s *work) count(kind string) int {
	n := 0
	for _, o := range s.objects {
		if o.GetObjectKind().GroupVersionKind().Kind == kind {
			n++
		}
	}
	return n
}
