// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

func TestNPSCreateReadFindEnd(t *testing.T) {
	onEveryNPS(t, func(s *server) {
		request := s.ordinary()
		created := s.create(request)
		got := s.get(created.ID)
		if got.ID != created.ID || got.Note != request.Note || !got.Status.Known() || got.Status.Terminal() {
			s.Errorf("session %+v", got)
		}
		if got.Activity == nil || got.Activity.Name != request.ActivityName || got.AccessPolicyID == "" {
			s.Errorf("activity %+v, policy %q", got.Activity, got.AccessPolicyID)
		}
		if got.CreatedAt.IsZero() || !got.ScheduledEnd.After(got.ScheduledStart.Time) {
			s.Errorf("created %s, from %s to %s", got.CreatedAt, got.ScheduledStart, got.ScheduledEnd)
		}
		if found := s.inOneList(request.Note); found.ID != created.ID || found.Note != request.Note {
			s.Errorf("found by its note: %+v", found)
		}
		s.must(s.client.End(s.Context(), created.ID))
		s.must(s.client.End(s.Context(), created.ID)) // retryable
	})
}

func TestNPSWaysToNameWhatIsWanted(t *testing.T) {
	onSimulatedNPS(t, needsCatalogue, func(s *server) {
		byName := s.create(ask(linuxRoot, linuxHost))
		credential := s.create(nps.CreateRequest{ActivityName: released, CredentialName: "svc-backup"})
		tests := map[string]struct {
			request nps.CreateRequest
			like    nps.Session
		}{
			"ids": {
				nps.CreateRequest{ActivityID: byName.ActivityID, ManagedResourceID: byName.ManagedResourceID}, byName,
			},
			"an id and a name": {
				nps.CreateRequest{ActivityID: byName.ActivityID, ManagedResourceName: linuxHost}, byName,
			},
			"an address":                {ask(linuxRoot, "192.0.2.11"), byName},
			"names in other characters": {ask("LINUX ROOT", "DB1.payments.example.com"), byName},
			"the policy":                {withPolicy(ask(linuxRoot, linuxHost), byName.AccessPolicyID), byName},
			"a credential by id": {
				nps.CreateRequest{ActivityName: released, CredentialID: credential.CredentialID}, credential,
			},
			"a credential by its account": {
				nps.CreateRequest{ActivityName: released, CredentialUsername: "svc-backup", CredentialDomain: "LAB"}, credential,
			},
		}
		for name, tc := range tests {
			s.run(name, func(s *server) {
				got := s.create(tc.request)
				want := []string{
					tc.like.ActivityID, tc.like.ManagedResourceID, tc.like.CredentialID, tc.like.AccessPolicyID,
				}
				have := []string{got.ActivityID, got.ManagedResourceID, got.CredentialID, got.AccessPolicyID}
				if diff := cmp.Diff(want, have); diff != "" {
					s.Errorf("activity, resource, credential, policy (-want +got):\n%s", diff)
				}
			})
		}
		if credential.ManagedResource != nil || credential.CredentialID == "" {
			s.Errorf("resource %+v, credential %q", credential.ManagedResource, credential.CredentialID)
		}
	})
}

func withPolicy(request nps.CreateRequest, id string) nps.CreateRequest {
	request.AccessPolicyID = id
	return request
}

func TestNPSTimesOfASession(t *testing.T) {
	onSimulatedNPS(t, needsCatalogue, func(s *server) {
		now := s.clock.Now()
		tests := map[string]struct {
			start, end         time.Time
			wantStart, wantEnd time.Duration
		}{
			"from now, as long as allowed":    {wantEnd: 8 * time.Hour},
			"from now, shorter":               {end: now.Add(time.Hour), wantEnd: time.Hour},
			"from now, cut to what's allowed": {end: now.Add(48 * time.Hour), wantEnd: 8 * time.Hour},
			"later":                           {start: now.Add(time.Hour), wantStart: time.Hour, wantEnd: 9 * time.Hour},
			"later, shorter": {
				start: now.Add(time.Hour), end: now.Add(2 * time.Hour), wantStart: time.Hour, wantEnd: 2 * time.Hour,
			},
			"in the past is now": {start: now.Add(-time.Hour), end: now.Add(time.Hour), wantEnd: time.Hour},
		}
		for name, tc := range tests {
			request := s.ordinary()
			request.Start, request.End = tc.start, tc.end
			got := s.create(request)
			if !got.ScheduledStart.Equal(now.Add(tc.wantStart)) || !got.ScheduledEnd.Equal(now.Add(tc.wantEnd)) {
				s.Errorf("%s: from %s to %s", name, got.ScheduledStart.Sub(now), got.ScheduledEnd.Sub(now))
			}
			if got.Status != nps.StatusPending {
				s.Errorf("%s: the session is %s", name, got.Status)
			}
		}
	})
}

