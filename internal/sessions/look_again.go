// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"context"
	"time"
)

// This file is about looks that people ask for. They cost one round of the poller, whose lists answer everyone who
// asked before it began.

// LookAgain has the poller read every list as soon as its pace allows, and notify the objects whose session has
// changed. It does not wait.
func (s *Server) LookAgain() { s.poller.lookAgain() }

// SightingSince is Sighting, from lists that were requested after a moment.
func (s *Server) SightingSince(
	ctx context.Context, id string, moment time.Time,
) (seen Sighting, ok bool, err error) {
	return s.poller.sightingSince(ctx, id, moment)
}

func (p *Poller) lookAgain() {
	p.register.want()
	p.kick()
}

// sightingSince has the poller look again until a look began after the moment. ok is false if no list has the session,
// or if no object follows a session any more.
func (p *Poller) sightingSince(
	ctx context.Context, id string, moment time.Time,
) (s Sighting, ok bool, err error) {
	for {
		p.mu.Lock()
		round, running := p.round, p.running
		p.mu.Unlock()
		s, ok, _, trouble := p.register.sighting(id, time.Now())
		switch {
		case trouble != nil:
			return Sighting{}, false, trouble
		case ok && s.At.After(moment):
			return s, true, nil
		case p.register.fullSince(moment), !running:
			return Sighting{}, false, nil
		}
		p.lookAgain()
		select {
		case <-round:
		case <-ctx.Done():
			return Sighting{}, false, ctx.Err()
		case <-p.ctx.Done():
			return Sighting{}, false, nil
		}
	}
}

// want has the next round read every list, soon.
func (r *sessionRegister) want() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = true
}

// fullSince reports whether every list was read after a moment.
func (r *sessionRegister) fullSince(moment time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.full.After(moment)
}
