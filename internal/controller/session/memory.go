// SPDX-License-Identifier: Apache-2.0

package session

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// memo is what this process knows about one object beyond its status. It ends with the process, so nothing belongs here
// that a successor needs in order to be right.
type memo struct {
	// written is the resource version that the last reconcile left; empty if there was none.
	written string
	// absentSince is when the server first did not know the session; zero if it does.
	absentSince time.Time
	// unansweredSince is when this process marked the request, or first saw the mark of another process.
	unansweredSince time.Time
	// hintFollowed says that the annotation was followed and led to no session; see hinted.
	hintFollowed bool
	// unproven says that nothing proves that the session is the object's; see ownershipOpen.
	unproven bool
	// secretRefused says that the API server refused the last write of the Secret.
	secretRefused bool
	// fetchedAt is when the server last gave connection data, and handed the digest of the Secret that this process wrote
	// last.
	fetchedAt time.Time
	handed    string
	// extensionRefused is the server's last refusal to extend the session, extensionDenied the connection's.
	extensionRefused refusedExtension
	extensionDenied  string
	// reserved says that the object holds a place in the session quota; see sessionQuota.
	reserved bool
	// cancelledBy is who ended the session, as the server says.
	cancelledBy string
	// refusal is set if the last request led to nothing that is known.
	refusal *refusal
	// search is about the last search for the session of the request that found nothing.
	search vainSearch
}

// memory has the memos of all objects, by UID.
type memory struct {
	mu    sync.Mutex
	memos map[types.UID]*memo
}

func newMemory() *memory { return &memory{memos: map[types.UID]*memo{}} }

// of returns what is known about an object; the zero memo if nothing is.
func (m *memory) of(uid types.UID) memo {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.memos[uid]; ok {
		return *known
	}
	return memo{}
}

// update changes what is known about an object, and returns the result.
func (m *memory) update(uid types.UID, change func(*memo)) memo {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.memos[uid]
	if !ok {
		known = &memo{}
		m.memos[uid] = known
	}
	change(known)
	return *known
}

func (m *memory) forget(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.memos, uid)
}

// unansweredSince is since when this process has been waiting for the outcome of a request; from now on if it was not.
func (m *memory) unansweredSince(uid types.UID, now time.Time) time.Time {
	return m.update(uid, func(known *memo) {
		if known.unansweredSince.IsZero() {
			known.unansweredSince = now
		}
	}).unansweredSince
}

// isAbsent records that the server does not know a session, and reports whether it did not know it some time ago
// either.
func (m *memory) isAbsent(uid types.UID, now time.Time, secondLook time.Duration) bool {
	since := m.of(uid).absentSince
	if since.IsZero() {
		m.update(uid, func(known *memo) { known.absentSince = now })
		return false
	}
	return now.Sub(since) >= secondLook*8/10 // the delay of the second look is jittered
}

// isPresent records that the server knows a session.
func (m *memory) isPresent(uid types.UID) {
	m.update(uid, func(known *memo) { known.absentSince = time.Time{} })
}

// searched records that a search which began at a time found nothing, and how long after that the next one is due.
func (m *memory) searched(uid types.UID, began time.Time, pause time.Duration) {
	m.update(uid, func(known *memo) { known.search = vainSearch{began, pause, nil} })
}

// vainSearch is a search that found nothing.
type vainSearch struct {
	began time.Time
	// pause is how long after it the next one is due.
	pause time.Duration
	// undecided is why the request is not sent again although nothing was found; see finder.undecided.
	undecided error
}

// left is how long it is until the next search is due; 0 if it is.
func (v vainSearch) left(now time.Time) time.Duration {
	next := v.began.Add(v.pause)
	if now.After(next.Add(-v.pause / 5)) { // delays are jittered
		return 0
	}
	return next.Sub(now)
}

// isUnsent reports whether the last request never reached the server.
func (m memo) isUnsent() bool { return m.refusal != nil && m.refusal.unsent }
