// SPDX-License-Identifier: Apache-2.0

package sessionrun

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// in is the environment of a container of a Pod.
func in(pod *corev1.Pod) []string {
	return []string{"POD_NAME=" + pod.Name, "POD_NAMESPACE=" + pod.Namespace, "POD_UID=" + string(pod.UID)}
}

// isRepeated runs the first container of a Pod twice, as a kubelet does after its node was restarted: the volume in
// memory is empty then.
func (b *bed) isRepeated() {
	pod := b.pod("repeated")
	dir := filepath.Join(b.TempDir(), "session")
	b.writes(pod, dir)
	id := b.requested()
	b.writes(pod, dir)
	NewWithT(b.T).Expect(b.requested()).To(Equal(id), "there never was another one")
	b.deletePod(pod)
}

func (b *bed) isRepeatedAfterAKill() {
	b.slow()
	pod := b.pod("killed-early")
	dir := filepath.Join(b.TempDir(), "session")
	p := b.start(in(pod), session("--write-only", dir, "--secret", "pod-session")...)
	id := b.requested()
	p.signal(syscall.SIGKILL)
	p.wait()
	b.fast()
	if err := b.servers.NPS.SetStatus(id, "Active"); err != nil {
		b.Fatal(err)
	}
	b.writes(pod, dir)
	NewWithT(b.T).Expect(b.requested()).To(Equal(id))
	b.deletePod(pod)
}

func (b *bed) isRepeatedAfterALoss() {
	b.slow()
	pod := b.pod("lost")
	dir := filepath.Join(b.TempDir(), "session")
	b.loseTheAnswer()
	p := b.start(in(pod), session("--write-only", dir, "--secret", "pod-session", "--name", "given")...)
	NewWithT(b.T).Expect(p.wait()).To(Equal(125))
	id := b.requested()
	b.fast()
	if err := b.servers.NPS.SetStatus(id, "Active"); err != nil {
		b.Fatal(err)
	}
	b.writes(pod, dir, "--name", "given")
	NewWithT(b.T).Expect(b.requested()).To(Equal(id))
	b.deletePod(pod)
}

// writes runs the first container of a Pod to its end, after which the files are in the folder.
func (b *bed) writes(pod *corev1.Pod, dir string, more ...string) {
	b.Helper()
	g := NewWithT(b.T)
	g.Expect(os.RemoveAll(dir)).To(Succeed())
	code, said := b.run(in(pod), session(append(more, "--write-only", dir, "--secret", "pod-session")...)...)
	g.Expect(code).To(BeZero(), said)
	g.Expect(said).NotTo(ContainSubstring("delete it"))
	g.Expect(filepath.Join(dir, "ssh_config")).To(BeARegularFile())
}

// hasNoFolder needs nobody's approval to find out that there is no place for the files.
func (b *bed) hasNoFolder() {
	g := NewWithT(b.T)
	before := len(b.servers.NPS.Sessions())
	code, said := b.run([]string{"XDG_RUNTIME_DIR=/proc", "TMPDIR=/proc"}, append(session(), command("true")...)...)
	g.Expect(code).To(Equal(125), said)
	g.Expect(said).To(ContainSubstring("set TMPDIR to one that can be written"))
	code, said = b.run(in(b.pod("folderless")), session("--write-only", "/proc/session")...)
	g.Expect(code).To(Equal(125), said)
	g.Expect(said).To(ContainSubstring("--write-only: "))
	g.Expect(b.servers.NPS.Sessions()).To(HaveLen(before), "no session was needed for that")
	code, said = b.run([]string{"XDG_RUNTIME_DIR=/proc"}, append(session(), command("true")...)...)
	g.Expect(code).To(BeZero(), said, "there is another folder")
}

// growsByTheServersClock has a server whose clock is two hours ahead. It stays so: what has ended would live again.
func (b *bed) growsByTheServersClock() {
	b.skew(2 * time.Hour)
	p := b.start(nil, append(session("--duration", "1m"), command(lasting)...)...)
	p.began()
	b.eventually(func(g Gomega) {
		s := b.sessions()
		g.Expect(s).To(HaveLen(1))
		g.Expect(s[0].Status.ClockOffset).NotTo(BeNil())
		g.Expect(s[0].Spec.Duration.Duration).To(BeNumerically("~", 30*time.Minute, 2*time.Minute))
	})
	p.enough()
	g := NewWithT(b.T)
	g.Expect(p.wait()).To(BeZero())
	g.Expect(p.read(p.stderr)).To(MatchRegexp(`Active, ends \S+ \(\d+s\)`))
	b.noObjectIsLeft()
}

// skew puts the server's clock ahead, and waits until the operator knows.
func (b *bed) skew(ahead time.Duration) {
	b.Helper()
	b.servers.NPS.SetSwitches(func(o *simnps.Switches) { o.ClockSkew = simnps.Duration(ahead) })
	b.eventually(func(g Gomega) {
		c := b.servers.NPSConnection(namespace)
		g.Expect(b.cluster.Get(b.Context(), client.ObjectKeyFromObject(c), c)).To(Succeed())
		metav1.SetMetaDataAnnotation(&c.ObjectMeta, pamv1alpha1.AnnotationReconcileRequestedAt, time.Now().String())
		g.Expect(b.cluster.Update(b.Context(), c)).To(Succeed())
		g.Expect(c.Status.ClockOffset).NotTo(BeNil())
	})
}
