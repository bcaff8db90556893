// SPDX-License-Identifier: Apache-2.0

package sessionrun

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// TestNothingOutlivesARun ends runs in every way.
func TestNothingOutlivesARun(t *testing.T) {
	b := newBed(t)
	for _, part := range []struct {
		name string
		run  func(*bed)
	}{
		{"CMD connects, and the session ends with it", (*bed).connects},
		{"CMD fails", (*bed).fails},
		{"CMD is not there", (*bed).notThere},
		{"CMD cannot be executed", (*bed).notExecutable},
		{"CMD is killed", (*bed).isKilled},
		{"the session is denied", (*bed).isDenied},
		{"the session does not come in time", (*bed).isSlow},
		{"the request is refused", (*bed).isRefused},
		{"the wait is terminated", (*bed).waitIsTerminated},
		{"interrupted", (*bed).isInterrupted},
		{"terminated", (*bed).isTerminated},
		{"hung up", (*bed).isHungUp},
		{"terminated, and CMD does not care", (*bed).isStubborn},
		{"the session ends first", (*bed).endsFirst},
		{"standard error is closed", (*bed).losesItsReader},
		{"killed on a laptop", (*bed).isKilledOnALaptop},
		{"killed in a Pod", (*bed).isKilledInAPod},
		{"a Pod that the operator does not see", (*bed).isUnbound},
		{"longer than a step", (*bed).grows},
		{"kept as a record", (*bed).isKept},
		{"held", (*bed).isHeld},
		{"as a step of a Pod", (*bed).isAStep},
		{"as a step of the sample", (*bed).isSampled},
		{"the connection is lost, and comes back", (*bed).connectionComesBack},
		{"the connection is lost for good", (*bed).connectionIsLost},
		{"the connection is lost while the session starts", (*bed).connectionIsLostEarly},
		{"the answer to the request is lost", (*bed).answerIsLost},
		{"the end is refused for a moment", (*bed).endIsRefused},
		{"a look at the session is refused for a moment", (*bed).lookIsRefused},
		{"as a step of a Pod that runs again", (*bed).isRepeated},
		{"as a step of a Pod that was killed, and runs again", (*bed).isRepeatedAfterAKill},
		{"as a step of a Pod whose request got no answer", (*bed).isRepeatedAfterALoss},
		{"no folder can be written", (*bed).hasNoFolder},
		{"the server's clock is ahead", (*bed).growsByTheServersClock},
		{"the operator restarts in the middle", (*bed).operatorRestarts},
	} {
		t.Run(part.name, func(t *testing.T) {
			p := b.on(t)
			part.run(p)
			p.nothingIsLeft()
			p.forget()
		})
	}
	b.manager.Stop()
}

func (b *bed) connects() {
	g := NewWithT(b.T)
	keys := filepath.Join(b.TempDir(), "keys")
	g.Expect(os.WriteFile(keys, []byte("[nps-proxy.lab.test]:4422 ssh-ed25519 AAAA\n"), 0o600)).To(Succeed())
	p := b.start(nil, append(session("--known-hosts", keys), command(
		`cd "$PAM_DIR"; cat ssh_config; env >"$SIGNS/env"; ls; stat -c %a . ssh_config; cat`)...)...)
	g.Expect(p.wait()).To(BeZero())
	dir := strings.TrimPrefix(p.variable("PAM_DIR"), p.folder+"/")
	g.Expect(lines(p.read(p.stdout))).To(Equal([]string{
		"Host pam", "  HostName nps-proxy.lab.test", "  Port 4422", `  User "` + b.user() + `"`,
		`  UserKnownHostsFile "` + p.folder + "/" + dir + `/known_hosts"`, "  GlobalKnownHostsFile none",
		"  StrictHostKeyChecking yes", "known_hosts", "ssh_config", "username", "700", "600",
	}))
	g.Expect(p.variable("PAM_PROTOCOL")).To(Equal("SSH"))
	g.Expect(p.read(filepath.Join(p.folder, "env"))).NotTo(ContainSubstring("Linux_root"), "the user part is secret")
	said := lines(p.read(p.stderr))
	g.Expect(said[len(said)-2:]).To(HaveExactElements(
		MatchRegexp(`^✔ Active, ends \d\d:\d\d:\d\d \((29m|30m)\)$`),
		MatchRegexp(`^✔ session ended, lasted \d+s, command returned 0$`)))
	p.noFolderIsLeft()
	b.noObjectIsLeft()
}

// user is the user part of the SSH URL of the last session.
func (b *bed) user() string {
	return `LAB\svc-site+Linux_root+` + builder.DefaultResource
}

