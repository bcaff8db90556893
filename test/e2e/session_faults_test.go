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
	// sessionBeds is how many points are tried in parallel; a point is mostly waiting.
	sessionBeds = 8
	// fewestPoints is far below the actual number: a proof that tries fewer is broken.
	fewestPoints = 40
	// maxReadsDeleted is at how many of the identical reads the object is deleted.
	maxReadsDeleted = 2
	// shortWindow is the recovery window in this test.
	shortWindow = "--session-recovery-window=2s"
)

// way is what happens to a request: whether the server acts on it, what keeps the manager from its response, and
// whether the object is deleted meanwhile.
type way struct {
	name                 string
	after, kill, deleted bool
}

var (
	ways = []way{
		{name: "kill_before", kill: true}, {name: "kill_after", after: true, kill: true},
		{name: "cut_before"}, {name: "cut_after", after: true},
	}
	waysOfDeletion = []way{
		{name: "kill_before_and_delete", kill: true, deleted: true},
		{name: "kill_after_and_delete", after: true, kill: true, deleted: true},
		{name: "cut_after_and_delete", after: true, deleted: true},
	}
)

// course is how a session may come about. Its requests are struck one after the other.
type course struct {
	name     string
	switches simnps.CreateSwitches
	faults   []fault.Rule
	// from is the request up to which it equals earlier courses; those requests are not tried again, nor is the removal.
	from moment
}

var createCall = moment{"NPS POST ActivitySession", 1}

// courses are a session that is requested and ended, and the two outcomes of an unanswered request.
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
// and at each write to the API server, from the sign-in to the end of a session: before it takes effect, and after. The
// requests are recorded first. In every case there is exactly one session, with its Secret, and none after the
// deletion. To try a single point: -run 'TestOneSessionWhateverFails/answered/POST/cut_after'.
func TestOneSessionWhateverFails(t *testing.T) {
	t.Parallel() // mostly waiting
	c := theCluster(t)
	beds := make([]*sessionBed, 0, sessionBeds)
	for range sessionBeds {
		bed := newSessionBed(t, c)
		bed.manager.arguments = []string{shortWindow}
		bed.manager.start(t)
		beds = append(beds, bed)
	}
	var points []point
	for _, course := range courses {
		points = append(points, beds[0].points(t, course)...)
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

// points are the points of a course. Those of deletion are where a session is requested, and until it can be used.
func (b *sessionBed) points(t *testing.T, c course) []point {
	t.Helper()
	r := b.record(t, c)
	from, to := 0, len(r.requests)
	if c.from != (moment{}) {
		from, to = slices.Index(r.requests, c.from)+1, r.removed
	}
	var points []point
	for i, m := range r.requests[from:to] {
		all := slices.Clone(ways)
		// A deletion makes no difference at repetitions of a search.
		if at := from + i; at >= r.asked && at < r.removed && (!m.reads() || m.nth <= maxReadsDeleted) {
			all = append(all, waysOfDeletion...)
		}
		for _, way := range all {
			points = append(points, point{c, m, way})
		}
	}
	return points
}

// recorded are the requests of a course in order, and how many there were when the object was created and deleted.
type recorded struct {
	requests       []moment
	asked, removed int
}

// record follows an undisturbed course.
func (b *sessionBed) record(t *testing.T, c course) recorded {
	t.Helper()
	s := b.newTrial(t, c)
	var (
		mu sync.Mutex
		r  recorded
	)
	counted := func(m moment) {
		mu.Lock()
		defer mu.Unlock()
		r.requests = append(r.requests, m)
	}
	note := func(count *int) {
		mu.Lock()
		defer mu.Unlock()
		*count = len(r.requests)
	}
	s.nps.reset(nil, counted)
	b.api.reset(nil, counted)
	s.connect()
	note(&r.asked)
	s.ask()
	s.active()
	note(&r.removed)
	s.remove()
	s.nps.disarm()
	b.api.disarm()
	mu.Lock()
	defer mu.Unlock()
	return r
}

// trialResult is the outcome of a point.
type trialResult struct {
	struck, failed bool
	asked          int // how often a session was requested from the server
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
		if p.way.deleted {
			s.delete()
		}
		return false
	})
	s.connect()
	s.ask()
	if p.way.deleted {
		s.goneOrReady()
	} else {
		s.active()
	}
	s.remove()
	if all := s.server.Sessions(); len(all) > 1 || len(all) == 0 && !p.way.deleted {
		t.Errorf("the server created %d sessions for one object: %+v", len(all), all)
	}
	calls, writes := s.nps.disarm(), b.api.disarm()
	struck := calls || writes
	if !struck && p.moment.nth == 1 && !p.moment.reads() {
		t.Errorf("there was no %s", p.moment)
	}
	return trialResult{struck, t.Failed(), s.nps.total(createCall.class), time.Since(s.begun)}
}
