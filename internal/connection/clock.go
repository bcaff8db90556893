// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/nps"
)

// clockOf is the clock of the server at an address.
type clockOf struct {
	address string
	clock   *nps.Clock
}

// clock returns what is known of the clock of a connection's server. It outlives the client, which is replaced with the
// credentials, and what an earlier process has learned is in the connection's status; another address is another
// server, with a clock of its own.
func (p *Pool) clock(c *pamv1alpha1.NPSConnection) *nps.Clock {
	name, address := client.ObjectKeyFromObject(c), CanonicalURL(c.Spec.URL)
	p.mu.Lock()
	found, ok := p.clocks[name]
	if !ok || found.address != address {
		found = clockOf{address, &nps.Clock{}}
		p.clocks[name] = found
	}
	p.mu.Unlock()
	observed := c.Status.ObservedGeneration
	if at := c.Status.ClockOffset; at != nil && observed != nil && *observed == c.Generation {
		found.clock.Recall(at.Duration) // of another spec, the status may speak of another server
	}
	return found.clock
}

// ClockAhead is how far the clock of the server that a reference in a namespace means is ahead of the local one, as
// last known; known says that it is. It needs no answer: what becomes due while a server cannot be reached is due by
// its clock, too.
func (p *Pool) ClockAhead(
	ctx context.Context, ref pamv1alpha1.ConnectionReference, namespace string,
) (ahead time.Duration, known bool) {
	c := &pamv1alpha1.NPSConnection{}
	// It is only looked at, so a copy would be a waste.
	if err := p.cfg.Cache.Get(ctx, Target(ref, namespace), c, client.UnsafeDisableDeepCopy); err != nil {
		return 0, false // without its connection nothing is known of a session, and nothing done
	}
	return p.clock(c).Ahead()
}

// ClockOffset is how far the server's clock is ahead of the local one, in the form of a status; nil where the two agree
// as well as can be told.
func (s *Server) ClockOffset() *metav1.Duration {
	ahead, _ := s.clock.Ahead()
	if ahead = ahead.Round(time.Second); ahead.Abs() <= clockSlack {
		return nil
	}
	return &metav1.Duration{Duration: ahead}
}
