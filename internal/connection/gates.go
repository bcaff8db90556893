// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"sync"

	"github.com/pam-operator/pam-operator/internal/gate"
)

// sharedGate is the gate of an address, and how many appliances use it.
type sharedGate struct {
	gate.Gate

	users int
}

// gate returns the gate of an address, which is shared until leave is called.
func (p *Pool) gate(url string) (g gate.Gate, leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	shared, ok := p.gates[url]
	if !ok {
		shared = &sharedGate{Gate: gate.New(1)}
		p.gates[url] = shared
	}
	shared.users++
	return shared.Gate, sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if shared.users--; shared.users == 0 {
			delete(p.gates, url)
		}
	})
}
