// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// refusedRequest is a request for a session that the server does not accept.
type refusedRequest struct {
	request nps.CreateRequest
	sim     func(*simnps.Switches)
	status  int
	words   string // of the server; must reach users
}

// requestOn changes the default request.
func requestOn(change func(r *nps.CreateRequest)) nps.CreateRequest {
	request := ask(linuxRoot, linuxHost)
	change(&request)
	return request
}

func refusedRequests() map[string]refusedRequest {
	const guid = "11111111-2222-3333-4444-555555555555"
	return map[string]refusedRequest{
		"an unknown activity":   {ask("Make coffee", linuxHost), nil, 404, "The activity was not found."},
		"an unknown resource":   {ask(linuxRoot, "nowhere"), nil, 404, "The managed resource was not found."},
		"the display name":      {ask(linuxRoot, "payments database"), nil, 404, "The managed resource was not found."},
		"an unknown credential": {nps.CreateRequest{ActivityName: released, CredentialName: "x"}, nil, 404, "The credential"},
		"the id of nothing": {
			nps.CreateRequest{ActivityID: guid, ManagedResourceName: linuxHost}, nil, 404, "The activity was not found.",
		},
		"an id that is none": {
			nps.CreateRequest{ActivityID: "root", ManagedResourceName: linuxHost}, nil, 400, "System.Guid",
		},
		"no policy":      {ask(linuxRoot, windowsHost), nil, 400, "No policy allows this"},
		"another policy": {withPolicy(ask(linuxRoot, linuxHost), guid), nil, 400, "No policy allows this"},
		"no note":        {ask("Linux audit", linuxHost), nil, 400, "Notes are required."},
		"no ticket":      {ask("Linux patching", linuxHost), nil, 400, "A ticket number is required."},
		"a custom field that does not exist": {requestOn(func(r *nps.CreateRequest) {
			r.CustomFields = []nps.CustomField{{Type: nps.CustomFieldString, Name: "cost", Value: "1"}}
		}), nil, 400, "no custom field 'cost'"},
		"an end that is over": {
			requestOn(func(r *nps.CreateRequest) { r.End = time.Unix(0, 0) }), nil, 400, "would end before",
		},
		"an end beyond the maximum": {
			requestOn(func(r *nps.CreateRequest) { r.End = time.Now().Add(20 * time.Hour) }),
			func(sw *simnps.Switches) { sw.EndBeyondMaximumRefused = true }, 400, "maximum session length",
		},
		"an expired licence": {
			ask(linuxRoot, linuxHost), func(sw *simnps.Switches) { sw.LicenceExpired = true }, 403, "The licence has expired.",
		},
	}
}

func TestNPSRefusedRequests(t *testing.T) {
	for name, tc := range refusedRequests() {
		t.Run(name, func(t *testing.T) {
			onSimulatedNPS(t, needsCatalogue, func(s *server) {
				if tc.sim != nil {
					s.set(tc.sim)
				}
				_, err := s.client.Create(s.Context(), tc.request)
				s.wantRefused(err, tc.status, tc.words)
				s.wantSessions(0)
				if got := s.sim.Stats().AppTokens; got != 1 {
					s.Errorf("%d log-ins, want 1: the credentials are good", got)
				}
			})
		})
	}
}

func (s *server) wantRefused(err error, status int, words string) {
	s.Helper()
	s.want("final", isFinal, err)
	answer := rest.As(err)
	if answer.Status != status || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "traceId") {
		s.Errorf("error %v, want %d, %q and a trace id", err, status, words)
	}
}

func TestNPSRequestsThatAreNotSent(t *testing.T) {
	now := time.Now()
	tests := map[string]struct {
		change func(r *nps.CreateRequest)
		field  string
	}{
		"no activity":     {func(r *nps.CreateRequest) { r.ActivityName = "" }, "activityName"},
		"two activities":  {func(r *nps.CreateRequest) { r.ActivityID = "x" }, "activityId"},
		"nothing to open": {func(r *nps.CreateRequest) { r.ManagedResourceName = "" }, "managedResourceName"},
		"resource and credential": {
			func(r *nps.CreateRequest) { r.CredentialName = "x" }, "credentialName",
		},
		"a domain without a name": {func(r *nps.CreateRequest) { r.CredentialDomain = "x" }, "credentialDomain"},
		"ends before it starts": {
			func(r *nps.CreateRequest) { r.Start, r.End = now, now.Add(-time.Hour) }, "endDateTimeUtc",
		},
	}
	onSimulatedNPS(t, "nothing would be sent", func(s *server) {
		for name, tc := range tests {
			_, err := s.client.Create(s.Context(), requestOn(tc.change))
			invalid, _ := errors.AsType[*nps.InvalidRequestError](err)
			if invalid == nil || invalid.Field != tc.field {
				s.Errorf("%s: error %v, want one of %s", name, err, tc.field)
			}
		}
		if got := s.sim.Faults().Calls(); len(got) != 0 {
			s.Errorf("calls %v, want none", got)
		}
	})
}

