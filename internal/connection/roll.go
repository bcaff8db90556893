// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/nps"
)

// Followed is a session that an object wants to hear of.
type Followed struct {
	Object types.NamespacedName
	// RequestID is what the notes of the object's sessions name.
	RequestID string
	// SessionID is the object's session. Empty: it has none, and any that shows up is to be told.
	SessionID string
	// Status is where the session was last known to be; it says which list should have it.
	Status nps.Status
	// FastFrom is from when on the session is about to change; zero if it may stay as it is for long.
	FastFrom time.Time
	// Over says that the object's session is over: only copies of it are looked for, at leisure unless Pressing says that
	// one is likely.
	Over, Pressing bool
	// Until is when copies of a session that is over are not looked for any more.
	Until time.Time
}

// Departed is a request whose object is gone, although a session of it may yet show up. Nobody waits for that one: it
// is ended.
type Departed struct {
	Object    types.NamespacedName
	UID       types.UID
	RequestID string
	// Pressing says that such a session is likely: the request was sent more than once, or got no answer.
	Pressing bool
	// Until is when it is forgotten.
	Until time.Time
}

// Sighting is what is known of a session, from a list or from the session itself.
type Sighting struct {
	Session nps.Session
	// At is when it was asked for.
	At time.Time
	// Whole says that it was read by its id, so that it has what summaries lack.
	Whole bool
	// Guessed says that the list did not tell the state in a way that is known: it is then the list's own.
	Guessed bool
}

// sighting is a Sighting with what the poller needs to tell a change.
type sighting struct {
	Sighting
	// listed is what the last list said; a list that lags says the same for a while although the session was read since.
	listed facts
	// read is when it was last read by its id.
	read time.Time
	// filter is the list that the session was last in.
	filter nps.StatusFilter
	// lost says that no list has shown the session where it should be.
	lost bool
}

// facts are what makes a session a changed one. Descriptions are free text, and may count seconds.
type facts struct {
	status                           nps.Status
	start, end, began, ended         int64
	account                          string
	locked, extensible               bool
	extensionCount, extensionMinutes int
}

func factsOf(s nps.Session) facts {
	return facts{
		status: s.Status, start: s.ScheduledStart.UnixNano(), end: s.ScheduledEnd.UnixNano(),
		began: s.ActualStart.UnixNano(), ended: s.ActualEnd.UnixNano(), account: s.LoginAccountName, locked: s.Locked,
		extensible: s.AllowExtension, extensionCount: s.ExtensionCount, extensionMinutes: s.ExtensionMinutes,
	}
}

// pollLists are the lists of sessions that are not over, in the order of a session's life: one that moves on while they
// are read is met again in a later list, which is believed.
var pollLists = []nps.StatusFilter{
	nps.FilterApprovalRequired, nps.FilterPending, nps.FilterActive, nps.FilterCancelling,
}

// listOf is the list that has the sessions of a state; empty if none does.
func listOf(status nps.Status) nps.StatusFilter {
	switch status {
	case nps.StatusApprovalRequired, nps.StatusPending, nps.StatusActive, nps.StatusCancelling:
		return nps.StatusFilter(status)
	}
	return ""
}

// pageSize is how many sessions a page of a list has.
const pageSize = 100

// roll is what a poller knows: who follows which session, what was seen of it, and who is to be told. It sends nothing
// and has no clock.
type roll struct {
	mu sync.Mutex
	// starting and active are the two intervals.
	starting, active time.Duration

	followed  map[types.NamespacedName]Followed
	byRequest map[string]types.NamespacedName
	sightings map[string]*sighting
	// owed are the objects that are to be told, copies the sessions that are one too many.
	owed   map[types.NamespacedName]bool
	copies map[types.NamespacedName][]string
	// departed are the requests whose objects are gone, by their ids; strays are the sessions that were seen of them.
	departed map[string]Departed
	strays   map[string]Departed

	// rounds counts the rounds that succeeded; last is when the last one began, full when every list was last read.
	rounds     int
	last, full time.Time
	// refused are the lists that the server does not give, and until when they are not asked for; fails counts errors.
	refused map[nps.StatusFilter]time.Time
	fails   map[nps.StatusFilter]int
	// noted says that a list has shown the note of one of our sessions.
	noted bool
	// pages is how many pages the lists had when they were last read.
	pages map[nps.StatusFilter]int
	// failures counts the rounds that failed since one succeeded; trouble is what is told of them.
	failures int
	trouble  error
}