// variable is what CMD found in its environment.
func (p *plugin) variable(name string) string {
	for _, line := range lines(p.read(filepath.Join(p.folder, "env"))) {
		if value, is := strings.CutPrefix(line, name+"="); is {
			return value
		}
	}
	return ""
}

func (b *bed) fails() {
	code, said := b.run(nil, append(session(), command("exit 7")...)...)
	NewWithT(b.T).Expect(code).To(Equal(7), said)
	NewWithT(b.T).Expect(said).To(ContainSubstring("command returned 7"))
	b.noObjectIsLeft()
}

func (b *bed) notThere() { b.expectUnasked(127, "no-such-program-anywhere") }

func (b *bed) notExecutable() {
	file := filepath.Join(b.TempDir(), "text")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		b.Fatal(err)
	}
	b.expectUnasked(126, file)
}

// expectUnasked requires that a CMD is refused before a session is asked for.
func (b *bed) expectUnasked(want int, program string) {
	b.Helper()
	before := len(b.servers.NPS.Sessions())
	code, said := b.run(nil, append(session(), "--", program)...)
	g := NewWithT(b.T)
	g.Expect(code).To(Equal(want), said)
	g.Expect(said).To(ContainSubstring(program))
	g.Expect(b.servers.NPS.Sessions()).To(HaveLen(before), "no session was needed for that")
}

func (b *bed) isKilled() {
	code, said := b.run(nil, append(session(), command("kill -9 $$")...)...)
	NewWithT(b.T).Expect(code).To(Equal(128+int(syscall.SIGKILL)), said)
	b.noObjectIsLeft()
}

func (b *bed) isDenied() {
	p := b.start(nil, append([]string{
		"--connection", builder.DefaultNPSConnection, "--activity", approved, "--resource", domain,
	}, command("true")...)...)
	id := b.requested()
	p.says("WaitingForApproval")
	if err := b.servers.NPS.Deny(id); err != nil {
		b.Fatal(err)
	}
	g := NewWithT(b.T)
	g.Expect(p.wait()).To(Equal(125))
	g.Expect(p.read(p.stderr)).To(MatchRegexp(`error: the session is over: \w*Denied`))
	b.noObjectIsLeft()
}

func (b *bed) isSlow() {
	b.slow()
	code, said := b.run(nil, append(session("--timeout", "2s"), command("true")...)...)
	NewWithT(b.T).Expect(code).To(Equal(124), said)
	b.noObjectIsLeft()
}

func (b *bed) isRefused() {
	code, said := b.run(nil, append(session("--as", "nobody"), command("true")...)...)
	g := NewWithT(b.T)
	g.Expect(code).To(Equal(125), said)
	g.Expect(said).To(HaveSuffix(
		"you need create on activitysessions.pam-operator.io in namespace running (docs/cli.md#rights)\n"))
	g.Expect(said).NotTo(ContainSubstring("LIVE"))
}

func (b *bed) waitIsTerminated() {
	b.slow()
	p := b.start(nil, append(session(), command("true")...)...)
	b.requested()
	p.signal(syscall.SIGTERM)
	NewWithT(b.T).Expect(p.wait()).To(Equal(128 + int(syscall.SIGTERM)))
	b.noObjectIsLeft()
}

func (b *bed) isInterrupted() { b.ends(syscall.SIGINT, `trap 'exit 3' INT`, 3) }

func (b *bed) isTerminated() { b.ends(syscall.SIGTERM, "true", 128+int(syscall.SIGTERM)) }

func (b *bed) isHungUp() { b.ends(syscall.SIGHUP, `trap 'exit 4' HUP`, 4) }

func (b *bed) isStubborn() {
	b.ends(syscall.SIGTERM, `trap '' TERM`, 128+int(syscall.SIGKILL), "--kill-after", "500ms")
}

// ends has a signal end a run whose CMD has prepared for it.
func (b *bed) ends(by syscall.Signal, prepare string, want int, more ...string) {
	b.Helper()
	p := b.start(nil, append(session(more...), "--", "sh", "-c", prepare+`; touch "$SIGNS/began"; `+lasting)...)
	p.began()
	p.signal(by)
	NewWithT(b.T).Expect(p.wait()).To(Equal(want))
	p.noFolderIsLeft()
	b.noObjectIsLeft()
}

func (b *bed) endsFirst() {
	p := b.start(nil, append(session(), command(lasting)...)...)
	p.began()
	if err := b.servers.NPS.End(b.requested()); err != nil {
		b.Fatal(err)
	}
	g := NewWithT(b.T)
	g.Expect(p.wait()).To(Equal(125))
	g.Expect(p.read(p.stderr)).To(ContainSubstring("✖ the session has ended: "))
	b.noObjectIsLeft()
}

