// SPDX-License-Identifier: Apache-2.0

package sps

import "time"

// failure counts the failed log-ins of one address or one user.
type failure struct {
	count int
	until time.Time // end of the block; zero if there is none
}

// culprits are the counters that apply to a log-in attempt (docs/vendors/sps.md 1.13).
func culprits(from, user string) []string { return []string{"address " + from, "user " + user} }

func (a *Appliance) blocked(from, user string) bool {
	if !a.switches.BruteForce {
		return false
	}
	for _, who := range culprits(from, user) {
		f := a.failures[who]
		if f == nil || f.until.IsZero() {
			continue
		}
		if a.now().Before(f.until) {
			return true
		}
		delete(a.failures, who)
	}
	return false
}

func (a *Appliance) noteFailure(from, user string) {
	if !a.switches.BruteForce {
		return
	}
	for _, who := range culprits(from, user) {
		f := a.failures[who]
		if f == nil {
			f = &failure{}
			a.failures[who] = f
		}
		f.count++
		if f.count >= a.switches.BruteForceAttempts {
			f.until = a.now().Add(time.Duration(a.switches.BruteForceMinutes) * time.Minute)
		}
	}
}

func (a *Appliance) noteSuccess(from, user string) {
	for _, who := range culprits(from, user) {
		delete(a.failures, who)
	}
}
