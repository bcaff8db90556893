// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// TestNPSEndInEveryState ends sessions in every state, with every way in which the server may report that it is too
// late.
func TestNPSEndInEveryState(t *testing.T) {
	outcomes := map[simnps.Status]nps.Status{
		simnps.ApprovalRequired: nps.StatusCancelled, simnps.Pending: nps.StatusComplete, simnps.Active: nps.StatusComplete,
		simnps.Complete: nps.StatusComplete, simnps.Failed: nps.StatusFailed, simnps.Cancelled: nps.StatusCancelled,
		simnps.ApprovalDenied: nps.StatusApprovalDenied, simnps.ApprovalFailed: nps.StatusApprovalFailed,
		simnps.Cancelling: nps.StatusCancelling, // which lasts until something else is done
	}
	for _, answer := range []int{202, 404, 400, 409, 500} {
		t.Run(http.StatusText(answer), func(t *testing.T) {
			onSimulatedNPS(t, needsFaults, func(s *server) {
				s.set(func(sw *simnps.Switches) { sw.DeleteEndedStatus = answer })
				for state, want := range outcomes {
					id := s.create(s.ordinary()).ID
					s.must(s.sim.SetStatus(id, state))
					s.clock.Step(time.Second)
					for range 2 {
						if err := s.client.End(s.Context(), id); err != nil {
							s.Errorf("%s: %v", state, err)
						}
					}
					s.clock.Step(time.Second)
					s.wantStatus(id, want)
				}
			})
		})
	}
}

func TestNPSEndIsAsynchronous(t *testing.T) {
	onSimulatedNPS(t, notReal, func(s *server) {
		mine, theirs := s.active(s.ordinary()), s.active(s.ordinary())
		s.must(s.client.End(s.Context(), mine.ID))
		s.must(s.connect(as(admin())).End(s.Context(), theirs.ID))
		s.wantStatus(mine.ID, nps.StatusCancelling)
		s.clock.Step(provisioning)
		s.wantStatus(mine.ID, nps.StatusComplete)
		if got := s.wantStatus(theirs.ID, nps.StatusCancelled); got.CancelledBy == "" {
			s.Error("the session was not ended")
		}
		s.must(s.client.End(s.Context(), "11111111-2222-3333-4444-555555555555"))
	})
}

func TestNPSTroubleAtTheEnd(t *testing.T) {
	onSimulatedNPS(t, needsFaults, func(s *server) {
		for trouble, rule := range troubles() {
			session := s.active(s.ordinary())
			rule.Name, rule.Method = "trouble", http.MethodDelete
			s.fail(rule)
			err := s.client.End(s.Context(), session.ID)
			s.sim.Faults().Clear()
			if isFinal(err) {
				s.Errorf("%s: %v is treated as final", trouble, err)
			}
			if ended := s.get(session.ID).Status != nps.StatusActive; err == nil && !ended {
				s.Errorf("%s: the end is reported, and the session is active", trouble)
			}
			s.must(s.client.End(s.Context(), session.ID))
		}
	})
}

func TestNPSExtension(t *testing.T) {
	onSimulatedNPS(t, needsCatalogue, func(s *server) {
		session := s.active(s.ordinary())
		if !session.AllowExtension || session.ExtensionCount != 2 || session.ExtensionMinutes != 30 {
			s.Fatalf("extension allowed: %t, %d times %d minutes", session.AllowExtension, session.ExtensionCount,
				session.ExtensionMinutes)
		}
		end := session.ScheduledEnd.Time
		for _, minutes := range []int{10, 30} {
			end = end.Add(time.Duration(minutes) * time.Minute)
			s.wantEnd(session.ID, minutes, end)
		}
		_, err := s.client.Extend(s.Context(), session.ID, 10)
		s.want("final", isFinal, err) // as often as allowed
		if got := s.get(session.ID); !got.ScheduledEnd.Equal(end) {
			s.Errorf("end %s, want %s", got.ScheduledEnd, end)
		}
		s.clock.Step(end.Add(-time.Second).Sub(s.clock.Now()))
		s.wantStatus(session.ID, nps.StatusActive) // it had an effect
	})
}

