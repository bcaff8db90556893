// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

func TestNPSListsCanBeRead(t *testing.T) {
	onEveryNPS(t, func(s *server) {
		for _, filter := range filters() {
			found, err := s.client.ListMine(s.Context(), filter, uniqueName("nothing"))
			if err != nil || len(found) != 0 {
				s.Errorf("%s: %d sessions, error %v", filter, len(found), err)
			}
		}
	})
}

// filters are those that together cover every session of the caller, in the order of a session's life.
func filters() []nps.StatusFilter {
	return []nps.StatusFilter{
		nps.FilterApprovalRequired, nps.FilterPending, nps.FilterActive, nps.FilterCancelling, nps.FilterHistorical,
	}
}

// inOneList finds the only session with a note, in any of the lists.
func (s *server) inOneList(note string) nps.Summary {
	s.Helper()
	var found []nps.Summary
	for _, filter := range filters() {
		found = append(found, s.byNote(filter, note)...)
	}
	if len(found) != 1 {
		s.Fatalf("%d sessions have the note, want 1", len(found))
	}
	return found[0]
}

func TestNPSListsHaveEveryPage(t *testing.T) {
	const sessions = 250
	onSimulatedNPS(t, "would create too many sessions", func(s *server) {
		want := map[string]bool{}
		for i := range sessions {
			request := s.ordinary()
			request.Note = fmt.Sprintf("tag/%03d", i)
			want[s.create(request).ID] = true
		}
		calls := s.sim.Stats().Lists
		got := map[string]bool{}
		for _, summary := range s.byNote(nps.FilterPending, "") {
			got[summary.ID] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			s.Errorf("sessions (-want +got):\n%s", diff)
		}
		if pages := s.sim.Stats().Lists - calls; pages != 3 {
			s.Errorf("%d pages, want 3", pages)
		}
		if found := s.byNote(nps.FilterPending, "tag/017"); len(found) != 1 {
			s.Errorf("%d sessions have the note, want 1", len(found))
		}
		for _, filter := range filters() {
			if found := s.byNote(filter, ""); filter != nps.FilterPending && len(found) != 0 {
				s.Errorf("%s lists %d sessions, want none", filter, len(found))
			}
		}
	})
}

// TestNPSEveryStateIsInOneList walks a session through its life: in every state, exactly one list has it.
func TestNPSEveryStateIsInOneList(t *testing.T) {
	states := map[simnps.Status]nps.StatusFilter{
		simnps.ApprovalRequired: nps.FilterApprovalRequired, simnps.Pending: nps.FilterPending,
		simnps.Active: nps.FilterActive, simnps.Cancelling: nps.FilterCancelling, simnps.Complete: nps.FilterHistorical,
		simnps.Failed: nps.FilterHistorical, simnps.Cancelled: nps.FilterHistorical,
		simnps.ApprovalDenied: nps.FilterHistorical, simnps.ApprovalFailed: nps.FilterHistorical,
	}
	onSimulatedNPS(t, needsCatalogue, func(s *server) {
		for state, want := range states {
			request := s.ordinary()
			created := s.create(request)
			s.must(s.sim.SetStatus(created.ID, state))
			for _, filter := range filters() {
				found := s.byNote(filter, request.Note)
				if listed := len(found) == 1; listed != (filter == want) {
					s.Errorf("%s: listed as %s: %t", state, filter, listed)
				}
				for _, summary := range found {
					if summary.Status.String() != state.String() || summary.ID != created.ID {
						s.Errorf("summary %+v, want the state %s", summary, state)
					}
				}
			}
		}
	})
}

func TestNPSActiveListThatShowsMore(t *testing.T) {
	onSimulatedNPS(t, needsCatalogue, func(s *server) {
		s.set(func(sw *simnps.Switches) { sw.ActiveListsBoard = true })
		created := s.create(s.ordinary())
		found := s.byNote(nps.FilterActive, "")
		if len(found) != 1 || found[0].ID != created.ID || found[0].Status != nps.StatusPending {
			s.Errorf("found %+v, want the session as Pending", found)
		}
	})
}

func TestNPSSummaryAndSessionAgree(t *testing.T) {
	onEveryNPS(t, func(s *server) {
		request := s.ordinary()
		request.Ticket = "CHG-1"
		session := s.create(request)
		got := s.inOneList(request.Note)
		if s.isReal() {
			session = s.get(session.ID) // lists were read slightly later
		}
		want := nps.Summary{
			ID: session.ID, Status: session.Status, StatusDescription: session.StatusDescription,
			CreatedAt: session.CreatedAt, ScheduledStart: session.ScheduledStart, ScheduledEnd: session.ScheduledEnd,
			ActualStart: session.ActualStart, ActualEnd: session.ActualEnd,
			ActivityID: session.ActivityID, ActivityName: session.Activity.Name, ActivityType: session.Activity.Type,
			ManagedResourceID: session.ManagedResourceID, ManagedResourceName: session.ManagedResource.Name,
			AccessPolicyID: session.AccessPolicyID, PlatformID: session.ManagedResource.PlatformID,
			LoginAccountName: session.LoginAccountName, Note: session.Note, Ticket: session.Ticket,
			ManagedAccountID: s.client.AccountID(),
			AllowExtension:   session.AllowExtension, ExtensionCount: session.ExtensionCount,
			ExtensionMinutes: session.ExtensionMinutes,
		}
		if s.isReal() { // it may have changed state meanwhile
			got.Status, got.StatusDescription, got.ActualStart = want.Status, want.StatusDescription, want.ActualStart
		}
		if diff := cmp.Diff(want, got); diff != "" {
			s.Errorf("summary (-session +summary):\n%s", diff)
		}
	})
}

