// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// load is what a platform and a team have asked for, by name.
type load struct {
	policies, sessions []string
	over               bool // the sessions are
}

// requestLoad applies this many policies and sessions at once.
func (s *scenario) requestLoad(prefix string, policies, sessions int) load {
	s.Helper()
	var out load
	var objects []client.Object
	for i := range policies {
		out.policies = append(out.policies, fmt.Sprintf("%s-%02d", prefix, i))
		objects = append(objects, s.policy(out.policies[i]))
	}
	for i := range sessions {
		out.sessions = append(out.sessions, fmt.Sprintf("%s-%02d", prefix, i))
		objects = append(objects, s.aSession(out.sessions[i]))
	}
	s.must(s.cluster.apply(s.Context(), objects...))
	return out
}

func (l load) with(other load) load {
	return load{
		policies: slices.Concat(l.policies, other.policies), sessions: slices.Concat(l.sessions, other.sessions),
	}
}

func (s *scenario) aSession(name string) *pamv1alpha1.ActivitySession {
	return builder.ActivitySession(name, builder.InNamespace(paymentsNamespace), builder.RequestedBy(s.user),
		builder.Connection(builder.DefaultNPSConnection, platformNamespace))
}

// awaitLoad waits until all policies are in sync, and all sessions active with their Secrets.
func (s *scenario) awaitLoad(l load) {
	s.Helper()
	s.eventually(func(g Gomega) {
		var policies pamv1alpha1.RDPConnectionPolicyList
		g.Expect(s.client.List(s.Context(), &policies, client.InNamespace(platformNamespace))).To(Succeed())
		g.Expect(policies.Items).To(HaveLen(len(l.policies)))
		for i := range policies.Items {
			ready := meta.FindStatusCondition(policies.Items[i].Status.Conditions, pamv1alpha1.ConditionReady)
			g.Expect(ready).NotTo(BeNil())
			g.Expect(ready.Reason).To(Equal(pamv1alpha1.ReasonSynced), "%s: %s", policies.Items[i].Name, ready.Message)
		}
		for _, name := range l.sessions {
			session := s.aSession(name)
			g.Expect(s.get(s.Context(), session)).To(Succeed())
			g.Expect(session.Status.Phase).To(Equal(pamv1alpha1.SessionActive), name)
			g.Expect(s.secretsOfSessions(g)).To(HaveKey(name))
		}
	})
}

// secretsOfSessions are the Secrets with connection data, as name and UID.
func (s *scenario) secretsOfSessions(g Gomega) map[string]string {
	var secrets corev1.SecretList
	g.Expect(s.client.List(s.Context(), &secrets, client.InNamespace(paymentsNamespace))).To(Succeed())
	out := map[string]string{}
	for i := range secrets.Items {
		if secrets.Items[i].Type == pamv1alpha1.SecretTypeConnection {
			out[secrets.Items[i].Name] = string(secrets.Items[i].UID)
		}
	}
	return out
}

// outside is what there is because of the objects: on the appliances, and in Secrets.
type outside struct {
	// Policies are the objects on the appliance, by key.
	Policies map[string]map[string]any
	// Sessions are those at the server and their states, by ID.
	Sessions map[string]string
	// Asked is how many sessions have ever been asked for.
	Asked int
	// Secrets are those of the sessions, as name and UID.
	Secrets map[string]string
}

// observe reads what there is, and fails the scenario if a policy or a session is there twice or missing.
func (s *scenario) observe(want load) outside {
	s.Helper()
	var policies []struct {
		Key  string
		Body map[string]any
	}
	s.request(http.MethodGet, "/sps/objects?collection=rdp/connections", nil, &policies)
	var sessions []struct{ ID, Status string }
	s.request(http.MethodGet, "/nps/sessions", nil, &sessions)
	var stats struct{ Creates int }
	s.request(http.MethodGet, "/nps/stats", nil, &stats)
	o := outside{
		Policies: map[string]map[string]any{}, Sessions: map[string]string{}, Asked: stats.Creates,
		Secrets: s.secretsOfSessions(NewWithT(s.T)),
	}
	var names []string
	for _, p := range policies {
		o.Policies[p.Key] = p.Body
		names = append(names, fmt.Sprint(p.Body["name"]))
	}
	for _, session := range sessions {
		o.Sessions[session.ID] = session.Status
	}
	slices.Sort(names)
	if diff := cmp.Diff(slices.Sorted(slices.Values(want.policies)), names); diff != "" {
		s.Errorf("policies on the appliance: -want +got\n%s", diff)
	}
	if o.Asked != len(want.sessions) || len(o.Sessions) != len(want.sessions) {
		s.Errorf("%d sessions were asked for and %d exist at the server, want %d", o.Asked, len(o.Sessions),
			len(want.sessions))
	}
	secrets := want.sessions
	if want.over {
		secrets = nil
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(secrets)), slices.Sorted(maps.Keys(o.Secrets))); diff != "" {
		s.Errorf("Secrets of sessions: -want +got\n%s", diff)
	}
	return o
}

// expectKept fails the scenario if anything that was there before is not there now as it was.
func (s *scenario) expectKept(before, now outside) {
	s.Helper()
	for key, body := range before.Policies {
		if diff := cmp.Diff(body, now.Policies[key]); diff != "" {
			s.Errorf("policy %s: -before +now\n%s", key, diff)
		}
	}
	for id, status := range before.Sessions {
		if now.Sessions[id] != status {
			s.Errorf("session %s was %s, is %q", id, status, now.Sessions[id])
		}
	}
	for name, uid := range before.Secrets {
		if now.Secrets[name] != uid {
			s.Errorf("Secret %s was %s, is %q", name, uid, now.Secrets[name])
		}
	}
}

// writes is how many objects have ever been written on the appliance, in transactions that were committed or not.
func (s *scenario) writes() int {
	s.Helper()
	var stats struct{ Writes int }
	s.request(http.MethodGet, "/sps/stats", nil, &stats)
	return stats.Writes
}
