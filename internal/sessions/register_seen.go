// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// This file is how the register learns: from a session that was read by its id, and from a list.

const (
	// listLag is how long a list may repeat what it said although the session was read since and says otherwise.
	listLag = 30 * time.Second
	// maxStrangers is how many sessions that no object follows are remembered. The others are read by their ids once an
	// object follows them.
	maxStrangers = 2000
)

// MaxStrangersMemory is how much memory the sessions that no object follows may take, in bytes.
const MaxStrangersMemory = 4 << 20

// read records a session that was read by its id. Only a read by the poller notifies: an object knows what it has read.
func (r *sessionRegister) read(id string, s nps.Session, at time.Time, notify bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, ok := r.sightings[key(id)]
	if !ok {
		old = &sighting{}
		r.sightings[key(id)] = old
	}
	if notify && factsOf(old.Session) != factsOf(s) {
		r.notifyFollowers(id)
	}
	old.Sighting, old.read = Sighting{Session: s, At: at, Whole: true}, at
}

// notFound records that the server does not know a session. Its object checks that itself before it believes it.
func (r *sessionRegister) notFound(id string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(key(id))
	r.sightings[key(id)] = &sighting{absent: true, Sighting: Sighting{At: at}}
	r.notifyFollowers(id)
}

// listed records a list that was requested at a time.
func (r *sessionRegister) listed(filter nps.StatusFilter, summaries []nps.Summary, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.refused, filter)
	delete(r.fails, filter)
	r.pages[filter] = (len(summaries) + pageSize - 1) / pageSize
	followers := r.bySession()
	for _, summary := range summaries {
		r.matchNote(summary)
		session, guessed := withListState(filter, summary.Session())
		object, followed := followers[key(summary.ID)]
		switch {
		case !followed:
			r.seeStranger(filter, session, guessed, at, len(followers)+maxStrangers)
		case r.see(filter, session, guessed, at):
			r.pending[object] = true
		}
	}
	for id, s := range r.sightings {
		if _, ok := followers[id]; !ok && s.filter == filter && s.At.Before(at) {
			r.drop(id)
		}
	}
}

func (r *sessionRegister) bySession() map[string]types.NamespacedName {
	followers := make(map[string]types.NamespacedName, len(r.followed))
	for object, f := range r.followed {
		if f.SessionID != "" {
			followers[key(f.SessionID)] = object
		}
	}
	return followers
}

// seeStranger records one session of a list that no object follows, if there is room for it among the most sightings
// that there may be. Only what was read by its id is kept when the list says something else.
func (r *sessionRegister) seeStranger(
	filter nps.StatusFilter, session nps.Session, guessed bool, at time.Time, most int,
) {
	id := key(session.ID)
	if s, ok := r.sightings[id]; ok && !s.read.IsZero() {
		r.see(filter, session, guessed, at)
		return
	}
	r.drop(id)
	if size := sizeOf(session); len(r.sightings) < most && r.memory.Reserve(size) == nil {
		r.see(filter, session, guessed, at)
		r.sightings[id].size = size
	}
}

// countIn has the sessions that no object follows counted elsewhere from now on. What was counted before is given back.
func (r *sessionRegister) countIn(memory *rest.Share) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sightings {
		r.memory.Release(s.size)
		s.size = 0
	}
	r.memory = memory
}

// drop forgets what is known of a session. The caller holds the lock.
func (r *sessionRegister) drop(id string) {
	if s, ok := r.sightings[id]; ok {
		r.memory.Release(s.size)
		delete(r.sightings, id)
	}
}

// see records one session of a list, and reports whether that is a change to its follower.
func (r *sessionRegister) see(filter nps.StatusFilter, session nps.Session, guessed bool, at time.Time) bool {
	now := factsOf(session)
	s, ok := r.sightings[key(session.ID)]
	if !ok { // an object that follows it from now on looks at it first
		r.sightings[key(session.ID)] = &sighting{
			Sighting: Sighting{Session: session, At: at, Guessed: guessed}, listed: now, filter: filter,
		}
		return false
	}
	if s.At.After(at) { // it was read while the list was being read
		return false
	}
	same := factsOf(s.Session) == now
	changed := !same && (s.listed != now || at.Sub(s.read) > listLag)
	s.listed, s.filter, s.absent, s.At = now, filter, false, at
	if changed {
		s.Session, s.Whole, s.Guessed = session, false, guessed
	}
	return changed
}

// matchNote records a session with the request id of an object that has another session, or of an object that is gone.
func (r *sessionRegister) matchNote(summary nps.Summary) {
	request := RequestOf(summary.Note)
	object, ok := r.byRequest[request]
	departed, gone := r.departed[request]
	r.noted = r.noted || ok || gone
	switch {
	case !ok && !gone, summary.Status.Terminal(), summary.Status == nps.StatusCancelling:
		return
	case gone:
		if key(departed.Kept) != key(summary.ID) {
			r.strays[summary.ID] = departed
		}
		if len(r.strays) > maxUnwanted { // which one is left out varies, so that one that cannot be ended is not in the way
			for id := range r.strays {
				delete(r.strays, id)
				break
			}
		}
		return
	case key(r.followed[object].SessionID) == key(summary.ID):
		return
	}
	for _, id := range r.copies[object] {
		if key(id) == key(summary.ID) {
			return
		}
	}
	if len(r.copies[object]) == maxUnwanted {
		return
	}
	r.copies[object], r.pending[object] = append(r.copies[object], summary.ID), true
}

// keepsNotes reports whether a list has shown the note of one of our sessions.
func (r *sessionRegister) keepsNotes() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.noted
}

// sighting is what is known of a session, if it is recent enough to rely on; answered says that the lists were read.
func (r *sessionRegister) sighting(id string, now time.Time) (s Sighting, ok, answered bool, trouble error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trouble != nil {
		return Sighting{}, false, true, r.trouble
	}
	seen, ok := r.sightings[key(id)]
	if !ok || seen.absent && !seen.Whole || now.Sub(seen.At) > 2*max(r.active, r.starting)+sightingSlack {
		return Sighting{}, false, r.rounds > 0, nil
	}
	return seen.Sighting, true, true, nil
}
