// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// sessionRegister is what a poller knows: which object follows which session, what was seen of each session, and which
// objects have to be notified. It sends nothing and has no clock.
type sessionRegister struct {
	mu sync.Mutex
	// starting and active are the two intervals.
	starting, active time.Duration

	followed  map[types.NamespacedName]Followed
	byRequest map[string]types.NamespacedName
	sightings map[string]*sighting
	// memory is where the sightings of sessions are counted that no object follows; nil counts nothing.
	memory *rest.Share
	// pending are the objects to be notified.
	pending map[types.NamespacedName]bool
	// copies are the duplicate sessions of each object.
	copies map[types.NamespacedName][]string
	// departed are the requests whose objects are gone, by request id; strays are the sessions that were seen of them.
	departed map[string]Departed
	strays   map[string]Departed

	// rounds counts the rounds that succeeded.
	rounds int
	// last is when the last round began, full when every list was last read.
	last, full time.Time
	// wanted says that somebody wants every list to be read soon.
	wanted bool
	// refused says until when a list is skipped because the server does not provide it.
	refused map[nps.StatusFilter]time.Time
	// fails counts the errors of each list since it was last read.
	fails map[nps.StatusFilter]int
	// pages is how many pages each list had when it was last read.
	pages map[nps.StatusFilter]int
	// noted says that a list has shown the note of one of our sessions.
	noted bool
	// failures counts the rounds that failed since one succeeded; trouble is the error that followers get.
	failures int
	trouble  error
}

func newSessionRegister() *sessionRegister {
	return &sessionRegister{
		starting: DefaultPollStarting, active: DefaultPollActive,
		followed: map[types.NamespacedName]Followed{}, byRequest: map[string]types.NamespacedName{},
		sightings: map[string]*sighting{}, pending: map[types.NamespacedName]bool{},
		copies: map[types.NamespacedName][]string{}, refused: map[nps.StatusFilter]time.Time{},
		fails: map[nps.StatusFilter]int{}, pages: map[nps.StatusFilter]int{},
		departed: map[string]Departed{}, strays: map[string]Departed{},
	}
}

// key is the form in which ids are compared: the id in a header may differ in case.
func key(id string) string { return strings.ToLower(id) }

// follow adds a session, or updates what is known of it.
func (r *sessionRegister) follow(f Followed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.followed[f.Object]; ok && old.RequestID != f.RequestID {
		delete(r.byRequest, old.RequestID)
	}
	r.followed[f.Object], r.byRequest[f.RequestID] = f, f.Object
}

func (r *sessionRegister) unfollow(object types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.followed[object]
	delete(r.followed, object)
	delete(r.byRequest, f.RequestID)
	r.drop(key(f.SessionID))
	delete(r.pending, object)
	delete(r.copies, object)
}

func (r *sessionRegister) empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.followed) == 0 && len(r.departed) == 0
}

// maxDeparted is how many requests whose objects are gone are remembered.
const maxDeparted = 1000

// remember adds a request whose object is gone. If they are too many, one of the namespace that has most is forgotten:
// the one that would be first.
func (r *sessionRegister) remember(d Departed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.departed[d.RequestID] = d
	if len(r.departed) <= maxDeparted {
		return
	}
	of := map[string]int{}
	for _, d := range r.departed {
		of[d.Object.Namespace]++
	}
	first := d
	for _, d := range r.departed {
		if c := of[d.Object.Namespace] - of[first.Object.Namespace]; c > 0 || c == 0 && d.Until.Before(first.Until) {
			first = d
		}
	}
	delete(r.departed, first.RequestID)
}

// expire drops searches for duplicates whose time is over. The caller holds the lock.
func (r *sessionRegister) expire(now time.Time) {
	for object, f := range r.followed {
		if f.Over && now.After(f.Until) {
			delete(r.followed, object)
			delete(r.byRequest, f.RequestID)
			r.drop(key(f.SessionID))
		}
	}
	for id, d := range r.departed {
		if now.After(d.Until) {
			delete(r.departed, id)
		}
	}
}

// idle reports whether no session is live, and none is likely to appear, that would have to be seen soon. The caller
// holds the lock.
func (r *sessionRegister) idle() bool {
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

// reset drops what was seen, because another user saw it. All objects are notified after the next round.
func (r *sessionRegister) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.sightings {
		r.drop(id)
	}
	r.copies = map[types.NamespacedName][]string{}
	r.refused, r.fails = map[nps.StatusFilter]time.Time{}, map[nps.StatusFilter]int{}
	r.rounds, r.failures, r.trouble, r.last, r.full, r.noted = 0, 0, nil, time.Time{}, time.Time{}, false
	r.notifyAll()
}

// notifyAll marks every object to be notified, except those whose session is over: nothing they do depends on it. The
// caller holds the lock.
func (r *sessionRegister) notifyAll() {
	for object, f := range r.followed {
		if !f.Over {
			r.pending[object] = true
		}
	}
}

// notifyFollowers marks the objects that follow a session. The caller holds the lock.
func (r *sessionRegister) notifyFollowers(id string) {
	for object, f := range r.followed {
		if f.SessionID != "" && key(f.SessionID) == key(id) {
			r.pending[object] = true
		}
	}
}

// takePending returns the objects to be notified, each once.
func (r *sessionRegister) takePending() []types.NamespacedName {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]types.NamespacedName, 0, len(r.pending))
	for object := range r.pending {
		out = append(out, object)
	}
	clear(r.pending)
	return out
}

// maxUnwanted is how many sessions that nobody wants are ended in one round, or for one object: a server may list
// thousands.
const maxUnwanted = 10

// takeCopies returns some of the duplicate sessions of an object, each once. One that is not ended appears again.
func (r *sessionRegister) takeCopies(object types.NamespacedName) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	copies := r.copies[object]
	delete(r.copies, object)
	return copies
}

// takeStrays returns some of the sessions of requests whose objects are gone, each once. One that is not ended appears
// again.
func (r *sessionRegister) takeStrays() map[string]Departed {
	r.mu.Lock()
	defer r.mu.Unlock()
	strays := r.strays
	r.strays = map[string]Departed{}
	return strays
}
