// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
)

// searched is the last list of the first search for the session of an unanswered request.
var searched = moment{"NPS GET ActivitySession.MySummaryByStatus.Historical", 1}

// TestOneSessionWhenTheServerIsLate has a server that acts on a request after its client has given up.
func TestOneSessionWhenTheServerIsLate(t *testing.T) {
	t.Parallel() // mostly waiting
	c := theCluster(t)
	tests := map[string]struct {
		arguments []string // of the manager
		patient   bool     // the server keeps the connection until the client gives up
		run       func(s *lateTrial)
		asked     int
		sessions  int
	}{
		"during the first search": {
			arguments: []string{shortWindow}, asked: 1, sessions: 1,
			run: func(s *lateTrial) {
				s.actAt(searched)
				s.ask()
				s.active()
				s.remove()
			},
		},
		"during the first search, after the client's time-out": { // with the default window
			patient: true, asked: 1, sessions: 1,
			run: func(s *lateTrial) {
				s.actAt(searched)
				s.ask()
				s.active()
				s.remove()
			},
		},
		"after the request was sent again": {
			arguments: []string{shortWindow}, asked: 2, sessions: 2,
			run: func(s *lateTrial) {
				s.ask()
				session := s.active()
				s.act()
				s.eventually(func(g Gomega) { g.Expect(s.live()).To(ConsistOf(session.Status.SessionID)) })
				s.active()
				s.remove()
			},
		},
		"after the deletion began": {
			arguments: []string{shortWindow}, asked: 1, sessions: 1,
			run: func(s *lateTrial) {
				s.actAt(searched)
				s.onArrival = s.delete
				s.ask()
				s.eventually(func(g Gomega) { s.gone(g, s.object()) })
				s.expectNothingLives()
			},
		},
	}
	var running sync.WaitGroup
	for name, tt := range tests {
		running.Go(func() {
			t.Run(name, func(t *testing.T) {
				s := newLateTrial(t, c, tt.patient, tt.arguments...)
				tt.run(s)
				if asked := s.nps.total(createCall.class); asked != tt.asked {
					t.Errorf("the server received %d requests, want %d", asked, tt.asked)
				}
				if all := s.server.Sessions(); len(all) != tt.sessions {
					t.Errorf("the server created %d sessions, want %d: %+v", len(all), tt.sessions, all)
				}
				s.bed.manager.stop(t)
			})
		})
	}
	running.Wait()
}

// lateTrial is a trial whose server holds back the first request for a session.
type lateTrial struct {
	*sessionTrial

	api     http.Handler
	patient bool
	// onArrival is called when the request has arrived.
	onArrival func()

	mu     sync.Mutex
	first  *http.Request
	action sync.Once
}

func newLateTrial(t *testing.T, c *cluster, patient bool, arguments ...string) *lateTrial {
	t.Helper()
	bed := newSessionBed(t, c)
	bed.manager.arguments = arguments
	bed.manager.start(t)
	s := &lateTrial{sessionTrial: bed.newTrial(t, courses[0]), patient: patient, onArrival: func() {}}
	s.api, s.nps.server = s.nps.server, http.HandlerFunc(s.serve)
	s.connect()
	return s
}

func (s *lateTrial) serve(w http.ResponseWriter, r *http.Request) {
	if npsClass(r) != createCall.class || !s.leave(r) {
		s.api.ServeHTTP(w, r)
		return
	}
	s.onArrival()
	if s.patient {
		<-r.Context().Done()
	}
	panic(http.ErrAbortHandler)
}

// leave holds the first request back for later.
func (s *lateTrial) leave(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first != nil {
		return false
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.Error(err)
	}
	s.first = r.Clone(context.WithoutCancel(r.Context()))
	s.first.Body = io.NopCloser(bytes.NewReader(body))
	return true
}

// act makes the server act on the request that it held back.
func (s *lateTrial) act() {
	s.action.Do(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		answer := httptest.NewRecorder()
		s.api.ServeHTTP(answer, s.first)
		if answer.Code != http.StatusCreated {
			s.Errorf("the server answered the late request with %d", answer.Code)
		}
	})
}

// actAt makes the server act when another request arrives.
func (s *lateTrial) actAt(at moment) {
	s.nps.reset(nil, func(m moment) {
		if m == at {
			s.act()
		}
	})
}
