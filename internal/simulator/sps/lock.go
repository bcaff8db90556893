// SPDX-License-Identifier: Apache-2.0

package sps

import "time"

// Ways to hold the configuration.
const (
	ViaUI   = "ui"
	ViaSSH  = "ssh"
	ViaREST = "rest"
)

// Lock is somebody who holds the configuration.
type Lock struct {
	User string `json:"user"`
	// Via is ViaUI, ViaSSH or ViaREST.
	Via   string    `json:"via"`
	Since time.Time `json:"since"`
}

// LockBy lets somebody outside this API hold the configuration, until Unlock. A transaction that is open already goes
// on. Another REST client (ViaREST) locks nobody out where REST transactions live side by side.
func (a *Appliance) LockBy(user, via string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lock = &Lock{User: user, Via: via, Since: a.now()}
}

// Unlock ends what LockBy began.
func (a *Appliance) Unlock() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lock = nil
}

// holder is who keeps s from changing the configuration; nil if nobody does (sps contract 3).
func (a *Appliance) holder(s *session) *Lock {
	if a.lock != nil && (a.switches.ExclusiveLock || a.lock.Via != ViaREST) {
		return a.lock
	}
	if !a.switches.ExclusiveLock {
		return nil
	}
	for _, other := range a.sessions {
		if other != s && other.tx != nil {
			return &Lock{User: other.user, Via: ViaREST, Since: other.tx.opened}
		}
	}
	return nil
}

// checkLock refuses s if somebody else holds the configuration at this moment of a change (AtWrite or AtCommit).
func (a *Appliance) checkLock(s *session, moment string) error {
	h := a.holder(s)
	if h == nil {
		return nil
	}
	refuses := a.switches.ForeignLockAt
	if h.Via == ViaREST {
		refuses = AtWrite
	}
	if refuses != moment {
		return nil
	}
	if a.switches.LockMute {
		return refused(a.switches.LockStatus, a.switches.LockType, "The request could not be carried out")
	}
	e := refused(a.switches.LockStatus, a.switches.LockType, "The configuration is locked by %s", h.User)
	e.details = fields{"user": h.User, "via": h.Via, "since": h.Since.UTC().Format(time.RFC3339)}
	return e
}

// lockHolder names who holds the configuration, "" for nobody.
func (a *Appliance) lockHolder() string {
	if h := a.holder(nil); h != nil {
		return h.User
	}
	for _, s := range a.sessions {
		if s.tx != nil {
			return s.user
		}
	}
	return ""
}

// LockedBy says who LockBy let hold the configuration; nil if nobody.
func (a *Appliance) LockedBy() *Lock {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lock == nil {
		return nil
	}
	l := *a.lock
	return &l
}
