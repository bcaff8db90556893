// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

func TestNPSLifeOfASession(t *testing.T) {
	onSimulatedNPS(t, notReal, func(s *server) {
		request := s.ordinary()
		request.Start, request.End = s.clock.Now().Add(time.Hour), s.clock.Now().Add(2*time.Hour)
		id := s.create(request).ID
		s.clock.Step(30 * time.Minute)
		s.wantStatus(id, nps.StatusPending) // scheduled
		s.clock.Step(30 * time.Minute)
		s.wantStatus(id, nps.StatusPending) // provisioned
		s.clock.Step(provisioning)
		active := s.wantStatus(id, nps.StatusActive)
		if active.ActualStart.IsZero() || !active.ActualEnd.IsZero() || active.LoginAccountName == "" {
			s.Errorf("active session %+v", active)
		}
		s.clock.Step(time.Hour - provisioning)
		s.wantStatus(id, nps.StatusCancelling)
		s.clock.Step(provisioning)
		over := s.wantStatus(id, nps.StatusComplete)
		if over.ActualEnd.IsZero() || over.CancelledBy != "" || !over.Status.Terminal() {
			s.Errorf("session that is over %+v", over)
		}
	})
}

func TestNPSApproval(t *testing.T) {
	tests := map[string]struct {
		sim  func(*simnps.Switches)
		do   func(s *server, id string) error
		want nps.Status
	}{
		"given":  {do: func(s *server, id string) error { return s.sim.Approve(id) }, want: nps.StatusActive},
		"denied": {do: func(s *server, id string) error { return s.sim.Deny(id) }, want: nps.StatusApprovalDenied},
		"withdrawn": {
			do: func(s *server, id string) error { return s.client.End(s.Context(), id) }, want: nps.StatusCancelled,
		},
		"not given": {
			do:   func(s *server, _ string) error { s.clock.Step(48 * time.Hour); return nil },
			want: nps.StatusApprovalRequired,
		},
		"not given in time": {
			sim:  func(sw *simnps.Switches) { sw.ApprovalExpires = true },
			do:   func(s *server, _ string) error { s.clock.Step(48 * time.Hour); return nil },
			want: nps.StatusApprovalFailed,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			onSimulatedNPS(t, needsCatalogue, func(s *server) {
				if tc.sim != nil {
					s.set(tc.sim)
				}
				created := s.create(ask(withWaiting, domainHost))
				s.clock.Step(time.Minute)
				s.wantStatus(created.ID, nps.StatusApprovalRequired)
				s.must(tc.do(s, created.ID))
				s.clock.Step(2 * provisioning)
				s.wantStatus(created.ID, tc.want)
			})
		})
	}
}

func TestNPSProvisioningThatFails(t *testing.T) {
	const why = "WinRM cannot be reached"
	onSimulatedNPS(t, needsFaults, func(s *server) {
		s.set(func(sw *simnps.Switches) { sw.ProvisioningError = why })
		created := s.create(s.ordinary())
		s.clock.Step(provisioning)
		failed := s.wantStatus(created.ID, nps.StatusFailed)
		if failed.StatusDescription != why {
			s.Errorf("description %q, want %q", failed.StatusDescription, why)
		}
		lines, err := s.client.Log(s.Context(), created.ID, nps.LogLevelError, 20)
		s.must(err)
		if len(lines) != 1 || lines[0].Message != why || lines[0].Level != nps.LogLevelError || lines[0].Time.IsZero() {
			s.Errorf("log %+v", lines)
		}
	})
}