func TestNPSListsThatLagBehind(t *testing.T) {
	onSimulatedNPS(t, needsFaults, func(s *server) {
		s.set(func(sw *simnps.Switches) { sw.ListLagCalls = 2 })
		request := s.ordinary()
		created := s.create(request)
		s.wantStatus(created.ID, nps.StatusPending) // by ID it can be read at once
		for call, want := range []int{0, 0, 1} {
			if found := s.byNote(nps.FilterPending, request.Note); len(found) != want {
				s.Errorf("list %d has %d sessions, want %d", call, len(found), want)
			}
		}
		s.set(func(sw *simnps.Switches) { sw.ListLagCalls, sw.ListLag = 0, simnps.Duration(time.Minute) })
		s.clock.Step(time.Minute)
		if found := s.byNote(nps.FilterPending, request.Note); len(found) != 1 {
			s.Errorf("a list of a minute ago has %d sessions, want 1", len(found))
		}
		s.wantStatus(created.ID, nps.StatusActive)
	})
}

func TestNPSListsThatFail(t *testing.T) {
	onSimulatedNPS(t, needsFaults, func(s *server) {
		s.create(s.ordinary())
		for _, status := range []int{http.StatusForbidden, http.StatusInternalServerError} {
			s.set(func(sw *simnps.Switches) { sw.ListRefusedStatus = status })
			found, err := s.client.ListMine(s.Context(), nps.FilterPending, "")
			if answer := rest.As(err); answer == nil || answer.Status != status {
				s.Errorf("%d sessions, error %v, want %d: a list that fails is not empty", len(found), err, status)
			}
		}
		s.set(func(sw *simnps.Switches) { sw.ListRefusedStatus, sw.NullData = 0, true })
		if found := s.byNote(nps.FilterHistorical, ""); len(found) != 0 {
			s.Errorf("%d sessions, want none", len(found))
		}
		for trouble, rule := range troubles() {
			rule.Name, rule.Path = "trouble", "MySummaryByStatus"
			s.fail(rule)
			found, err := s.client.ListMine(s.Context(), nps.FilterPending, "")
			if err == nil || isFinal(err) {
				s.Errorf("%s: %d sessions, error %v, want one that passes", trouble, len(found), err)
			}
			s.sim.Faults().Clear()
		}
	})
}

func TestNPSNotesThatAreCutOrDropped(t *testing.T) {
	onSimulatedNPS(t, needsFaults, func(s *server) {
		for _, change := range []func(*simnps.Switches){
			func(sw *simnps.Switches) { sw.NotesDropped = true },
			func(sw *simnps.Switches) { sw.NotesDropped, sw.NoteMaxLength = false, 4 },
		} {
			s.set(change)
			request := s.ordinary()
			created := s.create(request)
			if created.Note == request.Note {
				s.Errorf("note %q", created.Note) // so the caller knows that the note will not find it
			}
			if found := s.byNote(nps.FilterPending, request.Note); len(found) != 0 {
				s.Errorf("%d sessions have the note, want none", len(found))
			}
		}
	})
}

// TestNPSSummaryIsShortForTheSession compares the two forms of the same session in every state.
func TestNPSSummaryIsShortForTheSession(t *testing.T) {
	onSimulatedNPS(t, needsCatalogue, func(s *server) {
		for _, state := range []simnps.Status{simnps.ApprovalRequired, simnps.Pending, simnps.Active, simnps.Complete} {
			request := s.ordinary()
			created := s.create(request)
			s.must(s.sim.SetStatus(created.ID, state))
			full, err := s.client.Get(s.Context(), created.ID)
			s.must(err)
			short := s.inOneList(request.Note).Session()
			if short.PlatformID() != full.PlatformID() || short.Activity.Type != full.Activity.Type {
				s.Errorf("%s: platform %q and type %q, want %q and %q", state,
					short.PlatformID(), short.Activity.Type, full.PlatformID(), full.Activity.Type)
			}
			// What a summary lacks, or has less of.
			full.Profile, full.CustomFields, full.CancelledBy = nil, nil, ""
			full.Activity, full.ManagedResource, full.CredentialID = nil, nil, ""
			short.Activity, short.ManagedResource = nil, nil
			if diff := cmp.Diff(full, short); diff != "" {
				s.Errorf("%s (-full +summary):\n%s", state, diff)
			}
		}
	})
}

func TestNPSListsFromAStartOn(t *testing.T) {
	onSimulatedNPS(t, needsCatalogue, func(s *server) {
		request := s.ordinary()
		created := s.create(request)
		s.must(s.sim.SetStatus(created.ID, simnps.Complete))
		for _, c := range []struct {
			from time.Duration
			want int
		}{{-time.Hour, 1}, {time.Hour, 0}} {
			found, err := s.client.SearchMine(s.Context(), nps.FilterHistorical, nps.Search{Since: time.Now().Add(c.from)},
				func(nps.Summary) bool { return true })
			if err != nil || len(found) != c.want {
				s.Errorf("from %s on: %d sessions, error %v, want %d", c.from, len(found), err, c.want)
			}
		}
	})
}