func (b *bed) losesItsReader() {
	reader, writer, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer writer.Close()
	p := b.startWith(writer, append(session(), command(lasting)...)...)
	p.began()
	if err := reader.Close(); err != nil {
		b.Fatal(err)
	}
	p.enough()
	NewWithT(b.T).Expect(p.wait()).To(BeZero())
	b.noObjectIsLeft()
}

func (b *bed) isKilledOnALaptop() {
	p := b.start(nil, append(session("--duration", "10m"), command(lasting)...)...)
	p.began()
	p.signal(syscall.SIGKILL)
	p.wait()
	live := b.sessions()[0]
	if left := time.Until(live.Status.ExpiresAt.Time); left > 30*time.Minute {
		b.Errorf("a session that nobody ends lives for %s more", left)
	}
	b.servers.NPS.SetSwitches(func(o *simnps.Switches) { o.ClockSkew = simnps.Duration(time.Hour) })
	b.Cleanup(func() { b.servers.NPS.SetSwitches(func(o *simnps.Switches) { o.ClockSkew = 0 }) })
	b.nothingIsLeft()
}

func (b *bed) isKilledInAPod() {
	pod := b.pod("killed")
	p := b.start([]string{"POD_NAME=killed", "POD_UID=" + string(pod.UID)}, append(session(), command(lasting)...)...)
	p.began()
	p.signal(syscall.SIGKILL)
	p.wait()
	b.requested()
	b.deletePod(pod)
	b.nothingIsLeft()
	record := b.sessions()[0]
	if ttl := record.Spec.TTLSecondsAfterFinished; ttl == nil || *ttl != 3600 {
		b.Error("the record would stay for ever")
	}
}

func (b *bed) isUnbound() {
	code, said := b.run([]string{"POD_NAME=elsewhere"}, append(session(), command("true")...)...)
	g := NewWithT(b.T)
	g.Expect(code).To(Equal(125), said)
	g.Expect(said).To(ContainSubstring("the session is not bound to this Pod"))
	b.noObjectIsLeft()
}

func (b *bed) grows() {
	p := b.start(nil, append(session("--duration", "1m"), command(lasting)...)...)
	p.began()
	b.eventually(func(g Gomega) {
		s := b.sessions()
		g.Expect(s).To(HaveLen(1))
		g.Expect(s[0].Spec.Duration.Duration).To(BeNumerically("~", 30*time.Minute, 2*time.Minute))
		g.Expect(time.Until(s[0].Status.ExpiresAt.Time)).To(BeNumerically(">", 25*time.Minute))
	})
	p.enough()
	NewWithT(b.T).Expect(p.wait()).To(BeZero())
	b.noObjectIsLeft()
}

func (b *bed) isKept() {
	code, said := b.run(nil, append(session("--keep", "--name", "record"), command("true")...)...)
	g := NewWithT(b.T)
	g.Expect(code).To(BeZero(), said)
	s := &pamv1alpha1.ActivitySession{}
	g.Expect(b.cluster.Get(b.Context(), client.ObjectKey{Namespace: namespace, Name: "record"}, s)).To(Succeed())
	g.Expect(s.Status.Phase).To(Equal(pamv1alpha1.SessionCancelled))
	// A name that is taken is an error, and the object that has it stays.
	code, said = b.run(nil, append(session("--name", "record"), command("true")...)...)
	g.Expect(code).To(Equal(125), said)
	g.Expect(b.sessions()).To(HaveLen(1))
}

func (b *bed) isHeld() {
	p := b.start(nil, session("--hold")...)
	p.says("interrupt this command to end the session")
	b.requested()
	p.signal(syscall.SIGTERM)
	NewWithT(b.T).Expect(p.wait()).To(BeZero())
	p.noFolderIsLeft()
	b.noObjectIsLeft()
}

func (b *bed) isAStep() {
	g := NewWithT(b.T)
	dir := filepath.Join(b.TempDir(), "session")
	code, said := b.run(nil, session("--write-only", dir)...)
	g.Expect(code).To(Equal(125), said)
	g.Expect(said).To(ContainSubstring("nothing would end the session"))

	pod := b.pod("step")
	code, said = b.run([]string{"POD_NAME=step", "POD_UID=" + string(pod.UID)},
		session("--write-only", dir, "--group-readable", "--secret", "step-session")...)
	g.Expect(code).To(BeZero(), said)
	files, err := os.ReadDir(dir)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(slices.Collect(func(yield func(string) bool) {
		for _, f := range files {
			yield(f.Name())
		}
	})).To(Equal([]string{"ssh_config", "username"}))
	b.requested() // it lives on
	b.deletePod(pod)
}
