// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
)

const (
	// idleRounds is how many of the slower intervals pass between rounds while no session is live and only unlikely
	// duplicates are looked for.
	idleRounds = 20
	// sightingSlack is added to two intervals; an older sighting is not relied on.
	sightingSlack = 5 * time.Second
)

// interval is how often a session is to be seen.
func (r *sessionRegister) interval(f Followed, now time.Time) time.Duration {
	if !f.FastFrom.IsZero() && !now.Before(f.FastFrom) {
		return r.starting
	}
	return r.active
}

// early is the part of an interval after which a session counts as due, because intervals are jittered.
func early(d time.Duration) time.Duration { return d * 8 / 10 }

// plan decides on a round. Once in every slower interval all lists are read, which is also how duplicates are found;
// between those rounds, only the lists that should contain a session that is about to change.
func (r *sessionRegister) plan(now time.Time) round {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	p := round{
		register: r, at: now, full: r.wanted || now.Sub(r.full) >= early(r.active), direct: map[nps.StatusFilter]bool{},
	}
	r.wanted = false
	wanted := map[nps.StatusFilter]int{}
	for _, f := range r.followed {
		if f.SessionID == "" || f.Over || r.status(f).Terminal() {
			continue
		}
		seen := time.Time{}
		if s, ok := r.sightings[key(f.SessionID)]; ok {
			seen = s.At
		}
		if p.full || now.Sub(seen) >= early(r.interval(f, now)) {
			p.due = append(p.due, f)
			wanted[listOf(r.status(f))]++
		}
	}
	for _, filter := range liveLists {
		switch n := wanted[filter]; {
		case !now.After(r.refused[filter]), !p.full && n == 0:
		case !p.full && n < r.pages[filter]:
			p.direct[filter] = true
		default:
			p.lists = append(p.lists, filter)
		}
	}
	return p
}

// untilNextRound is how long to wait. Intervals are spread a little; the moment at which a session is expected to
// change is not.
func (r *sessionRegister) untilNextRound(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures > 0 {
		pause := r.starting << min(r.failures-1, 10)
		return jittered(r.last.Add(min(pause, max(r.active, r.starting))).Sub(now))
	}
	if r.wanted { // not more often than at the faster interval, however many people ask
		return r.last.Add(r.starting).Sub(now)
	}
	pause := r.active
	if r.idle() {
		pause *= idleRounds
	}
	next, moment := r.last.Add(pause), r.last.Add(pause)
	for _, f := range r.followed {
		switch {
		case f.FastFrom.IsZero():
		case r.last.Before(f.FastFrom): // at that moment, but not two rounds at once
			moment = earlier(moment, later(f.FastFrom, r.last.Add(r.starting)))
		default:
			next = earlier(next, r.last.Add(r.starting))
		}
	}
	if moment.Before(next) {
		return moment.Sub(now)
	}
	return jittered(next.Sub(now))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// status is the state in which a session was last seen.
func (r *sessionRegister) status(f Followed) nps.Status {
	if s, ok := r.sightings[key(f.SessionID)]; ok && s.Session.Status != "" {
		return s.Session.Status
	}
	return f.Status
}