// wantEnd extends a session and compares its end.
func (s *server) wantEnd(id string, minutes int, want time.Time) {
	s.Helper()
	got, err := s.client.Extend(s.Context(), id, minutes)
	s.must(err)
	if !got.ScheduledEnd.Equal(want) || got.ID != id {
		s.Errorf("end of session %s at %s, want %s at %s", got.ID, got.ScheduledEnd, id, want)
	}
}

func TestNPSExtensionsThatAreRefused(t *testing.T) {
	const emergency = "Linux break-glass"
	tests := map[string]struct {
		request nps.CreateRequest
		sim     func(*simnps.Switches)
		reach   func(s *server, id string)
	}{
		"the profile forbids it": {request: ask(emergency, linuxHost)},
		"it is too early": {
			request: ask(linuxRoot, linuxHost), sim: func(sw *simnps.Switches) { sw.ExtendOnlyNearEnd = true },
		},
		"it is over": {
			request: ask(linuxRoot, linuxHost), reach: func(s *server, _ string) { s.clock.Step(20 * time.Hour) },
		},
		"it waits for an approval": {
			request: ask(linuxRoot, linuxHost),
			reach:   func(s *server, id string) { s.must(s.sim.SetStatus(id, simnps.ApprovalRequired)) },
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			onSimulatedNPS(t, needsCatalogue, func(s *server) {
				if tc.sim != nil {
					s.set(tc.sim)
				}
				session := s.active(tc.request)
				if tc.reach != nil {
					tc.reach(s, session.ID)
				}
				_, err := s.client.Extend(s.Context(), session.ID, 30)
				s.want("final", isFinal, err)
				s.set(func(sw *simnps.Switches) { sw.ExtendRefusedStatus = http.StatusInternalServerError })
				_, err = s.client.Extend(s.Context(), session.ID, 30)
				if answer := rest.As(err); answer == nil || answer.Status != http.StatusInternalServerError {
					s.Errorf("error %v, want a 500", err)
				}
				if got := s.get(session.ID); !got.ScheduledEnd.Equal(session.ScheduledEnd.Time) {
					s.Errorf("the end moved from %s to %s", session.ScheduledEnd, got.ScheduledEnd)
				}
			})
		})
	}
}

func TestNPSExtensionsThatTheServerTakesItsOwnWay(t *testing.T) {
	onSimulatedNPS(t, needsSwitches, func(s *server) {
		session := s.active(s.ordinary())
		end := session.ScheduledEnd.Time
		s.set(func(sw *simnps.Switches) { sw.ExtendIgnored = true })
		s.wantEnd(session.ID, 30, end) // answered as a success

		s.set(func(sw *simnps.Switches) { sw.ExtendIgnored, sw.ExtensionCountFalls = false, true })
		end = end.Add(30 * time.Minute)
		s.wantEnd(session.ID, 600, end) // cut to the profile's maximum
		if got := s.get(session.ID).ExtensionCount; got != 1 {
			s.Errorf("%d extensions are left, want 1", got)
		}

		_, err := s.client.Extend(s.Context(), session.ID, 0)
		if invalid, _ := errors.AsType[*nps.InvalidRequestError](err); invalid == nil {
			s.Errorf("error %v, want one that nothing was sent for", err)
		}
		if got := s.sim.Stats().Extends; got != 2 {
			s.Errorf("%d extensions, want 2", got)
		}
	})
}

func TestNPSTroubleAtAnExtension(t *testing.T) {
	onSimulatedNPS(t, needsFaults, func(s *server) {
		for trouble, rule := range troubles() {
			session := s.active(s.ordinary())
			rule.Name, rule.Path = "trouble", "/Extend$"
			s.fail(rule)
			_, err := s.client.Extend(s.Context(), session.ID, 30)
			s.sim.Faults().Clear()
			s.want("of unknown outcome: "+trouble, rest.IsOutcomeUnknown, err)
		}
	})
}
