// SPDX-License-Identifier: Apache-2.0

package session

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

func TestRequestsThatMayBeForTheSameSeeEachOther(t *testing.T) {
	name := func(n string) pamv1alpha1.NamedOrID { return pamv1alpha1.NamedOrID{Name: n} }
	id := func(n string) pamv1alpha1.NamedOrID { return pamv1alpha1.NamedOrID{ID: n} }
	none := pamv1alpha1.NamedOrID{}
	of := func(uid string, activity, resource pamv1alpha1.NamedOrID) *pamv1alpha1.ActivitySession {
		s := &pamv1alpha1.ActivitySession{}
		s.UID, s.Spec.Activity = types.UID(uid), activity
		if resource != none {
			s.Spec.Resource = &resource
		}
		return s
	}
	for what, c := range map[string]struct {
		activity, resource           pamv1alpha1.NamedOrID
		otherActivity, otherResource pamv1alpha1.NamedOrID
		want                         bool
	}{
		"the same names, in other letters":         {name("Root"), name("db1"), name("root"), name("DB1"), true},
		"the same ids, in other letters":           {id("ab"), id("cd"), id("AB"), id("CD"), true},
		"a resource by name and one by id":         {name("root"), name("db1"), name("root"), id("cd"), true},
		"an activity by id and one by name":        {id("ab"), name("db1"), name("root"), name("db1"), true},
		"all by name and all by id":                {name("root"), name("db1"), id("ab"), id("cd"), true},
		"crosswise":                                {name("root"), id("cd"), id("ab"), name("db1"), true},
		"another resource":                         {name("root"), name("db1"), name("root"), name("db2"), false},
		"another activity, and the resource by id": {name("root"), name("db1"), name("user"), id("cd"), false},
		"another id":                               {name("root"), id("cd"), name("root"), id("ce"), false},
		"a credential and a resource":              {name("root"), none, name("root"), id("cd"), false},
		"two credentials":                          {name("root"), none, name("root"), none, true},
	} {
		t.Run(what, func(t *testing.T) {
			claims := newClaims(nil)
			one, other := of("1", c.activity, c.resource), of("2", c.otherActivity, c.otherResource)
			claims.sending(other)
			if got := claims.contended(one); got != c.want {
				t.Errorf("it sees the other one: %t", got)
			}
			if claims.contended(other) {
				t.Error("it is in its own way")
			}
			claims.answered(other.UID)
			if claims.contended(one) {
				t.Error("the answer has come")
			}
		})
	}
}
