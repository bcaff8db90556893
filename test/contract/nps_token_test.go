// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// tokenLife is how long the simulator's tokens live.
const tokenLife = 15 * time.Minute

func TestNPSTokenIsRenewed(t *testing.T) {
	kinds := map[string]func(*nps.Config){
		"an application": func(*nps.Config) {}, "a user": as(totpUser()),
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			onSimulatedNPS(t, notReal, func(s *server) {
				client := s.connect(kind)
				for range 10 { // an hour and a half with one log-in
					_, err := client.Version(s.Context())
					s.must(err)
					if left := client.TokenExpiresAt().Sub(s.clock.Now()); left <= 0 || left > tokenLife {
						s.Errorf("the token ends in %s", left)
					}
					s.clock.Step(9 * time.Minute)
				}
				got := s.sim.Stats()
				if got.SecondFactors+got.AppTokens != 1 || got.Renewals != 9 {
					s.Errorf("%d log-ins and %d renewals, want 1 and 9", got.SecondFactors+got.AppTokens, got.Renewals)
				}
				s.wantCleanLogIn()
			})
		})
	}
}

func TestNPSTokenThatCannotBeRenewed(t *testing.T) {
	onSimulatedNPS(t, notReal, func(s *server) {
		s.set(func(sw *simnps.Switches) { sw.RenewalRefused = true })
		client := s.connect(as(totpUser()))
		for range 4 {
			_, err := client.Version(s.Context())
			s.must(err)
			s.clock.Step(9 * time.Minute)
		}
		if got := s.sim.Stats().SecondFactors; got != 4 {
			s.Errorf("%d log-ins, want 4", got)
		}
		s.wantCleanLogIn()
	})
}

func TestNPSTokenThatRanOut(t *testing.T) {
	onSimulatedNPS(t, notReal, func(s *server) {
		for _, sleep := range []time.Duration{0, tokenLife, time.Hour} {
			s.clock.Step(sleep)
			_, err := s.client.Version(s.Context())
			s.must(err)
		}
		if got := s.sim.Stats(); got.AppTokens != 3 || got.Renewals != 0 {
			s.Errorf("%d log-ins and %d renewals, want 3 and 0", got.AppTokens, got.Renewals)
		}
	})
}

// TestNPSTokenIsRevokedInTheMiddle: the call that meets the revocation is repeated once and takes effect once.
func TestNPSTokenIsRevokedInTheMiddle(t *testing.T) {
	onSimulatedNPS(t, notReal, func(s *server) {
		client := s.connect(as(totpUser()))
		created, err := client.Create(s.Context(), s.ordinary())
		s.must(err)
		calls := map[string]func() error{
			"get":    func() error { _, err := client.Get(s.Context(), created.ID); return err },
			"list":   func() error { _, err := client.ListMine(s.Context(), nps.FilterPending, ""); return err },
			"create": func() error { _, err := client.Create(s.Context(), s.ordinary()); return err },
			"end":    func() error { return client.End(s.Context(), created.ID) },
		}
		for name, call := range calls {
			s.sim.RevokeTokens()
			s.clock.Step(totpStep) // a code works once
			if err := call(); err != nil {
				s.Errorf("%s: %v", name, err)
			}
		}
		s.wantSessions(2)
		if got := s.sim.Stats(); got.SecondFactors != 1+len(calls) || got.Deletes != 1 {
			s.Errorf("%d log-ins and %d ends, want %d and 1", got.SecondFactors, got.Deletes, 1+len(calls))
		}
		s.wantCleanLogIn()
	})
}

// TestNPSEveryTokenIsRefused has a server that rejects the tokens it has just issued.
func TestNPSEveryTokenIsRefused(t *testing.T) {
	onSimulatedNPS(t, notReal, func(s *server) {
		s.fail(fault.Rule{Name: "401", Path: "^/api/v1/", Status: http.StatusUnauthorized})
		for range 20 {
			_, err := s.client.Create(s.Context(), s.ordinary())
			s.want("unauthorized", rest.IsUnauthorized, err)
			if rest.IsOutcomeUnknown(err) {
				s.Errorf("%v claims that a session may have been created", err)
			}
		}
		if got := s.sim.Stats().AppTokens; got > 2 {
			s.Errorf("%d log-ins, want at most 2", got)
		}
	})
}

func TestNPSTroubleAtTheRenewal(t *testing.T) {
	onSimulatedNPS(t, notReal, func(s *server) {
		_, err := s.client.Version(s.Context())
		s.must(err)
		s.clock.Step(9 * time.Minute)
		// The renewal fails, and the log-in after it is refused: the existing token still works.
		s.fail(fault.Rule{Name: "renewal", Path: "^/api/v1/UserToken$", Status: http.StatusInternalServerError})
		s.fail(fault.Rule{Name: "sign-in", Path: "^/WebAppApi/", Status: http.StatusForbidden})
		for range 3 {
			_, err = s.client.Version(s.Context())
			s.must(err)
		}
		s.sim.Faults().Clear()
		s.clock.Step(time.Minute)
		_, err = s.client.Version(s.Context())
		s.must(err)
		if got := s.sim.Stats().Renewals; got != 1 {
			s.Errorf("%d renewals, want 1", got)
		}
	})
}
