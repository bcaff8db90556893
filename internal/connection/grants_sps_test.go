// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// spsGrant is a grant for the namespace payments, with changes.
func spsGrant(changes ...func(*pamv1alpha1.SPSGrant)) pamv1alpha1.SPSGrant {
	g := pamv1alpha1.SPSGrant{Namespaces: []string{"payments"}}
	for _, change := range changes {
		change(&g)
	}
	return g
}

func TestGrantsOfAnAppliance(t *testing.T) {
	t.Parallel()
	type grant = pamv1alpha1.SPSGrant
	policy := Use{
		Kind: "RDPConnectionPolicy", Name: "team-a-rdp", Adoption: pamv1alpha1.AdoptionPolicyIfIdentical,
	}
	with := func(change func(*Use)) Use {
		use := policy
		change(&use)
		return use
	}
	closing := Use{Kind: "RDPConnectionPolicy", Name: "team-a-rdp", Sessions: pamv1alpha1.SessionGrantPolicyRef}
	anySession := Use{Sessions: pamv1alpha1.SessionGrantAny}
	names := func(globs ...string) func(*grant) { return func(g *grant) { g.Names = globs } }
	kinds := func(kinds ...pamv1alpha1.PolicyKind) func(*grant) { return func(g *grant) { g.Kinds = kinds } }
	adoption := func(p pamv1alpha1.AdoptionPolicy) func(*grant) { return func(g *grant) { g.Adoption = p } }
	sessions := func(s pamv1alpha1.SessionGrant) func(*grant) { return func(g *grant) { g.Sessions = s } }
	keeps := func(g *grant) { g.Deletion = new(false) }
	for name, c := range map[string]struct {
		grants []grant
		from   string
		labels map[string]string
		use    Use
		// why is the text of the refusal; empty if it is allowed.
		why string
	}{
		"without grants the own namespace may do everything": {from: home, use: with(func(u *Use) {
			u.Adoption, u.Deletes = pamv1alpha1.AdoptionPolicyAlways, true
		})},
		"and close every session":                       {from: home, use: anySession},
		"without grants no other namespace may observe": {from: "payments", use: policy, why: "has no grants"},
		"nor close a session":                           {from: "payments", use: anySession, why: "has no grants"},
		"a grant for others leaves the own namespace free": {
			grants: []grant{spsGrant(names("x"))}, from: home, use: anySession,
		},
		"a grant for the own namespace binds it": {
			grants: []grant{{Namespaces: []string{home}, Names: []string{"a"}}}, from: home, use: policy,
			why: `grants[0] does not allow the name "team-a-rdp": it allows a`,
		},
		"so does one that selects it by labels": {
			grants: []grant{{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"pam": "yes"}},
				Sessions:          pamv1alpha1.SessionGrantNone,
			}},
			from: home, labels: map[string]string{"pam": "yes"}, use: closing, why: "grants[0] does not allow sessions",
		},
		"a grant without anything allows every kind and name": {
			grants: []grant{spsGrant()}, from: "payments", use: with(func(u *Use) { u.Deletes = true }),
		},
		"a grant is for the namespaces that it names only": {
			grants: []grant{spsGrant()}, from: "payments-2", use: policy, why: "no grant is for namespace payments-2",
		},
		"an empty selector is for all": {
			grants: []grant{{NamespaceSelector: &metav1.LabelSelector{}}}, from: "any", use: policy,
		},
		"another kind": {
			grants: []grant{spsGrant(kinds("LocalUser", "LocalUserGroup"))}, from: "payments", use: policy,
			why: "grants[0] does not allow the kind RDPConnectionPolicy: it allows LocalUser, LocalUserGroup",
		},
		"a name that a glob matches": {
			grants: []grant{spsGrant(names("b", "team-a-*"))}, from: "payments", use: policy,
		},
		"a name in another case": {
			grants: []grant{spsGrant(names("TEAM-A-*"))}, from: "payments", use: policy, why: "it allows TEAM-A-*",
		},
		"the kind of one grant and the name of another are not one grant": {
			grants: []grant{spsGrant(kinds("LocalUser")), spsGrant(names("other"))}, from: "payments", use: policy,
			why: "grants[1] does not allow the name",
		},
		"adoption that is left out in the grant is IfIdentical": {
			grants: []grant{spsGrant()}, from: "payments",
			use: with(func(u *Use) { u.Adoption = pamv1alpha1.AdoptionPolicyAlways }),
			why: "grants[0] does not allow adoptionPolicy Always: it allows IfIdentical at most",
		},
		"adoption that is said": {
			grants: []grant{spsGrant(adoption(pamv1alpha1.AdoptionPolicyAlways))}, from: "payments",
			use: with(func(u *Use) { u.Adoption = pamv1alpha1.AdoptionPolicyAlways }),
		},
		"no adoption at all": {
			grants: []grant{spsGrant(adoption(pamv1alpha1.AdoptionPolicyNever))}, from: "payments", use: policy,
			why: "it allows Never at most",
		},
		"an object that takes nothing over needs no adoption": {
			grants: []grant{spsGrant(adoption(pamv1alpha1.AdoptionPolicyNever))}, from: "payments",
			use: with(func(u *Use) { u.Adoption = pamv1alpha1.AdoptionPolicyNever }),
		},
		"deletion that is not allowed": {
			grants: []grant{spsGrant(keeps)}, from: "payments", use: with(func(u *Use) { u.Deletes = true }),
			why: "grants[0] does not allow deletion",
		},
		"does not forbid the object": {grants: []grant{spsGrant(keeps)}, from: "payments", use: policy},
		"sessions are those of a policy if nothing is said": {
			grants: []grant{spsGrant(names("team-a-*"))}, from: "payments", use: closing,
		},
		"of a policy whose name is not allowed": {
			grants: []grant{spsGrant(names("team-b-*"))}, from: "payments", use: closing, why: `the name "team-a-rdp"`,
		},
		"of a policy where policies are not allowed": {
			grants: []grant{spsGrant(kinds("LocalUser"))}, from: "payments", use: closing, why: "the kind RDPConnectionPolicy",
		},
		"and no others": {grants: []grant{spsGrant()}, from: "payments", use: anySession, why: "by policyRef"},
		"any session if that is said, also of a policy of another name": {
			grants: []grant{spsGrant(sessions(pamv1alpha1.SessionGrantAny), names("x"))}, from: "payments", use: closing,
		},
		"any session by its id": {
			grants: []grant{spsGrant(sessions(pamv1alpha1.SessionGrantAny))}, from: "payments", use: anySession,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ok, why, err := GrantsUse(c.grants, home, Namespace{Name: c.from, Labels: c.labels}, c.use)
			if err != nil || ok != (c.why == "") || !strings.Contains(why, c.why) {
				t.Errorf("ok %t, why %q, error %v; want %q", ok, why, err, c.why)
			}
		})
	}
}

