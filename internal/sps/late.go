// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	// DefaultLookAgain is when a log-in session is first looked at again.
	DefaultLookAgain = time.Second
	// looks is how often it is looked at, each time after twice the pause before: with the default for 8.5 minutes. After
	// 10 minutes the appliance itself drops what nobody asks for, by default (sps contract 3).
	looks = 9
)

// lookAgain sees to it that a log-in session holds no transaction which nobody knows of. Either a roll-back got no
// answer, or another request got none and may still be on its way: what arrives after the roll-back opens a
// transaction (since 6.5 any change does, sps contract 3), and the next one to be begun, which would drop it, may be
// long in coming.
func (c *Client) lookAgain(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan(s, c.cfg.LookAgain, looks)
}

// plan replaces what was planned for the session before. The caller holds the mutex.
func (c *Client) plan(s *session, pause time.Duration, times int) {
	if s.look != nil {
		s.look.Stop()
	}
	var look *time.Timer
	look = time.AfterFunc(pause, func() {
		c.tidy(c.lifetime, s)
		c.mu.Lock()
		defer c.mu.Unlock()
		if times > 1 && s.look == look && c.lifetime.Err() == nil {
			c.plan(s, 2*pause, times-1)
		}
	})
	s.look = look
}

// tidy drops the transaction of a log-in session that is parked. One that is in use was looked at when its transaction
// was begun. A transaction that is to be begun meanwhile waits: with a log-in session of its own it would run into the
// lock of this one, and one of the two would be forgotten.
func (c *Client) tidy(ctx context.Context, s *session) {
	c.looking <- struct{}{}
	defer func() { <-c.looking }()
	if !c.reclaim(s) {
		return
	}
	defer c.park(s)
	_ = (&Transaction{client: c, session: s}).dropOpen(ctx) // else the next look does, or the next Begin
}

// dropOpen drops the transaction if there is one. A log-in session that the appliance does not know any more has none.
func (t *Transaction) dropOpen(ctx context.Context) error {
	state, err := t.status(rest.Vital(ctx))
	switch {
	case rest.IsUnauthorized(err):
		return nil
	case err != nil:
		return err
	case state.Status == statusClosed:
		return nil
	}
	return t.drop(ctx)
}
