// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// Reference is a field by which objects of one kind name objects of another one in their own namespace.
type Reference struct {
	// To is the kind of what is named: one of ours, or Secret.
	To string
	// Names returns the names that are in one object. It is an index function of the cache.
	Names client.IndexerFunc
}

// names makes an index function of what reads one kind.
func names[T client.Object](of func(T) []string) client.IndexerFunc {
	return func(obj client.Object) []string {
		if o, is := obj.(T); is {
			return of(o)
		}
		return nil
	}
}

// connectionPolicyReferences are those of the connection policies of all protocols.
var connectionPolicyReferences = []Reference{{To: LocalUserGroup, Names: names(authorizers)}}

func authorizers(p ConnectionPolicy) []string {
	var out []string
	for _, rule := range p.CommonSpec().AccessControl {
		if rule.AuthorizerRef != nil {
			out = append(out, rule.AuthorizerRef.Name)
		}
	}
	return out
}

func members(g *pamv1alpha1.LocalUserGroup) []string {
	var out []string
	for _, m := range g.Spec.Members {
		if m.UserRef != nil {
			out = append(out, m.UserRef.Name)
		}
	}
	return out
}

func passwordSecret(u *pamv1alpha1.LocalUser) []string {
	if u.Spec.PasswordSecretRef == nil {
		return nil
	}
	return []string{u.Spec.PasswordSecretRef.Name}
}

func terminatedPolicy(t *pamv1alpha1.SessionTermination) []string {
	if t.Spec.PolicyRef == nil {
		return nil
	}
	return []string{t.Spec.PolicyRef.Name}
}

// sessionSecret is the Secret that is written for a session.
func sessionSecret(s *pamv1alpha1.ActivitySession) []string { return []string{s.SecretName()} }
