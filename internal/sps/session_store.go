// SPDX-License-Identifier: Apache-2.0

package sps

import "context"

// SessionStore stores, beyond the end of the process, the log-in session that holds a transaction. A transaction, its
// lock and its uncommitted objects belong to that session. After a crash they remain until the appliance's idle
// time-out, 10 minutes by default, during which no other client can change the configuration (docs/vendors/sps.md 3).
// Only the session's cookie can end it sooner.
//
// The cookie is a secret: it is as good as the password while the session lives.
type SessionStore interface {
	// Load returns the latest cookie saved for this appliance, empty if there is none.
	Load(ctx context.Context) (cookie string, err error)
	// Save is called with the cookie of a new session before anything is opened in it.
	Save(ctx context.Context, cookie string) error
}

// Sweep ends the transaction that an earlier process may have left open. It is tried until it succeeds once; Begin also
// tries.
func (c *Client) Sweep(ctx context.Context) error {
	c.mu.Lock()
	store, swept := c.cfg.Sessions, c.swept
	c.mu.Unlock()
	if store == nil || swept {
		return nil
	}
	cookie, err := store.Load(ctx)
	if err != nil {
		return err
	}
	if cookie != "" {
		c.secrets.Add(cookie)
		if err := c.rollBackStored(ctx, cookie); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.swept = true
	return nil
}

// rollBackStored rolls back what is open in a stored log-in session. A session that has ended has nothing open.
func (c *Client) rollBackStored(ctx context.Context, cookie string) error {
	s, err := c.newLoginSession(noRelogin)
	if err != nil {
		return err
	}
	defer s.rest.Close()
	s.cookie, s.stored = cookie, true
	return (&Transaction{client: c, session: s}).rollBackIfOpen(ctx)
}

// save stores the cookie of a session that is about to hold a transaction. A crash before it is saved leaves nothing
// behind, and a crash without it costs no more than the appliance's idle time-out, so reporting an error is up to the
// store.
func (s *loginSession) save(ctx context.Context, cookie string) {
	if s.policy == noRelogin && s.logins.cfg.Sessions != nil {
		_ = s.logins.cfg.Sessions.Save(ctx, cookie)
	}
}
