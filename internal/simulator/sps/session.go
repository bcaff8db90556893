// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"time"
)

const (
	sessionCookie = "session_id"
	// cookieLife is the Max-Age of the cookie, and thus the maximum life of a log-in session (docs/vendors/sps.md 1.3).
	cookieLife = 12 * time.Hour
)

// session is one log-in.
type session struct {
	id, token string
	user      string
	created   time.Time
	seen      time.Time
	busy      int           // requests in flight, which stop the idle countdown
	turn      chan struct{} // holds one token: changes of one session are serialized
	tx        *transaction  // nil while none is open
}

func (a *Appliance) newSession(user string) *session {
	now := a.now()
	s := &session{
		id: randomHex(20), token: randomHex(20), user: user,
		created: now, seen: now, turn: make(chan struct{}, 1),
	}
	a.sessions[s.id] = s
	return s
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// enter finds the session of a request and keeps it alive until leave. It ends idle sessions first.
func (a *Appliance) enter(r *http.Request) *session {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expire()
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	s := a.sessions[c.Value]
	if s != nil {
		s.seen = a.now()
		s.busy++
	}
	return s
}

func (a *Appliance) leave(s *session) {
	if s == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s.busy--
	s.seen = a.now()
}

// expire ends the sessions whose time is up, with their transactions and the lock.
func (a *Appliance) expire() {
	now, idle := a.now(), a.idleLimit()
	for _, s := range a.sessions {
		if s.busy == 0 && now.Sub(s.seen) >= idle || now.Sub(s.created) >= cookieLife {
			a.drop(s)
		}
	}
}

// idleLimit is how long a session may be idle: the switch, or the minutes in management/webinterface
// (docs/vendors/sps.md 1.10).
func (a *Appliance) idleLimit() time.Duration {
	if a.switches.SessionIdleSeconds > 0 {
		return time.Duration(a.switches.SessionIdleSeconds) * time.Second
	}
	minutes, set := a.committed.body(place{collection: "management/webinterface"})["timeout"].(float64)
	if !set || minutes <= 0 {
		minutes = 10
	}
	return time.Duration(minutes) * time.Minute
}

func (a *Appliance) drop(s *session) {
	a.endTransaction(s)
	delete(a.sessions, s.id)
}

// LogOutAll ends all log-in sessions, with their transactions, like a restart of the appliance's web server.
func (a *Appliance) LogOutAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.sessions {
		a.drop(s)
	}
}

// takeTurn waits for the session's earlier changes, and then for the duration of this one.
func (s *session) takeTurn(ctx context.Context, takes time.Duration) (done func(), err error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	done = func() { <-s.turn }
	if takes <= 0 {
		return done, nil
	}
	timer := time.NewTimer(takes)
	defer timer.Stop()
	select {
	case <-timer.C:
		return done, nil
	case <-ctx.Done():
		done()
		return nil, ctx.Err()
	}
}

func unauthenticated() *apiError {
	return refused(http.StatusUnauthorized, "Unauthenticated", "The client is not authenticated")
}

// checkWriter refuses a session that ended while its request waited, and a user without write permission.
func (a *Appliance) checkWriter(s *session) error {
	if a.sessions[s.id] != s {
		return unauthenticated()
	}
	if slices.Contains(a.switches.ReadOnlyUsers, s.user) {
		return refused(http.StatusForbidden, "Unauthorized", "The client is not authorized to change this resource")
	}
	return nil
}
