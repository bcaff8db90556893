// SPDX-License-Identifier: Apache-2.0

package sps

import "time"

// Ways to hold the configuration.
const (
	ViaUI   = "ui"
	ViaSSH  = "ssh"
	ViaREST = "rest"
)

// Lock is a holder of the configuration.
type Lock struct {
	User string `json:"user"`
	// Via is ViaUI, ViaSSH or ViaREST.
	Via   string    `json:"via"`
	Since time.Time `json:"since"`
}

// LockBy lets a user outside this API hold the configuration until Unlock. A transaction that is already open
// continues. Another REST client (ViaREST) locks out no one if REST transactions can coexist.
func (a *Appliance) LockBy(user, via string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lock = &Lock{User: user, Via: via, Since: a.now()}
}

// Unlock releases the lock of LockBy.
func (a *Appliance) Unlock() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lock = nil
}

// holder returns who keeps s from changing the configuration; nil if s is free to change it (docs/vendors/sps.md 3).
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

// checkLock refuses s if another user holds the configuration at this stage of a change (AtWrite or AtCommit).
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

// lockHolder returns the name of the holder, "" for none.
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

// LockedBy returns the holder set by LockBy; nil if there is none.
func (a *Appliance) LockedBy() *Lock {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lock == nil {
		return nil
	}
	l := *a.lock
	return &l
}