func newRoll() *roll {
	return &roll{
		starting: defaultPollStarting, active: defaultPollActive,
		followed: map[types.NamespacedName]Followed{}, byRequest: map[string]types.NamespacedName{},
		sightings: map[string]*sighting{}, owed: map[types.NamespacedName]bool{},
		copies: map[types.NamespacedName][]string{}, refused: map[nps.StatusFilter]time.Time{},
		fails: map[nps.StatusFilter]int{}, pages: map[nps.StatusFilter]int{},
		departed: map[string]Departed{}, strays: map[string]Departed{},
	}
}

// key is an id in the form in which ids are compared: it may come from a header in another case.
func key(id string) string { return strings.ToLower(id) }

// follow adds a session, or says more of it.
func (r *roll) follow(f Followed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.followed[f.Object]; ok && old.RequestID != f.RequestID {
		delete(r.byRequest, old.RequestID)
	}
	r.followed[f.Object], r.byRequest[f.RequestID] = f, f.Object
}

func (r *roll) unfollow(object types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.followed[object]
	delete(r.followed, object)
	delete(r.byRequest, f.RequestID)
	delete(r.sightings, key(f.SessionID))
	delete(r.owed, object)
	delete(r.copies, object)
}

func (r *roll) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.followed) == 0 && len(r.departed) == 0
}

// remember has sessions of a request ended that show up although its object is gone.
func (r *roll) remember(d Departed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.departed[d.RequestID] = d
}

// expire forgets what nobody looks for any more.
func (r *roll) expire(now time.Time) {
	for object, f := range r.followed {
		if f.Over && now.After(f.Until) {
			delete(r.followed, object)
			delete(r.byRequest, f.RequestID)
		}
	}
	for id, d := range r.departed {
		if now.After(d.Until) {
			delete(r.departed, id)
		}
	}
}

// idles says that nothing lives, or is likely to show up, that would have to be looked at soon.
func (r *roll) idles() bool {
	for _, f := range r.followed {
		if !f.Over || f.Pressing {
			return false
		}
	}
	for _, d := range r.departed {
		if d.Pressing {
			return false
		}
	}
	return true
}

// takeStrays returns the sessions of requests whose objects are gone. One that is not ended shows up again.
func (r *roll) takeStrays() map[string]Departed {
	r.mu.Lock()
	defer r.mu.Unlock()
	strays := r.strays
	r.strays = map[string]Departed{}
	return strays
}

// reset forgets what was seen, because it was seen by another user: everybody is told after the next round.
func (r *roll) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sightings, r.copies = map[string]*sighting{}, map[types.NamespacedName][]string{}
	r.refused, r.fails = map[nps.StatusFilter]time.Time{}, map[nps.StatusFilter]int{}
	r.rounds, r.failures, r.trouble, r.last, r.full = 0, 0, nil, time.Time{}, time.Time{}
	r.oweAll()
}

func (r *roll) oweAll() {
	for object, f := range r.followed {
		if !f.Over { // what is over depends on nothing that could be told
			r.owed[object] = true
		}
	}
}

// read notes a session that was read by its id. Whoever read it knows it already; only the poller tells.
func (r *roll) read(id string, s nps.Session, at time.Time, tell bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, ok := r.sightings[key(id)]
	if !ok {
		old = &sighting{}
		r.sightings[key(id)] = old
	}
	if tell && factsOf(old.Session) != factsOf(s) {
		r.owe(id)
	}
	old.Sighting, old.read = Sighting{Session: s, At: at, Whole: true}, at
}

// unknown notes that the server does not know a session: its object looks for itself before it believes that.
func (r *roll) unknown(id string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sightings[key(id)] = &sighting{lost: true, Sighting: Sighting{At: at}}
	r.owe(id)
}

