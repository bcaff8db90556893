// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

const (
	// sessionBeds is how many points are tried at the same time; a point is mostly waiting.
	sessionBeds = 6
	// fewestPoints is far less than there are: a proof that tries fewer has lost its way.
	fewestPoints = 40
	// shortWindow is how long the session of a request is looked for here before that is sent again.
	shortWindow = "--session-recovery-window=2s"
)

// way is what becomes of a request: whether the server acted on it, and what keeps the manager from its answer.
type way struct {
	name        string
	after, kill bool
}

var ways = []way{
	{name: "kill_before", kill: true}, {name: "kill_after", after: true, kill: true},
	{name: "cut_before"}, {name: "cut_after", after: true},
}

// course is how a session may come about. Its requests are struck one after the other.
type course struct {
	name     string
	switches simnps.CreateSwitches
	faults   []fault.Rule
	// from is the request up to which it goes like the courses before it; those are not tried again, nor is the removal.
	from moment
}

var createCall = moment{"NPS POST ActivitySession", 1}

// courses are a session that is asked for and ended, and the two ends of a request that gets no answer.
var courses = []course{
	{name: "answered"},
	{name: "made without an answer", from: createCall, switches: simnps.CreateSwitches{CreatesLost: 1}},
	{name: "lost on its way", from: createCall, faults: []fault.Rule{{
		Name: "lost", Method: http.MethodPost, Path: "ActivitySession$", Drop: fault.DropBefore, Times: 1,
	}}},
}

// point is a place in a course, and what happens there.
type point struct {
	course course
	moment moment
	way    way
}

func (p point) String() string {
	return strings.ReplaceAll(fmt.Sprintf("%s/%s/%s", p.course.name, p.moment, p.way.name), " ", "_")
}

// TestOneSessionWhateverFails kills the manager, and cuts its connection, at each request that it sends to the server
// and at each write to the API server, from the sign-in to the end of a session: before it is acted on, and after.
// Which requests these are is recorded first. Whatever happens, there is exactly one session, with its Secret, and
// after the deletion none. A point can be tried alone: -run 'TestOneSessionWhateverFails/answered/POST/cut_after'.
func TestOneSessionWhateverFails(t *testing.T) {
	c := theCluster(t)
	beds := make([]*sessionBed, 0, sessionBeds)
	for range sessionBeds {
		beds = append(beds, newSessionBed(t, c, shortWindow))
	}
	var points []point
	for _, course := range courses {
		for _, moment := range beds[0].record(t, course) {
			for _, way := range ways {
				points = append(points, point{course, moment, way})
			}
		}
	}
	report := newFaultReport()
	todo := make(chan point, len(points))
	for _, p := range points {
		todo <- p
	}
	close(todo)
	var workers sync.WaitGroup
	for _, bed := range beds {
		workers.Go(func() {
			for p := range todo {
				t.Run(p.String(), func(t *testing.T) { report.add(p, bed.try(t, p)) })
			}
		})
	}
	workers.Wait()
	report.tell(t, points)
}

// record follows a course that nothing disturbs, and returns its requests in their order.
func (b *sessionBed) record(t *testing.T, c course) []moment {
	t.Helper()
	s := b.newTrial(t, c)
	var (
		mu      sync.Mutex
		order   []moment
		removed int
	)
	counted := func(m moment) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, m)
	}
	s.nps.reset(nil, counted)
	b.api.reset(nil, counted)
	s.connect()
	s.ask()
	s.active()
	mu.Lock()
	removed = len(order)
	mu.Unlock()
	s.remove()
	s.nps.disarm()
	b.api.disarm()
	if from := slices.Index(order, c.from); from >= 0 {
		return order[from+1 : removed]
	}
	return order
}

// trialResult is what came of a point.
type trialResult struct {
	struck, failed bool
	asked          int // how often the server was asked for a session
	took           time.Duration
}

// try tries a point.
func (b *sessionBed) try(t *testing.T, p point) trialResult {
	t.Helper()
	s := b.newTrial(t, p.course)
	s.arm(p.moment, p.way.after, func() bool {
		if p.way.kill {
			b.kill(t)
		}
		return false
	})
	s.connect()
	s.ask()
	s.active()
	s.remove()
	if all := s.server.Sessions(); len(all) != 1 {
		t.Errorf("the server made %d sessions for one object: %+v", len(all), all)
	}
	calls, writes := s.nps.disarm(), b.api.disarm()
	struck := calls || writes
	if !struck && p.moment.nth == 1 && !p.moment.reads() {
		t.Errorf("there was no %s", p.moment)
	}
	return trialResult{struck, t.Failed(), s.nps.total(createCall.class), time.Since(s.begun)}
}
