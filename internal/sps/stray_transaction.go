// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"slices"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	// DefaultStrayCheckAfter is the delay of the first check of a log-in session for a stray transaction.
	DefaultStrayCheckAfter = time.Second
	// maxStrayChecks is how often a log-in session is checked, each time after twice the previous pause: with the
	// default for 8.5 minutes. After 10 minutes, by default, the appliance itself drops what is idle
	// (docs/vendors/sps.md 3).
	maxStrayChecks = 9
)

// watchForStray makes sure that no stray transaction stays open in a log-in session. Either a roll-back got no answer,
// or another request got none and may still be in flight: if it arrives after the roll-back it opens a transaction
// (since 6.5 any change does, docs/vendors/sps.md 3), and the next Begin, which would drop it, may be a long time away.
func (c *Client) watchForStray(s *loginSession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scheduleCheck(s, c.cfg.StrayCheckAfter, maxStrayChecks)
}

// maxRetired bounds the number of retired log-in sessions.
const maxRetired = 4

// retire stops using the log-in session of a transaction in which a request got no answer: if that request arrived in
// the middle of another transaction, it could commit part of it, or overwrite newer content with older.
func (c *Client) retire(s *loginSession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.retired, s) {
		c.retired = append(c.retired, s)
	}
	if len(c.retired) > maxRetired {
		c.retired[0].stopChecks()
		c.retired = c.retired[1:]
	}
	c.scheduleCheck(s, c.cfg.StrayCheckAfter, maxStrayChecks)
}

func (s *loginSession) stopChecks() {
	if s.strayCheck != nil {
		s.strayCheck.Stop()
	}
	s.rest.Close()
}

// rollBackRetired ends stray transactions in retired sessions: their lock would block the next transaction.
func (c *Client) rollBackRetired(ctx context.Context) error {
	c.mu.Lock()
	retired := slices.Clone(c.retired)
	c.mu.Unlock()
	for _, s := range retired {
		if err := (&Transaction{client: c, session: s}).rollBackIfOpen(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) isRetired(s *loginSession) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.retired, s)
}

// scheduleCheck schedules the next check of the session, and replaces the previous one. The caller holds the mutex.
func (c *Client) scheduleCheck(s *loginSession, pause time.Duration, times int) {
	if s.strayCheck != nil {
		s.strayCheck.Stop()
	}
	var check *time.Timer
	check = time.AfterFunc(pause, func() {
		c.checkForStray(c.lifetime, s)
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case s.strayCheck != check || c.lifetime.Err() != nil:
		case times > 1:
			c.scheduleCheck(s, 2*pause, times-1)
		default:
			c.retired = slices.DeleteFunc(c.retired, func(l *loginSession) bool { return l == s })
		}
	})
	s.strayCheck = check
}

// checkForStray drops a stray transaction of a log-in session that is idle or retired. A session in use was checked
// when its transaction began. A transaction that is about to begin waits for the check: in a log-in session of its own
// it would run into this one's lock, and one of the two sessions would be lost.
func (c *Client) checkForStray(ctx context.Context, s *loginSession) {
	c.idleLock <- struct{}{}
	defer func() { <-c.idleLock }()
	switch {
	case c.isRetired(s):
	case c.reclaim(s):
		defer c.park(s)
	default:
		return
	}
	_ = (&Transaction{client: c, session: s}).rollBackIfOpen(ctx) // if it fails, the next check or the next Begin does it
}

// rollBackIfOpen rolls the transaction back if there is one. A log-in session that has ended has none.
func (t *Transaction) rollBackIfOpen(ctx context.Context) error {
	state, err := t.status(rest.Vital(ctx))
	switch {
	case rest.IsUnauthorized(err):
		return nil
	case err != nil:
		return err
	case state.Status == statusClosed:
		return nil
	}
	return t.delete(ctx)
}
