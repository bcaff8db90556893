// SPDX-License-Identifier: Apache-2.0

package groupcommit

import (
	"sync"
	"time"
)

const (
	// firstRefusalPause is how long the same change is not sent again after it was refused. Each further refusal doubles
	// it, up to longestRefusalPause.
	firstRefusalPause   = 10 * time.Minute
	longestRefusalPause = 2 * time.Hour
	// forgetRefusal is when an object counts as gone that nobody has asked for. Callers come back more often.
	forgetRefusal = time.Hour
	// maxRefusals bounds the memory.
	maxRefusals = 10_000
	// restFactor is how many times as long as a refused commit of a suspect the next suspect waits: together they hold
	// the lock a tenth of the time.
	restFactor = 9
	// untriedPause is when a change that was refused together with others, and not alone, is to come back.
	untriedPause = time.Minute
)

// refusals remembers which objects were refused. It is safe for concurrent use; its zero value remembers nothing.
type refusals struct {
	mu sync.Mutex
	of map[string]*refusal
}

// refusal is what is remembered of one object.
type refusal struct {
	// digest is that of the change that was refused last, with err; it is not sent again before until.
	digest string
	err    error
	pause  time.Duration
	until  time.Time
	// suspect says that a commit was refused: the object's changes share none with others. untried says that it was
	// refused together with others only.
	suspect, untried bool
	asked            time.Time
}

// ask returns whether a change must be committed alone, and how the same change was refused last; answered says that
// this is the answer, without another attempt.
func (r *refusals) ask(i Identity) (suspect, answered bool, last error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.of[i.ID]
	if known == nil || i.ID == "" {
		return false, false, nil
	}
	known.asked = time.Now()
	if i.Digest == "" || i.Digest != known.digest {
		return known.suspect, false, nil
	}
	return known.suspect, known.asked.Before(known.until), known.err
}

// add remembers that the store refused a change, at the commit or before.
func (r *refusals) add(i Identity, err error, atCommit bool) {
	r.change(i, func(known *refusal) {
		if known.digest != i.Digest {
			known.pause = 0
		}
		known.pause = min(max(2*known.pause, firstRefusalPause), longestRefusalPause)
		known.until = time.Now().Add(known.pause)
		known.digest, known.err, known.untried = i.Digest, err, false
		known.suspect = known.suspect || atCommit
	})
}

// suspect remembers that a change was refused together with others, with the error that its caller gets.
func (r *refusals) suspect(i Identity, err error) {
	r.change(i, func(known *refusal) { *known = refusal{digest: i.Digest, err: err, suspect: true, untried: true} })
}

// change changes what is remembered of an object.
func (r *refusals) change(i Identity, do func(*refusal)) {
	if i.ID == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.of[i.ID]
	if known == nil {
		r.makeRoom()
		known = &refusal{}
		r.of[i.ID] = known
	}
	do(known)
	known.asked = time.Now()
}

// makeRoom forgets the objects that are gone, and if there are too many others, the one that nobody has asked for
// longest.
func (r *refusals) makeRoom() {
	if r.of == nil {
		r.of = map[string]*refusal{}
	}
	oldest := ""
	for id, known := range r.of {
		if time.Since(known.asked) > forgetRefusal {
			delete(r.of, id)
		} else if oldest == "" || known.asked.Before(r.of[oldest].asked) {
			oldest = id
		}
	}
	if len(r.of) >= maxRefusals {
		delete(r.of, oldest)
	}
}

// succeeded forgets an object. If it was refused together with others only, the fault was not where it was looked for:
// the others need not be tried alone any more.
func (r *refusals) succeeded(i Identity) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.of[i.ID]
	if known == nil {
		return
	}
	delete(r.of, i.ID)
	if !known.untried {
		return
	}
	for id, other := range r.of {
		if other.untried {
			delete(r.of, id)
		}
	}
}

// forget forgets everything.
func (r *refusals) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of = nil
}
