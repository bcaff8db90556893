// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/nps"
)

// clock returns what is known about the clock of a connection's server. It outlives the client, which is replaced with
// the credentials. What an earlier process learned is in the connection's status. Another address is another server,
// with its own clock.
func (p *Pool) clock(c *pamv1alpha1.NPSConnection) *nps.Clock {
	clock := p.entry(client.ObjectKeyFromObject(c)).clockOf(CanonicalURL(c.Spec.URL))
	observed := c.Status.ObservedGeneration
	if at := c.Status.ClockOffset; at != nil && observed != nil && *observed == c.Generation {
		clock.Recall(at.Duration) // the status of another spec may be about another server
	}
	return clock
}

// ClockAhead is how far the clock of a referenced server is ahead of the local one, as last known; known reports
// whether it is. It needs no answer from the server, because deadlines pass by the server's clock even while it is
// unreachable.
func (p *Pool) ClockAhead(
	ctx context.Context, ref pamv1alpha1.ConnectionReference, namespace string,
) (ahead time.Duration, known bool) {
	c := &pamv1alpha1.NPSConnection{}
	// It is only read, so a copy would be a waste.
	if err := p.cfg.Cache.Get(ctx, Target(ref, namespace), c, client.UnsafeDisableDeepCopy); err != nil {
		return 0, false // without its connection, a session is neither known nor touched
	}
	return p.clock(c).Ahead()
}