// owe puts whoever follows a session on the list of those to be told.
func (r *roll) owe(id string) {
	for object, f := range r.followed {
		if f.SessionID != "" && key(f.SessionID) == key(id) {
			r.owed[object] = true
		}
	}
}

// listed takes over a list that was asked for at a time.
func (r *roll) listed(filter nps.StatusFilter, summaries []nps.Summary, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.refused, filter)
	delete(r.fails, filter)
	r.pages[filter] = (len(summaries) + pageSize - 1) / pageSize
	names := r.bySession()
	for _, summary := range summaries {
		r.meet(summary)
		object, followed := names[key(summary.ID)]
		if !followed && len(r.sightings) >= len(names)+maxStrangers {
			continue
		}
		session, guessed := stated(filter, summary.Session())
		if r.see(filter, session, guessed, at) && followed {
			r.owed[object] = true
		}
	}
	for id, s := range r.sightings {
		if _, ok := names[id]; !ok && s.filter == filter && s.At.Before(at) {
			delete(r.sightings, id)
		}
	}
}

func (r *roll) bySession() map[string]types.NamespacedName {
	names := make(map[string]types.NamespacedName, len(r.followed))
	for object, f := range r.followed {
		if f.SessionID != "" {
			names[key(f.SessionID)] = object
		}
	}
	return names
}

// listLag is how long a list may say the same as before although the session was read and says otherwise.
const listLag = 30 * time.Second

// maxStrangers is how many sessions are remembered that nobody follows yet.
const maxStrangers = 2000

// see takes over one session of a list, and says whether that is news to whoever follows it.
func (r *roll) see(filter nps.StatusFilter, session nps.Session, guessed bool, at time.Time) bool {
	now := factsOf(session)
	s, ok := r.sightings[key(session.ID)]
	if !ok { // whoever follows it from now on begins by looking
		r.sightings[key(session.ID)] = &sighting{
			Sighting: Sighting{Session: session, At: at, Guessed: guessed}, listed: now, filter: filter,
		}
		return false
	}
	if s.At.After(at) { // it was read while the list was under way
		return false
	}
	same := factsOf(s.Session) == now
	news := !same && (s.listed != now || at.Sub(s.read) > listLag)
	s.listed, s.filter, s.lost, s.At = now, filter, false, at
	if news {
		s.Session, s.Whole, s.Guessed = session, false, guessed
	}
	return news
}

// meet notes a session that has the request id of an object whose session is another one, or of one that is gone.
func (r *roll) meet(summary nps.Summary) {
	request := RequestOf(summary.Note)
	object, ok := r.byRequest[request]
	departed, gone := r.departed[request]
	r.noted = r.noted || ok || gone
	switch {
	case !ok && !gone, summary.Status.Terminal(), summary.Status == nps.StatusCancelling:
		return
	case gone:
		r.strays[summary.ID] = departed
		return
	case key(r.followed[object].SessionID) == key(summary.ID):
		return
	}
	for _, id := range r.copies[object] {
		if key(id) == key(summary.ID) {
			return
		}
	}
	r.copies[object], r.owed[object] = append(r.copies[object], summary.ID), true
}

func (r *roll) keepsNotes() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.noted
}

// takeCopies returns the sessions that are one too many for an object. One that is not ended shows up again.
func (r *roll) takeCopies(object types.NamespacedName) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	copies := r.copies[object]
	delete(r.copies, object)
	return copies
}

// takeOwed returns the objects that are to be told.
func (r *roll) takeOwed() []types.NamespacedName {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]types.NamespacedName, 0, len(r.owed))
	for object := range r.owed {
		out = append(out, object)
	}
	clear(r.owed)
	return out
}

// sighting is what is known of a session, if it is young enough to go by. answered says that the lists were read.
func (r *roll) sighting(id string, now time.Time) (s Sighting, ok, answered bool, trouble error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trouble != nil {
		return Sighting{}, false, true, r.trouble
	}
	seen, ok := r.sightings[key(id)]
	if !ok || seen.lost && !seen.Whole || now.Sub(seen.At) > 2*max(r.active, r.starting)+sightingSlack {
		return Sighting{}, false, r.rounds > 0, nil
	}
	return seen.Sighting, true, true, nil
}