func TestNPSLog(t *testing.T) {
	onEveryNPS(t, func(s *server) {
		session := s.active(s.ordinary())
		all, err := s.client.Log(s.Context(), session.ID, nps.LogLevelAny, 100)
		s.must(err)
		newestFirst := func(a, b nps.LogLine) int { return b.Number - a.Number }
		if len(all) < 2 || !slices.IsSortedFunc(all, newestFirst) {
			s.Fatalf("log %+v", all)
		}
		last, err := s.client.Log(s.Context(), session.ID, nps.LogLevelAny, 2)
		s.must(err)
		if s.isReal() {
			return // it continues
		}
		if diff := cmp.Diff(all[:2], last); diff != "" {
			s.Errorf("last two lines (-want +got):\n%s", diff)
		}
		for _, level := range []nps.LogLevel{nps.LogLevelDebug, nps.LogLevelInfo, nps.LogLevelWarn, nps.LogLevelError} {
			lines, err := s.client.Log(s.Context(), session.ID, level, 100)
			s.must(err)
			if has := slices.ContainsFunc(lines, func(l nps.LogLine) bool { return l.Level == nps.LogLevelDebug }); has !=
				(level == nps.LogLevelDebug) {
				s.Errorf("level %s has lines of level Debug: %t", level, has)
			}
		}
		_, err = s.client.Log(s.Context(), "11111111-2222-3333-4444-555555555555", nps.LogLevelAny, 2)
		s.want("not found", rest.IsNotFound, err)
	})
}

func TestNPSTaskAutomationEndsByItself(t *testing.T) {
	onSimulatedNPS(t, needsCatalogue, func(s *server) {
		session := s.active(ask("Nightly vacuum", linuxHost))
		if session.Activity.Type != nps.ActivityTaskAutomation {
			s.Errorf("activity %+v", session.Activity)
		}
		s.clock.Step(2 * provisioning)
		s.wantStatus(session.ID, nps.StatusComplete)
	})
}

// TestNPSEveryState reads all states, as numbers and as names, including one that no version has had so far.
func TestNPSEveryState(t *testing.T) {
	terminal := map[simnps.Status]bool{
		simnps.ApprovalRequired: false, simnps.Pending: false, simnps.Active: false, simnps.Cancelling: false,
		simnps.Complete: true, simnps.Failed: true, simnps.Cancelled: true, simnps.ApprovalDenied: true,
		simnps.ApprovalFailed: true,
	}
	onSimulatedNPS(t, needsSwitches, func(s *server) {
		for _, names := range []bool{false, true} {
			s.set(func(sw *simnps.Switches) { sw.StatusNames = names })
			for state, over := range terminal {
				id := s.create(s.ordinary()).ID
				s.must(s.sim.SetStatus(id, state))
				got := s.wantStatus(id, nps.Status(state.String()))
				if !got.Status.Known() || got.Status.Terminal() != over {
					s.Errorf("%s: known %t, terminal %t", got.Status, got.Status.Known(), got.Status.Terminal())
				}
			}
			for raw, text := range map[any]string{8: "8", -7: "-7", "Frozen": "Frozen", 1.5: "1.5", true: "true"} {
				id := s.create(s.ordinary()).ID
				s.must(s.sim.SetStatus(id, raw))
				got := s.wantStatus(id, nps.Status(text))
				if got.Status.Known() || got.Status.Terminal() {
					s.Errorf("%s: known %t, terminal %t", got.Status, got.Status.Known(), got.Status.Terminal())
				}
			}
		}
	})
}

func TestNPSSessionThatIsPurged(t *testing.T) {
	onSimulatedNPS(t, needsFaults, func(s *server) {
		created := s.create(s.ordinary())
		s.must(s.sim.Purge(created.ID))
		_, err := s.client.Get(s.Context(), created.ID)
		s.want("not found", rest.IsNotFound, err)
		s.must(s.client.End(s.Context(), created.ID)) // gone means ended
	})
}

func TestNPSSessionsOfOthers(t *testing.T) {
	onSimulatedNPS(t, needsCatalogue, func(s *server) {
		request := s.ordinary()
		created := s.create(request)
		other := s.connect(as(plainUser()))
		for status, is := range map[int]func(error) bool{403: rest.IsForbidden, 404: rest.IsNotFound} {
			s.set(func(sw *simnps.Switches) { sw.ForeignStatus = status })
			_, err := other.Get(s.Context(), created.ID)
			s.want("a refusal", is, err)
		}
		for _, filter := range filters() {
			found, err := other.ListMine(s.Context(), filter, request.Note)
			if err != nil || len(found) != 0 {
				s.Errorf("%s: %d sessions, error %v, want none", filter, len(found), err)
			}
		}
		got, err := s.connect(as(admin())).Get(s.Context(), created.ID)
		if err != nil || got.ID != created.ID {
			s.Errorf("for an administrator: session %q, error %v", got.ID, err)
		}
	})
}
