// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"
	"slices"
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Use is what an object requests of an appliance, as far as grants are concerned.
type Use struct {
	// Kind and Name are what is managed, or the policy whose sessions are closed.
	Kind pamv1alpha1.PolicyKind
	Name string
	// Adoption is the most that the object may adopt.
	Adoption pamv1alpha1.AdoptionPolicy
	// Deletes says that the object is deleted on the appliance.
	Deletes bool
	// Sessions is the permission that closing sessions needs: PolicyRef for those of the named policy, Any for others. It
	// is empty for an object that is managed.
	Sessions pamv1alpha1.SessionGrant
	// Exports says that everything the appliance has is shown.
	Exports bool
}

// GrantsUse reports whether the grants of a connection in the namespace home allow a use, and if not, why: the reason
// names the closest grant. The connection's own namespace needs no grant, unless one is for it.
func GrantsUse(grants []pamv1alpha1.SPSGrant, home string, from Namespace, use Use) (ok bool, why string, err error) {
	why = "no grant is for namespace " + from.Name
	if len(grants) == 0 {
		why = "the connection has no grants, so only its own namespace may use it"
	}
	bound := from.Name != home
	for i := range grants {
		matches, err := spsGrantIsFor(&grants[i], from)
		if err != nil {
			return false, "", err
		}
		if !matches {
			continue
		}
		refusal := refusedUse(&grants[i], use)
		if refusal == "" {
			return true, "", nil
		}
		bound, why = true, fmt.Sprintf("grants[%d] %s", i, refusal)
	}
	if !bound {
		return true, "", nil
	}
	return false, why, nil
}

func spsGrantIsFor(grant *pamv1alpha1.SPSGrant, from Namespace) (bool, error) {
	if grant.NamespaceSelector != nil {
		return selects(grant.NamespaceSelector, from)
	}
	return slices.Contains(grant.Namespaces, from.Name), nil
}

// refusedUse says which part of a use a grant does not allow; empty if it allows all of it.
func refusedUse(grant *pamv1alpha1.SPSGrant, use Use) string {
	switch {
	case use.Exports && len(grant.Kinds)+len(grant.Names) > 0:
		return "allows only some kinds or names, and an export shows all of them"
	case use.Exports:
		return ""
	case use.Sessions != "":
		return refusedSessions(grant, use)
	}
	if refusal := refusedName(grant, use); refusal != "" {
		return refusal
	}
	allowed := grant.Adoption
	if allowed == "" {
		allowed = pamv1alpha1.AdoptionPolicyIfIdentical
	}
	switch {
	case adoptionRank(use.Adoption) > adoptionRank(allowed):
		return fmt.Sprintf("does not allow adoptionPolicy %s: it allows %s at most", use.Adoption, allowed)
	case use.Deletes && grant.Deletion != nil && !*grant.Deletion:
		return "does not allow deletion on the appliance"
	}
	return ""
}

func refusedName(grant *pamv1alpha1.SPSGrant, use Use) string {
	matches := func(glob string) bool { return MatchesGlob(glob, use.Name) }
	switch {
	case len(grant.Kinds) > 0 && !slices.Contains(grant.Kinds, use.Kind):
		kinds := make([]string, 0, len(grant.Kinds))
		for _, kind := range grant.Kinds {
			kinds = append(kinds, string(kind))
		}
		return fmt.Sprintf("does not allow the kind %s: it allows %s", use.Kind, strings.Join(kinds, ", "))
	case len(grant.Names) > 0 && !slices.ContainsFunc(grant.Names, matches):
		return fmt.Sprintf("does not allow the name %q: it allows %s", use.Name, strings.Join(grant.Names, ", "))
	}
	return ""
}

func refusedSessions(grant *pamv1alpha1.SPSGrant, use Use) string {
	switch {
	case grant.Sessions == pamv1alpha1.SessionGrantAny:
		return ""
	case grant.Sessions == pamv1alpha1.SessionGrantNone:
		return "does not allow sessions to be closed"
	case use.Sessions != pamv1alpha1.SessionGrantPolicyRef:
		return "allows closing sessions only by policyRef, of a policy that an object in this namespace manages"
	}
	return refusedName(grant, use)
}

// adoptionRank orders adoption policies by how much they adopt. An unknown one ranks highest.
func adoptionRank(policy pamv1alpha1.AdoptionPolicy) int {
	switch policy {
	case pamv1alpha1.AdoptionPolicyNever:
		return 0
	case pamv1alpha1.AdoptionPolicyIfIdentical:
		return 1
	}
	return 2
}

// MatchesGlob reports whether a name matches a glob with * and ?. It is case-sensitive, because the appliance is. A
// letter with an accent counts as one letter in every Unicode form.
func MatchesGlob(glob, name string) bool {
	pattern, text := []rune(sps.CanonicalName(glob)), []rune(sps.CanonicalName(name))
	star, from := -1, 0 // the last star, and the first letter that it does not stand for
	at := 0
	for i := 0; i < len(text); {
		switch {
		case at < len(pattern) && pattern[at] == '*':
			star, from = at, i
			at++
		case at < len(pattern) && (pattern[at] == '?' || pattern[at] == text[i]):
			at++
			i++
		case star >= 0:
			from++
			at, i = star+1, from
		default:
			return false
		}
	}
	for at < len(pattern) && pattern[at] == '*' {
		at++
	}
	return at == len(pattern)
}