func TestASelectorThatCannotBeUsedAllowsNothing(t *testing.T) {
	t.Parallel()
	broken := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}
	ok, _, err := GrantsUse([]pamv1alpha1.SPSGrant{{NamespaceSelector: broken}}, home, Namespace{Name: "a"}, Use{})
	if ok || !IsInvalid(err) {
		t.Errorf("ok %t, error %v", ok, err)
	}
}

func TestGlobs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		glob, name string
		want       bool
	}{
		"the same":                          {"rdp", "rdp", true},
		"another case":                      {"rdp", "RDP", false},
		"a longer name":                     {"rdp", "rdp2", false},
		"nothing matches nothing":           {"", "", true},
		"a star is anything":                {"*", "", true},
		"stars in a row":                    {"**a**", "xax", true},
		"a star that has to give back":      {"*-rdp", "a-rdp-rdp", true},
		"a star across a slash":             {"a*c", "a/b/c", true},
		"a question mark is one letter":     {"r?p", "rdp", true},
		"of any alphabet":                   {"?", "ß", true},
		"and never none":                    {"rdp?", "rdp", false},
		"a bracket is itself":               {"[a]", "[a]", true},
		"and no class":                      {"[a]", "a", false},
		"a backslash is itself":             {`a\*`, `a\b`, true},
		"a part is not the whole":           {"team-a-*", "x-team-a-1", false},
		"an accent is a part of its letter": {"b\u00fcro-?", "bu\u0308ro-u\u0308", true},
		"in either form":                    {"bu\u0308*", "b\u00fcro", true},
		"the Kelvin sign is no k":           {"k", "\u212a", false},
		"a line break ends nothing":         {"a*", "a\nb", true},
		"the prefix needs its own hyphen":   {"team-a-*", "team-ab", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := MatchesGlob(c.glob, c.name); got != c.want {
				t.Errorf("MatchesGlob(%q, %q) = %t", c.glob, c.name, got)
			}
		})
	}
}

func TestAGlobOfManyStarsIsQuick(t *testing.T) {
	t.Parallel()
	began := time.Now()
	if MatchesGlob(strings.Repeat("*a", 120)+"b", strings.Repeat("a", 256)) {
		t.Error("matches")
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %s", took)
	}
}
