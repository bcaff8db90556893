// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"cmp"
	"slices"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
)

// maxSingleReads is how many sessions are read by their ids in one round.
const maxSingleReads = 50

// round is what one round requests from the server. It begins with the lists of its plan; what they do not show is then
// read from the remaining lists, or by id.
type round struct {
	register *sessionRegister
	at       time.Time
	full     bool
	lists    []nps.StatusFilter
	// direct are lists with more pages than sessions wanted from them: those sessions are read by their ids.
	direct map[nps.StatusFilter]bool
	// due are the sessions to be seen in this round.
	due []Followed
}

// unseen are the sessions that are due and that no list of this round has shown, the one seen longest ago first.
func (p *round) unseen() []Followed {
	r := p.register
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

// mustRead reports whether the poller has to read a session that no list has shown: because its list is not available,
// or because no list has shown it before either. One that has just left its list is read by its object, which needs the
// whole session for the step that it has made.
func (p *round) mustRead(f Followed) bool {
	r := p.register
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.sightings[key(f.SessionID)]
	if !ok {
		s = &sighting{}
		r.sightings[key(f.SessionID)] = s
	}
	if s.absent || p.unlisted(f) {
		return true
	}
	s.absent, s.Whole = true, false
	r.pending[f.Object] = true
	return false
}

// unlisted reports whether the list of a session is not read in this round. The caller holds the lock.
func (p *round) unlisted(f Followed) bool {
	filter := listOf(p.register.status(f))
	return p.direct[filter] || !p.at.After(p.register.refused[filter])
}

// listsAreCheaper reports whether reading the remaining lists costs fewer calls than reading each missing session by
// its id. Those reads run in parallel, the pages of a list do not.
func (p *round) listsAreCheaper(missing []Followed) bool {
	r := p.register
	r.mu.Lock()
	defer r.mu.Unlock()
	reads, pages := 0, 0
	for _, f := range missing {
		if s, ok := r.sightings[key(f.SessionID)]; (!ok || !s.absent) && !p.unlisted(f) {
			reads++
		}
	}
	for _, filter := range p.remaining() {
		pages += max(1, r.pages[filter]) // an empty list is a page, too
	}
	return reads > pages && !p.full
}

// remainingLists are the lists that the round has left out and that may be read.
func (p *round) remainingLists() []nps.StatusFilter {
	p.register.mu.Lock()
	defer p.register.mu.Unlock()
	return p.remaining()
}

func (p *round) remaining() []nps.StatusFilter {
	var out []nps.StatusFilter
	for _, filter := range liveLists {
		if !slices.Contains(p.lists, filter) && p.at.After(p.register.refused[filter]) {
			out = append(out, filter)
		}
	}
	return out
}

// finish records the result of the round. Objects are notified when trouble begins, changes its kind, or is over.
func (p *round) finish(err error) {
	r := p.register
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = p.at
	if err == nil {
		if r.trouble != nil {
			r.notifyAll()
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
		r.notifyAll()
	}
}