// TestNPSFormsOfTheAnswerToACreate covers the forms that the vendor leaves open.
func TestNPSFormsOfTheAnswerToACreate(t *testing.T) {
	forms := map[string]func(*simnps.Switches){
		"201":                          func(*simnps.Switches) {},
		"200":                          func(sw *simnps.Switches) { sw.CreatedStatus = http.StatusOK },
		"no body":                      func(sw *simnps.Switches) { sw.CreatedWithoutBody = true },
		"names of states":              func(sw *simnps.Switches) { sw.StatusNames = true },
		"no description":               func(sw *simnps.Switches) { sw.NullStatusDescription = true },
		"times without a zone":         func(sw *simnps.Switches) { sw.TimesWithoutZone = true },
		"custom fields as text":        func(sw *simnps.Switches) { sw.CustomFields = "String" },
		"custom fields as an object":   func(sw *simnps.Switches) { sw.CustomFields = "Object" },
		"custom fields that are null":  func(sw *simnps.Switches) { sw.CustomFields = "Null" },
		"a count of extensions":        func(sw *simnps.Switches) { sw.ExtensionCountFalls = true },
		"the wrong state in summaries": func(sw *simnps.Switches) { sw.SummaryStatusIsSessionStatus = true },
	}
	onSimulatedNPS(t, needsCatalogue, func(s *server) {
		plain := s.create(ask(linuxRoot, linuxHost))
		for name, form := range forms {
			s.run(name, func(s *server) {
				s.set(form)
				request := s.ordinary()
				created := s.create(request)
				got := s.get(created.ID)
				if got.Status != nps.StatusPending || !got.ScheduledEnd.Equal(plain.ScheduledEnd.Time) {
					s.Errorf("%s until %s, want %s until %s", got.Status, got.ScheduledEnd, plain.Status, plain.ScheduledEnd)
				}
				found := s.byNote(nps.FilterPending, request.Note)
				if len(found) != 1 || found[0].Status != nps.StatusPending ||
					!found[0].ScheduledEnd.Equal(plain.ScheduledEnd.Time) {
					s.Errorf("found %+v", found)
				}
			})
		}
	})
}

// TestNPSCreateWhoseAnswerIsLost shows that an unknown outcome is reported as such, and that the note finds the
// session.
func TestNPSCreateWhoseAnswerIsLost(t *testing.T) {
	rules := troubles()
	rules["429"] = fault.Rule{Status: http.StatusTooManyRequests}
	rules["408"] = fault.Rule{Status: http.StatusRequestTimeout}
	onSimulatedNPS(t, needsFaults, func(s *server) {
		_, err := s.client.Version(s.Context()) // signed in, on a connection that is reused
		s.must(err)
		for trouble, rule := range rules {
			request := s.ordinary()
			rule.Name, rule.Method, rule.Path = "trouble", http.MethodPost, "^/api/v1/ActivitySession$"
			s.fail(rule)
			_, err := s.client.Create(s.Context(), request)
			s.sim.Faults().Clear()
			s.want("of unknown outcome: "+trouble, rest.IsOutcomeUnknown, err)
			if isFinal(err) {
				s.Errorf("%s: %v is treated as final", trouble, err)
			}
			want := 0
			if rule.Drop == fault.DropAfter || rule.Drop == fault.DropHalf {
				want = 1
			}
			if found := s.byNote(nps.FilterPending, request.Note); len(found) != want {
				s.Errorf("%s: %d sessions have the note, want %d", trouble, len(found), want)
			}
		}
		s.wantSessions(2)
	})
}

func TestNPSCreateThatIsStoredAndAnsweredWithAnError(t *testing.T) {
	onSimulatedNPS(t, needsFaults, func(s *server) {
		s.set(func(sw *simnps.Switches) { sw.CreatesLost = 1 })
		request := s.ordinary()
		_, err := s.client.Create(s.Context(), request)
		s.want("of unknown outcome", rest.IsOutcomeUnknown, err)
		found := s.byNote(nps.FilterPending, request.Note)
		if len(found) != 1 {
			s.Fatalf("%d sessions have the note, want 1", len(found))
		}
		s.must(s.client.End(s.Context(), found[0].ID))
		s.wantSessions(1)
	})
}
