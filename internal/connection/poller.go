// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	utilwait "k8s.io/apimachinery/pkg/util/wait"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// jittered spreads the rounds of connections that began together; little, because people wait for a round.
func jittered(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return utilwait.Jitter(d*975/1000, 0.05)
}

// sessionReader is what a poller asks.
type sessionReader interface {
	ListMine(ctx context.Context, filter nps.StatusFilter, filterText string) ([]nps.Summary, error)
	Get(ctx context.Context, id string) (nps.Session, error)
}

// poller looks at the sessions of one connection for all objects that follow one, and tells those whose session has
// changed. It runs while anybody follows anything. It outlives the client, which is replaced with the credentials.
type poller struct {
	roll *roll
	tell func(context.Context, types.NamespacedName)
	// context ends with the connection, or with the pool.
	ctx    context.Context
	cancel context.CancelFunc
	kicked chan struct{}

	mu      sync.Mutex
	client  sessionReader
	used    bool // that there was a client before
	running bool
	// round is closed when the round that is under way, or the next one, ends.
	round chan struct{}
	done  sync.WaitGroup
}

// newPoller returns a poller that tells nobody anything if tell is nil.
func newPoller(tell func(context.Context, types.NamespacedName)) *poller {
	if tell == nil {
		tell = func(context.Context, types.NamespacedName) {}
	}
	p := &poller{roll: newRoll(), tell: tell, kicked: make(chan struct{}, 1), round: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// errRevoked says that the credentials that the sessions were looked at with are gone.
var errRevoked = notReady("the credentials of the connection are gone")

// use puts a client in the place of the one before; nil where its credentials may not be used any more.
func (p *poller) use(client sessionReader) {
	p.mu.Lock()
	replaced := p.used
	p.client, p.used = client, true
	p.mu.Unlock()
	if replaced {
		p.roll.reset()
		p.kick()
	}
}

// pace sets the two intervals.
func (p *poller) pace(starting, active time.Duration) {
	p.roll.mu.Lock()
	changed := p.roll.starting != starting || p.roll.active != active
	p.roll.starting, p.roll.active = starting, active
	p.roll.mu.Unlock()
	if changed {
		p.kick()
	}
}

func (p *poller) follow(f Followed) {
	p.roll.follow(f)
	p.begin()
}

// remember has sessions ended that show up of a request whose object is gone.
func (p *poller) remember(d Departed) {
	p.roll.remember(d)
	p.begin()
}

func (p *poller) begin() {
	p.mu.Lock()
	if !p.running && p.ctx.Err() == nil {
		p.running = true
		p.done.Go(p.run)
	}
	p.mu.Unlock()
	p.kick()
}

func (p *poller) unfollow(object types.NamespacedName) {
	p.roll.unfollow(object)
	p.kick()
}

// kick makes the poller look at its intervals again.
func (p *poller) kick() {
	select {
	case p.kicked <- struct{}{}:
	default:
	}
}

// close stops the poller; it is over when wait returns.
func (p *poller) close() { p.cancel() }

func (p *poller) wait() { p.done.Wait() }

// idle stops the poller if nobody follows anything, unless somebody begins to at this moment.
func (p *poller) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() == nil && !p.roll.empty() {
		return false
	}
	p.running = false
	return true
}

func (p *poller) run() {
	for !p.idle() {
		if pause := p.roll.rest(time.Now()); pause > 0 && !p.sleep(pause) {
			continue
		}
		plan := p.roll.plan(time.Now())
		p.roll.ended(plan, p.look(plan))
		p.endStrays()
		p.endRound()
		p.tellAll()
	}
}

// sleep says whether the time has passed; otherwise something is different now.
func (p *poller) sleep(d time.Duration) bool {
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

func (p *poller) endRound() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.round)
	p.round = make(chan struct{})
}

func (p *poller) tellAll() {
	for _, object := range p.roll.takeOwed() {
		p.tell(p.ctx, object)
	}
}

// look asks the server for what is planned.
func (p *poller) look(plan plan) error {
	p.mu.Lock()
	client := p.client
	p.mu.Unlock()
	if client == nil {
		return errRevoked
	}
	if err := p.list(client, plan.lists); err != nil {
		return err
	}
	lost := p.roll.unseen(plan)
	if p.roll.moved(lost, plan) {
		if err := p.list(client, p.roll.unread(plan)); err != nil {
			return err
		}
		lost = p.roll.unseen(plan)
	}
	return p.readLost(client, plan, lost)
}

// readLost reads those sessions by their ids that are the poller's to read.
func (p *poller) readLost(client sessionReader, plan plan, lost []Followed) error {
	reads := 0
	for _, f := range lost {
		if reads == maxSingleReads {
			break
		}
		if !p.roll.single(f, plan) {
			continue
		}
		reads++
		if err := p.read(client, f.SessionID); err != nil {
			return err
		}
	}
	return nil
}

func (p *poller) list(client sessionReader, filters []nps.StatusFilter) error {
	for _, filter := range filters {
		if err := p.listOne(client, filter); err != nil {
			return err
		}
	}
	return nil
}

func (p *poller) listOne(client sessionReader, filter nps.StatusFilter) error {
	at := time.Now()
	summaries, err := client.ListMine(p.ctx, filter, "")
	if err != nil {
		return p.roll.withoutList(filter, err, at)
	}
	p.roll.listed(filter, summaries, at)
	return nil
}

func (p *poller) read(client sessionReader, id string) error {
	at := time.Now()
	session, err := client.Get(p.ctx, id)
	switch {
	case err == nil:
		p.roll.read(id, session, at, true)
		return nil
	case rest.IsNotFound(err):
		p.roll.unknown(id, at)
		return nil
	}
	return err
}

// sighting is what is known of a session that is followed. Where nothing is known yet, it waits for the first round: a
// manager that has just begun would else read thousands of sessions one by one. ok is false where no list tells.
func (p *poller) sighting(ctx context.Context, id string) (s Sighting, ok bool, err error) {
	for {
		p.mu.Lock()
		round := p.round
		p.mu.Unlock()
		s, ok, answered, trouble := p.roll.sighting(id, time.Now())
		if answered || trouble != nil {
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
