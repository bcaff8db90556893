// SPDX-License-Identifier: Apache-2.0

// Package sessionrun runs `kubectl pam session run` as a process, against a real API server, the built manager and a
// simulated server, and ends it in every way: whatever happens, no session lives on and no Secret is left.
package sessionrun

import (
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/installation"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
	"github.com/pam-operator/pam-operator/test/site"
)

const (
	namespace = "running"
	// approved is an activity that waits for an approver, on domain.
	approved = "Activity Token for Domain Admin Access"
	domain   = "dc1.example.com"
)

// bed is what all runs share: a cluster with a manager, and a server that has nothing else to do.
type bed struct {
	*testing.T

	cluster   *site.Cluster
	servers   *site.Servers
	installed installation.Installation
	manager   *site.Manager
	line      *line
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{
		T: t, cluster: site.NewCluster(t, controlplane.Options{ControllerManager: true}), servers: site.Serve(t),
	}
	var err error
	b.installed, err = installation.Render(t.Context(), b.cluster.Plane.Kubectl(), site.Configs("default")...)
	if err != nil {
		t.Fatal(err)
	}
	b.cluster.Install(t, b.installed)
	b.line = newLine(t, b.cluster.Plane.Config)
	b.cluster.Apply(t, builder.Namespace(namespace))
	b.cluster.Apply(t, b.servers.Credentials(namespace)...)
	connection := b.servers.NPSConnection(namespace)
	b.cluster.Apply(t, connection)
	b.startManager()
	b.cluster.Reach(t, "True Synced", connection)
	return b
}

// startManager starts a manager as installed. It leads without a Lease: a successor would wait for that of a killed
// one.
func (b *bed) startManager() {
	b.Helper()
	_, kubeconfig := b.cluster.Identity(b.T, b.installed)
	command := append([]string{site.Binary(b.T, "manager")}, b.installed.Arguments(kubeconfig)...)
	b.manager = site.StartManager(b.T, append(command, "--leader-elect=false", "--min-poll-interval=10ms",
		"--max-requests-per-second=1000")...)
}

// on runs a part of the test with its own failures.
func (b *bed) on(t *testing.T) *bed {
	t.Helper()
	part := *b
	part.T = t
	return &part
}

func (b *bed) eventually(check func(g Gomega)) {
	b.Helper()
	b.cluster.Eventually(b.T, check)
}

// nothingIsLeft requires that no session lives and no connection Secret exists, soon.
func (b *bed) nothingIsLeft() {
	b.Helper()
	b.eventually(func(g Gomega) {
		g.Expect(b.servers.Live()).To(BeEmpty(), "live at the server")
		secrets := &corev1.SecretList{}
		g.Expect(b.cluster.List(b.Context(), secrets, client.InNamespace(namespace))).To(Succeed())
		for _, s := range secrets.Items {
			g.Expect(s.Type).NotTo(BeEquivalentTo(pamv1alpha1.SecretTypeConnection), s.Name)
		}
	})
}

// noObjectIsLeft also requires that nothing has to be tidied up.
func (b *bed) noObjectIsLeft() {
	b.Helper()
	b.nothingIsLeft()
	b.eventually(func(g Gomega) { g.Expect(b.sessions()).To(BeEmpty()) })
}

func (b *bed) sessions() []pamv1alpha1.ActivitySession {
	b.Helper()
	list := &pamv1alpha1.ActivitySessionList{}
	if err := b.cluster.List(b.Context(), list, client.InNamespace(namespace)); err != nil {
		b.Fatal(err)
	}
	return list.Items
}

// forget deletes the records of earlier runs.
func (b *bed) forget() {
	b.Helper()
	for _, s := range b.sessions() {
		b.cluster.Remove(b.T, &s)
	}
}

// slow makes the server take for ever to start a session, until the test ends.
func (b *bed) slow() {
	b.servers.NPS.SetSwitches(func(o *simnps.Switches) { o.ProvisioningDelay = simnps.Duration(time.Hour) })
	b.Cleanup(b.fast)
}

// fast makes the server start the next sessions at once.
func (b *bed) fast() {
	b.servers.NPS.SetSwitches(func(o *simnps.Switches) { o.ProvisioningDelay = simnps.Duration(50 * time.Millisecond) })
}

// requested waits until the server has a session that lives, and returns its ID.
func (b *bed) requested() (id string) {
	b.Helper()
	b.eventually(func(g Gomega) {
		live := b.servers.Live()
		g.Expect(live).To(HaveLen(1))
		id = live[0]
	})
	return id
}

// pod makes a running Pod, which this test pretends to be in.
func (b *bed) pod(name string) *corev1.Pod {
	b.Helper()
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			NodeName: "node", RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{Name: "work", Image: "example.com/work:1"}},
		},
	}
	b.eventually(func(g Gomega) { // the service account of the namespace may come a moment later
		g.Expect(b.cluster.Create(b.Context(), pod)).To(Succeed())
	})
	return pod
}

func (b *bed) deletePod(pod *corev1.Pod) {
	b.Helper()
	if err := b.cluster.Delete(b.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
		b.Fatal(err)
	}
}

// loseTheAnswer loses the answer to the next request for a session, which the API server makes.
func (b *bed) loseTheAnswer() { b.line.lose(http.MethodPost, "/activitysessions") }
