// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"cmp"
	"strings"
	"time"
)

// Account lockout: five failures lock for five minutes, each further failure adds five (docs/vendors/nps.md 1.2).
const (
	failuresToLock = 5
	lockStep       = 5 * time.Minute
)

// account is a user or an application, with the state of its log-ins.
type account struct {
	id     string // managed account
	userID string // the name in createdBy and cancelledBy
	login  string
	admin  bool
	user   *User        // nil for an application
	app    *Application // nil for a user

	failures     int
	lockedUntil  time.Time
	lastTOTPStep int64
}

func newUserAccount(u User) *account {
	return &account{
		id:     cmp.Or(strings.ToLower(u.ID), deriveGUID("managed account", u.Login)),
		userID: deriveGUID("user", u.Login), login: u.Login, admin: u.Admin, user: &u,
	}
}

func newApplicationAccount(a Application) *account {
	return &account{
		id:     cmp.Or(strings.ToLower(a.ID), deriveGUID("managed account", a.Login)),
		userID: deriveGUID("user", a.Login), login: a.Login, admin: a.Admin, app: &a,
	}
}

// samName is the login without its domain.
func (a *account) samName() string {
	if _, name, ok := strings.Cut(a.login, `\`); ok {
		return name
	}
	return a.login
}

// domain is the login's domain, empty for an application.
func (a *account) domain() string {
	if domain, _, ok := strings.Cut(a.login, `\`); ok {
		return domain
	}
	return ""
}

// names are the accepted spellings of the login, in lower case.
func (a *account) names() []string {
	names := []string{strings.ToLower(a.login)}
	if d := a.domain(); d != "" {
		names = append(names, strings.ToLower(a.samName()+"@"+d))
	}
	return names
}

// kind is the vendor's SbPAMAccountType (docs/vendors/nps.md 6.2).
func (a *account) kind() int {
	if a.app != nil {
		return 1
	}
	return 0
}

// secret is the password or API key of the account.
func (a *account) secret() string {
	if a.app != nil {
		return a.app.APIKey
	}
	return a.user.Password
}

func (a *account) needsSecondFactor() bool {
	return a.user != nil && (a.user.TOTPSecret != "" || a.user.MFACode != "")
}

func (a *account) lockedOut(now time.Time) bool { return now.Before(a.lockedUntil) }

// fail counts a failed log-in and locks the account after too many.
func (a *account) fail(now time.Time) {
	if !a.lockedUntil.IsZero() && !a.lockedOut(now) {
		a.unlock() // the lock has expired
	}
	a.failures++
	switch {
	case a.lockedOut(now):
		a.lockedUntil = a.lockedUntil.Add(lockStep)
	case a.failures >= failuresToLock:
		a.lockedUntil = now.Add(lockStep)
	}
}

// unlock clears the failures, as a complete log-in does.
func (a *account) unlock() { a.failures, a.lockedUntil = 0, time.Time{} }