func TestNPSSecondSessionOfTheSame(t *testing.T) {
	onSimulatedNPS(t, needsCatalogue, func(s *server) {
		first := s.create(s.ordinary())
		second := s.create(s.ordinary())
		if first.ID == second.ID {
			s.Errorf("the second request got the session of the first")
		}
		s.set(func(sw *simnps.Switches) { sw.DuplicatesRefused = true })
		_, err := s.client.Create(s.Context(), s.ordinary())
		s.wantRefused(err, http.StatusBadRequest, "exists already")
		s.wantSessions(2)
	})
}

// TestNPSWhatAProfileDemands has a policy of its own, because the default catalogue has no custom fields.
func TestNPSWhatAProfileDemands(t *testing.T) {
	policy := func(profile simnps.Profile) simnps.Options {
		profile.MaxSessionLength = time.Hour
		return simnps.Options{Policies: []simnps.Policy{{
			Name: "demanding", Activities: []string{linuxRoot}, Resources: []string{linuxHost}, Profile: profile,
		}}}
	}
	demands := []simnps.CustomField{
		{Name: "cost", Type: simnps.StringField, Required: true}, {Name: "hours", Type: simnps.IntegerField},
		{Name: "stage", Type: simnps.OptionsField, Options: []string{"test", "production"}},
	}
	field := func(name string, kind nps.CustomFieldType, value string) nps.CustomField {
		return nps.CustomField{Name: name, Type: kind, Value: value}
	}
	cost := field("cost", nps.CustomFieldString, "42")
	tests := map[string]struct {
		profile simnps.Profile
		fields  []nps.CustomField
		words   string // empty if accepted
	}{
		"all that is demanded": {simnps.Profile{CustomFields: demands}, []nps.CustomField{
			cost, field("hours", nps.CustomFieldInteger, "8"), field("stage", nps.CustomFieldOptions, "test"),
		}, ""},
		"a field is missing": {simnps.Profile{CustomFields: demands}, nil, "'cost' is required"},
		"a text too long": {simnps.Profile{CustomFields: demands}, []nps.CustomField{
			field("cost", nps.CustomFieldString, "thirteen letters"),
		}, "'cost' is not valid"},
		"no number": {simnps.Profile{CustomFields: demands}, []nps.CustomField{
			cost, field("hours", nps.CustomFieldInteger, "many"),
		}, "'hours' is not valid"},
		"no option": {simnps.Profile{CustomFields: demands}, []nps.CustomField{
			cost, field("stage", nps.CustomFieldOptions, "moon"),
		}, "'stage' is not valid"},
		"a policy that denies": {simnps.Profile{Approval: simnps.ApprovalDeny}, nil, "denies"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := simulatedNPS(t, policy(tc.profile))
			request := s.ordinary()
			request.CustomFields = tc.fields
			if tc.words == "" {
				s.create(request)
				return
			}
			_, err := s.client.Create(s.Context(), request)
			s.wantRefused(err, http.StatusBadRequest, tc.words)
			s.wantSessions(0)
		})
	}
}

// What a server offers tells which name of a request is wrong.
func TestNPSOffersTellWhichNameIsWrong(t *testing.T) {
	n := simulatedNPS(t, simnps.Options{})
	offers, complete, err := n.client.Activities(t.Context())
	if err != nil || !complete {
		t.Fatal(complete, err)
	}
	i := slices.IndexFunc(offers, func(o nps.Offer) bool { return slices.Contains(o.Names, linuxRoot) })
	if i < 0 || offers[i].ID == "" {
		t.Fatalf("%s is not among %v", linuxRoot, offers)
	}
	resources, complete, err := n.client.Resources(t.Context(), offers[i])
	if err != nil || !complete {
		t.Fatal(complete, err)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(resources, func(o nps.Offer) bool { return slices.Contains(o.Names, name) })
	}
	if !has(linuxHost) || has(windowsHost) {
		t.Errorf("%s is offered for %v", linuxRoot, resources)
	}
}
