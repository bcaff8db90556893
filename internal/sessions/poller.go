// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	utilwait "k8s.io/apimachinery/pkg/util/wait"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// The default intervals of polling: for sessions that are about to change, and for the others.
const (
	DefaultPollStarting = 2 * time.Second
	DefaultPollActive   = 15 * time.Second
)

// jittered spreads the rounds of connections that began together. Only a little, because people wait for a round.
func jittered(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return utilwait.Jitter(d*975/1000, 0.05)
}

// sessionReader is what a poller reads sessions with.
type sessionReader interface {
	ListMine(ctx context.Context, filter nps.StatusFilter, filterText string) ([]nps.Summary, error)
	Get(ctx context.Context, id string) (nps.Session, error)
}

// Poller reads the sessions of one connection for all objects that follow one, and notifies those whose session has
// changed. It runs while an object follows a session. It outlives the client, which is replaced with the credentials.
type Poller struct {
	register *sessionRegister
	notify   func(context.Context, types.NamespacedName)
	// ctx ends with the connection, or with the pool.
	ctx    context.Context
	cancel context.CancelFunc
	kicked chan struct{}

	mu     sync.Mutex
	client sessionReader
	used   bool // there was a client before
	// revoked is why there is no client anymore.
	revoked error
	running bool
	// round is closed when the present round, or the next one, ends.
	round chan struct{}
	done  sync.WaitGroup
}

// NewPoller returns a poller that notifies objects by calling notify; nil notifies none.
func NewPoller(notify func(context.Context, types.NamespacedName)) *Poller {
	if notify == nil {
		notify = func(context.Context, types.NamespacedName) {}
	}
	p := &Poller{
		register: newSessionRegister(), notify: notify, kicked: make(chan struct{}, 1), round: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Use replaces the client. It is nil if its credentials may no longer be used; revoked then says why.
func (p *Poller) Use(client sessionReader, revoked error) {
	p.mu.Lock()
	replaced := p.used
	p.client, p.used, p.revoked = client, true, revoked
	p.mu.Unlock()
	if replaced {
		p.register.reset()
		p.kick()
	}
}

// pace sets the two intervals.
func (p *Poller) pace(starting, active time.Duration) {
	p.register.mu.Lock()
	changed := p.register.starting != starting || p.register.active != active
	p.register.starting, p.register.active = starting, active
	p.register.mu.Unlock()
	if changed {
		p.kick()
	}
}

// Follow makes the poller notify an object when its session changes. Call it again when more is known.
func (p *Poller) Follow(f Followed) {
	p.register.follow(f)
	p.begin()
}

// Remember makes the poller end sessions that appear of a request whose object is gone.
func (p *Poller) Remember(d Departed) {
	p.register.remember(d)
	p.begin()
}

func (p *Poller) begin() {
	p.mu.Lock()
	if !p.running && p.ctx.Err() == nil {
		p.running = true
		p.done.Go(p.run)
	}
	p.mu.Unlock()
	p.kick()
}

// Unfollow undoes Follow.
func (p *Poller) Unfollow(object types.NamespacedName) {
	p.register.unfollow(object)
	p.kick()
}

// kick makes the poller compute its next round again.
func (p *Poller) kick() {
	select {
	case p.kicked <- struct{}{}:
	default:
	}
}

// Close stops the poller; it has stopped when Wait returns.
func (p *Poller) Close() { p.cancel() }

// Wait returns when the poller has stopped.
func (p *Poller) Wait() { p.done.Wait() }

// stopIfIdle stops the poller if there is nothing to follow, and reports whether it has. A concurrent Follow either
// keeps it running or starts it again.
func (p *Poller) stopIfIdle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() == nil && !p.register.empty() {
		return false
	}
	p.running = false
	p.nextRound() // no other one comes for those who wait
	return true
}

func (p *Poller) run() {
	for !p.stopIfIdle() {
		if pause := p.register.untilNextRound(time.Now()); pause > 0 && !p.sleep(pause) {
			continue
		}
		round := p.register.plan(time.Now())
		round.finish(p.poll(&round))
		p.endStrays()
		p.endRound()
		p.notifyPending()
	}
}

// sleep reports whether the time has passed; otherwise the next round has to be computed again.
func (p *Poller) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.kicked:
	case <-p.ctx.Done():
	}
	return false
}

func (p *Poller) endRound() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nextRound()
}

// nextRound wakes those who wait for a round. The caller holds the lock.
func (p *Poller) nextRound() {
	close(p.round)
	p.round = make(chan struct{})
}

func (p *Poller) notifyPending() {
	for _, object := range p.register.takePending() {
		p.notify(p.ctx, object)
	}
}

// errNoClient says that there is no connection to the server yet.
var errNoClient = errors.New("not connected yet")

// poll requests what a round needs.
func (p *Poller) poll(round *round) error {
	p.mu.Lock()
	client, revoked := p.client, p.revoked
	p.mu.Unlock()
	if client == nil {
		return cmp.Or(revoked, errNoClient)
	}
	if err := p.list(client, round.lists); err != nil {
		return err
	}
	missing := round.unseen()
	if round.listsAreCheaper(missing) {
		if err := p.list(client, round.remainingLists()); err != nil {
			return err
		}
		missing = round.unseen()
	}
	return p.readMissing(client, round, missing)
}

// readMissing reads the missing sessions that the poller has to read, by their ids.
func (p *Poller) readMissing(client sessionReader, round *round, missing []Followed) error {
	reads := 0
	for _, f := range missing {
		if reads == maxSingleReads {
			break
		}
		if !round.mustRead(f) {
			continue
		}
		reads++
		if err := p.read(client, f.SessionID); err != nil {
			return err
		}
	}
	return nil
}

func (p *Poller) list(client sessionReader, filters []nps.StatusFilter) error {
	for _, filter := range filters {
		if err := p.listOne(client, filter); err != nil {
			return err
		}
	}
	return nil
}

func (p *Poller) listOne(client sessionReader, filter nps.StatusFilter) error {
	at := time.Now()
	summaries, err := client.ListMine(p.ctx, filter, "")
	if err != nil {
		return p.register.listFailed(filter, err, at)
	}
	p.register.listed(filter, summaries, at)
	return nil
}

func (p *Poller) read(client sessionReader, id string) error {
	at := time.Now()
	session, err := client.Get(p.ctx, id)
	switch {
	case err == nil:
		p.register.read(id, session, at, true)
		return nil
	case rest.IsNotFound(err):
		p.register.notFound(id, at)
		return nil
	}
	return err
}

// sighting is what is known of a session that is followed. If nothing is known yet, it waits for the first round;
// otherwise a manager that has just started would read thousands of sessions one by one. ok is false if no list has it,
// or if no object follows a session any more, so that none is read.
func (p *Poller) sighting(ctx context.Context, id string) (s Sighting, ok bool, err error) {
	for {
		p.mu.Lock()
		round, running := p.round, p.running
		p.mu.Unlock()
		s, ok, answered, trouble := p.register.sighting(id, time.Now())
		if answered || trouble != nil || !running {
			return s, ok, trouble
		}
		select {
		case <-round:
		case <-ctx.Done():
			return Sighting{}, false, ctx.Err()
		case <-p.ctx.Done():
			return Sighting{}, false, nil
		}
	}
}
