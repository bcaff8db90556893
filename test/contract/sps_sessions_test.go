// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
)

const needsSessions = "needs a connected user"

// wantSessions compares the live sessions of a policy ("" for all) with ids, in any order.
func (a *appliance) wantSessions(policy string, want []string) {
	a.Helper()
	sessions, err := a.client.ActiveSessions(a.Context(), policy)
	a.must(err)
	got := make([]string, 0, len(sessions))
	for _, session := range sessions {
		got = append(got, session.SessionID)
	}
	want = slices.Clone(want)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		a.Errorf("live sessions of %q (-want +got):\n%s", policy, diff)
	}
}

func TestSPSLiveSessionsCanBeSearched(t *testing.T) {
	onEverySPS(t, func(a *appliance) {
		for _, policy := range []string{"", "12932832285a830b4d2f5d7", "-20200"} {
			_, err := a.client.ActiveSessions(a.Context(), policy)
			a.must(err)
		}
		err := a.client.Terminate(a.Context(), "svc/"+uniqueName("nobody")+"/x:1")
		a.want("not found", rest.IsNotFound, err)
	})
}

func TestSPSLiveSessions(t *testing.T) {
	const perPage = 500
	onSimulatedSPS(t, needsSessions, func(a *appliance) {
		mine := a.create(sps.RDPConnections, a.policy(uniqueName("mine"), sps.RDPConnection{}))
		theirs := a.create(sps.RDPConnections, a.policy(uniqueName("theirs"), sps.RDPConnection{}))
		sessions := map[string][]string{mine: {}, theirs: {}}
		for i := range 2*perPage + 2 { // three pages of all, two of each policy
			policy := []string{mine, theirs}[i%2]
			started := a.sim.StartSession(simsps.AuditSession{ConnectionPolicyID: policy})
			sessions[policy] = append(sessions[policy], started.ID)
		}
		ended := a.sim.StartSession(simsps.AuditSession{ConnectionPolicyID: mine})
		a.sim.EndSession(ended.ID)
		a.wantSessions("", slices.Concat(sessions[mine], sessions[theirs]))
		a.wantSessions(mine, sessions[mine])
		a.wantSessions("nothing", []string{})

		// An appliance that cannot search by policy.
		a.fail(fault.Rule{
			Name: "narrow", Path: "connection_policy_id", Status: 400, Body: `{"error":{"type":"InvalidQuery","message":"no"}}`,
		})
		a.wantSessions(theirs, sessions[theirs])
	})
}

func TestSPSWhatASessionTells(t *testing.T) {
	onSimulatedSPS(t, needsSessions, func(a *appliance) {
		started := a.sim.StartSession(simsps.AuditSession{ConnectionPolicyID: "-1", GatewayUser: "alice"})
		got, err := a.client.ActiveSessions(a.Context(), "-1")
		a.must(err)
		want := []sps.ActiveSession{{
			SessionID: started.ID, PolicyID: "-1", User: "alice", Start: started.Start.Truncate(time.Second),
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			a.Errorf("sessions (-want +got):\n%s", diff)
		}
	})
}

// TestSPSASessionWithOneServerUser has an appliance that shows user.server_username as text instead of a list
// (docs/vendors/sps.md 8).
func TestSPSASessionWithOneServerUser(t *testing.T) {
	onSimulatedSPS(t, needsSessions, func(a *appliance) {
		a.set(func(s *simsps.Switches) { s.ServerUsernameText = true })
		started := a.sim.StartSession(simsps.AuditSession{})
		a.wantSessions("", []string{started.ID})
	})
}

func TestSPSTermination(t *testing.T) {
	onSimulatedSPS(t, needsSessions, func(a *appliance) {
		one := a.sim.StartSession(simsps.AuditSession{ID: "svc/rUhhQZ3jYsY1NDWYp9DEpq/a b&c=d+e:29"})
		other := a.sim.StartSession(simsps.AuditSession{})
		err := a.client.Terminate(a.Context(), one.ID)
		if a.version == "6.0" { // too old
			a.want("not found", rest.IsNotFound, err)
			return
		}
		a.must(err)
		a.wantSessions("", []string{other.ID})
		a.set(func(s *simsps.Switches) { s.SearchLag = true })
		a.wantSessions("", []string{one.ID, other.ID})
		a.want("not found", rest.IsNotFound, a.client.Terminate(a.Context(), one.ID))
		a.wantFree() // no transaction is involved
		if got := a.sim.Stats().TransactionsOpened; got != 0 {
			a.Errorf("%d transactions, want 0", got)
		}
	})
}

func TestSPSTerminationThatFails(t *testing.T) {
	onSimulatedSPS(t, needsSwitches, func(a *appliance) {
		if a.version == "6.0" {
			a.Skip("cannot end sessions")
		}
		session := a.sim.StartSession(simsps.AuditSession{})
		for _, kind := range []string{
			"SessionTerminationFailed", "RemoteNodeInfoMissing", "SessionTerminationServiceUnavailable", "MinionUnavailable",
		} {
			a.set(func(s *simsps.Switches) { s.ActiveSessionsError = kind })
			err := a.client.Terminate(a.Context(), session.ID)
			answer := rest.As(err)
			if answer == nil || answer.Code != kind || sps.IsRefused(err) || rest.IsNotFound(err) {
				a.Errorf("error %v, want %s", err, kind)
			}
		}
	})
}
