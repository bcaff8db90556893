// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	// maxSingleReads is how many sessions are read by their ids in one round.
	maxSingleReads = 50
	// refusedRounds is how many of the slower intervals pass before a list that was refused is asked for again.
	refusedRounds = 20
	// idleRounds is how many of the slower intervals a round waits where nothing lives, and only copies of what is over
	// might show up.
	idleRounds = 20
	// listFailures is how often a list may fail in a row, at a server that answers, before its sessions are read singly.
	listFailures = 3
	// troubleAfter is how many rounds fail before objects are told: one is a hiccup, such as a recycled process.
	troubleAfter = 2
	// sightingSlack is added to two intervals, after which nobody goes by a sighting any more.
	sightingSlack = 5 * time.Second
)

// plan is what one round asks the server for.
type plan struct {
	at    time.Time
	full  bool
	lists []nps.StatusFilter
	// direct are lists that are longer than what is wanted of them: their sessions are read by their ids.
	direct map[nps.StatusFilter]bool
	// due are the sessions that are to be seen in this round.
	due []Followed
}

// interval is how often a session is to be seen.
func (r *roll) interval(f Followed, now time.Time) time.Duration {
	if !f.FastFrom.IsZero() && !now.Before(f.FastFrom) {
		return r.starting
	}
	return r.active
}

// early is the part of an interval after which a session counts as due: intervals are jittered.
func early(d time.Duration) time.Duration { return d * 8 / 10 }

// plan decides on a round. Every slower interval all lists are read, which is also how copies are found; between them,
// those that should have a session that is about to change.
func (r *roll) plan(now time.Time) plan {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now)
	p := plan{at: now, full: now.Sub(r.full) >= early(r.active), direct: map[nps.StatusFilter]bool{}}
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
	for _, filter := range pollLists {
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

// rest is how long to wait before the next round. Intervals are spread a little, a moment that somebody waits for is
// not.
func (r *roll) rest(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failures > 0 {
		pause := r.starting << min(r.failures-1, 10)
		return jittered(r.last.Add(min(pause, max(r.active, r.starting))).Sub(now))
	}
	pause := r.active
	if r.idles() {
		pause *= idleRounds
	}
	next, moment := r.last.Add(pause), r.last.Add(pause)
	for _, f := range r.followed {
		switch {
		case f.FastFrom.IsZero():
		case r.last.Before(f.FastFrom): // the first fast look is when it becomes interesting, but no two looks at once
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

// unseen are the sessions that are due and that no list of this round has shown, the one that waits longest first.
func (r *roll) unseen(p plan) []Followed {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Followed
	at := map[string]time.Time{}
	for _, f := range p.due {
		s, ok := r.sightings[key(f.SessionID)]
		if _, still := r.followed[f.Object]; !still || ok && !s.At.Before(p.at) {
			continue
		}
		if ok {
			at[f.SessionID] = s.At
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b Followed) int {
		return cmp.Or(at[a.SessionID].Compare(at[b.SessionID]), cmp.Compare(a.SessionID, b.SessionID))
	})
	return out
}

// single sorts out a session that no list has shown. One that has just left its list is its object's affair, which
// needs all of it for the step that it has made. One whose list is refused, and one that no list ever shows, is read by
// the poller.
func (r *roll) single(f Followed, p plan) (read bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.sightings[key(f.SessionID)]
	if !ok {
		s = &sighting{}
		r.sightings[key(f.SessionID)] = s
	}
	if s.lost || r.aside(f, p) {
		return true
	}
	s.lost, s.Whole = true, false
	r.owed[f.Object] = true
	return false
}

// aside says that no list is to show a session.
func (r *roll) aside(f Followed, p plan) bool {
	filter := listOf(r.status(f))
	return p.direct[filter] || !p.at.After(r.refused[filter])
}

// status is where a session was last seen.
func (r *roll) status(f Followed) nps.Status {
	if s, ok := r.sightings[key(f.SessionID)]; ok && s.Session.Status != "" {
		return s.Session.Status
	}
	return f.Status
}

// moved says that so many sessions have left their lists that the other lists are the shorter way to them: each costs a
// read by its id otherwise, and those are made side by side, while the pages of a list are read one after the other.
func (r *roll) moved(lost []Followed, p plan) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, f := range lost {
		if s, ok := r.sightings[key(f.SessionID)]; (!ok || !s.lost) && !r.aside(f, p) {
			n++
		}
	}
	return n > r.unreadPages(p) && !p.full
}

// unreadPages is how many calls the lists cost that a round has left out.
func (r *roll) unreadPages(p plan) int {
	n := 0
	for _, filter := range pollLists {
		if !slices.Contains(p.lists, filter) && p.at.After(r.refused[filter]) {
			n += max(1, r.pages[filter]) // an empty list is a page, too
		}
	}
	return n
}

// unread are the lists that a round has left out and that may be read.
func (r *roll) unread(p plan) []nps.StatusFilter {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []nps.StatusFilter
	for _, filter := range pollLists {
		if !slices.Contains(p.lists, filter) && p.at.After(r.refused[filter]) {
			out = append(out, filter)
		}
	}
	return out
}

// withoutList notes that a list failed, and returns the error unless the round goes on without the list.
func (r *roll) withoutList(filter nps.StatusFilter, err error, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := rest.As(err)
	if answer == nil {
		return err
	}
	if answer.Status >= http.StatusInternalServerError {
		r.fails[filter]++
	}
	if !refusesList(answer) && r.fails[filter] < listFailures {
		return err
	}
	r.refused[filter] = now.Add(refusedRounds * r.active)
	return nil
}

// refusesList says that the server does not have a list, or not for us, or writes it in a way that makes no sense.
func refusesList(answer *rest.Error) bool {
	switch answer.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusNotImplemented:
		return true
	}
	return errors.Is(answer, rest.ErrMalformedAnswer)
}

// ended takes over how a round ended. Objects are told when trouble begins, changes its kind, or is over.
func (r *roll) ended(p plan, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = p.at
	if err == nil {
		if r.trouble != nil {
			r.oweAll()
		}
		r.rounds, r.failures, r.trouble = r.rounds+1, 0, nil
		if p.full {
			r.full = p.at
		}
		return
	}
	r.failures++
	if r.failures < troubleAfter && r.rounds > 0 {
		return
	}
	if r.trouble == nil || kindOf(r.trouble) != kindOf(err) {
		r.trouble = &TroubleError{err}
		r.oweAll()
	}
}

// kindOf tells errors apart without their words, which may differ each time.
func kindOf(err error) int {
	if answer := rest.As(err); answer != nil {
		return answer.Status
	}
	return 0
}

// stated gives a session of a list whose state cannot be read the state that the list is of: it is to be told when it
// moves to another list.
func stated(filter nps.StatusFilter, session nps.Session) (_ nps.Session, guessed bool) {
	if session.Status.Known() || filter == nps.FilterHistorical {
		return session, false
	}
	session.Status = nps.Status(filter)
	return session, true
}
