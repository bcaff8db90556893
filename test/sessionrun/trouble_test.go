// SPDX-License-Identifier: Apache-2.0

package sessionrun

import (
	"net/http"

	. "github.com/onsi/gomega"
)

// transient are the answers of an API server that restarts, has lost its storage or its rules, or does not know our
// kinds yet.
var transient = []int{
	http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusInternalServerError,
	http.StatusServiceUnavailable,
}

func (b *bed) endIsRefused() {
	for _, code := range transient {
		p := b.start(nil, append(session(), command(lasting)...)...)
		p.began()
		b.line.refuse(code, 6)
		p.enough()
		g := NewWithT(b.T)
		g.Expect(p.wait()).To(BeZero(), http.StatusText(code))
		g.Expect(p.read(p.stderr)).NotTo(ContainSubstring("LIVE"))
		b.noObjectIsLeft()
	}
}

func (b *bed) lookIsRefused() {
	for _, code := range transient {
		b.slow()
		p := b.start(nil, append(session(), command("true")...)...)
		id := b.requested()
		b.line.refuse(code, 3)
		b.fast()
		if err := b.servers.NPS.SetStatus(id, "Active"); err != nil {
			b.Fatal(err)
		}
		NewWithT(b.T).Expect(p.wait()).To(BeZero(), http.StatusText(code))
		b.noObjectIsLeft()
	}
}

func (b *bed) connectionComesBack() {
	p := b.start(nil, append(session(), command(lasting)...)...)
	p.began()
	b.line.cut()
	b.Cleanup(b.line.restore)
	p.says("the session cannot be seen at present, and the command goes on")
	p.enough()
	b.line.restore()
	NewWithT(b.T).Expect(p.wait()).To(BeZero())
	b.noObjectIsLeft()
}

func (b *bed) connectionIsLost() {
	p := b.start(nil, append(session("--end-timeout", "2s"), command(lasting)...)...)
	p.began()
	b.line.cut()
	b.Cleanup(b.line.restore)
	p.enough()
	g := NewWithT(b.T)
	g.Expect(p.wait()).To(Equal(125))
	said := p.read(p.stderr)
	g.Expect(said).To(ContainSubstring("✖ THE SESSION MAY STILL BE LIVE: the API server does not take the order: "))
	g.Expect(said).To(MatchRegexp(
		`it ends by itself at \S+Z\n  to end it: kubectl pam session cancel linux-root-\w{5} -n running\n`))
	p.noFolderIsLeft()
	b.forget() // as it says
}

func (b *bed) connectionIsLostEarly() {
	b.slow()
	p := b.start(nil, append(session(), command("true")...)...)
	id := b.requested()
	b.line.cut()
	b.Cleanup(b.line.restore)
	p.says("the session cannot be seen at present, and the API server is asked again")
	b.fast()
	if err := b.servers.NPS.SetStatus(id, "Active"); err != nil {
		b.Fatal(err)
	}
	b.line.restore()
	NewWithT(b.T).Expect(p.wait()).To(BeZero())
	b.noObjectIsLeft()
}

func (b *bed) answerIsLost() {
	b.loseTheAnswer()
	code, said := b.run(nil, append(session(), command("true")...)...)
	NewWithT(b.T).Expect(code).To(Equal(125), said)
	b.noObjectIsLeft()
}

func (b *bed) operatorRestarts() {
	p := b.start(nil, append(session(), command(lasting)...)...)
	p.began()
	if err := b.manager.Kill(); err != nil {
		b.Fatal(err)
	}
	p.enough() // CMD ends while there is no operator
	b.eventually(func(g Gomega) {
		s := b.sessions()
		g.Expect(s).To(HaveLen(1))
		g.Expect(s[0].DeletionTimestamp).NotTo(BeNil())
	})
	b.startManager()
	NewWithT(b.T).Expect(p.wait()).To(BeZero())
	b.noObjectIsLeft()
	b.manager.Stop()
}
