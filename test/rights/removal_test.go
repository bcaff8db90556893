// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/test/builder"
	"github.com/pam-operator/pam-operator/test/site"
)

// removal takes rights away from a manager that has stopped, one at a time.
type removal struct {
	*testing.T

	cluster   *site.Cluster
	installed installation.Installation
	scenario  *scenario
}

// expectRefusal takes a right away, and has the API server judge the request that used it: no other role allows it.
func (r *removal) expectRefusal(g grant, one right, request authorizationv1.ResourceAttributes) {
	r.Helper()
	restore := r.setRules(g, without(g.rules, one))
	defer restore()
	r.denied(one.String(), request)
}

// setRules replaces the rules of a role, and returns how to restore them.
func (r *removal) setRules(g grant, rules []rbacv1.PolicyRule) (restore func()) {
	r.Helper()
	set := func(rules []rbacv1.PolicyRule) {
		r.Helper()
		var role client.Object
		meta := metav1.ObjectMeta{Namespace: g.namespace, Name: g.name}
		if g.namespace == "" {
			role = &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}
		} else {
			role = &rbacv1.Role{ObjectMeta: meta, Rules: rules}
		}
		if err := r.cluster.Update(r.Context(), role); err != nil {
			r.Fatal(err)
		}
	}
	set(rules)
	return func() { r.Helper(); set(g.rules) }
}

// denied waits until the API server denies a request: it learns of a changed role a moment later.
func (r *removal) denied(name string, request authorizationv1.ResourceAttributes) {
	r.Helper()
	user, groups := r.installed.User()
	NewWithT(r.T).Eventually(func(g Gomega) {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user, Groups: slices.Concat(groups, []string{"system:authenticated"}), ResourceAttributes: &request,
		}}
		g.Expect(r.cluster.Create(r.Context(), review)).To(Succeed())
		g.Expect(review.Status.Allowed).To(BeFalse(), review.Status.Reason)
	}).WithTimeout(site.Within).WithPolling(10*time.Millisecond).Should(Succeed(), name)
}

// identity is the right by which the policies of config/admission recognise the manager. Nothing is requested with it,
// so the audit log does not show it.
func identity(installed installation.Installation, all []grant) right {
	for _, g := range all {
		for _, rule := range g.rules {
			if slices.Equal(rule.Resources, []string{"managers"}) {
				return right{g.name, rule.APIGroups[0], "managers", "manage"}
			}
		}
	}
	panic("nothing identifies the manager " + installed.ServiceAccount)
}

// expectIdentity takes that right away: the manager may then no longer write a status, in which it keeps what it knows.
func (r *removal) expectIdentity() {
	r.Helper()
	one := identity(r.installed, grants(r.T, r.installed))
	manager, err := client.New(r.scenario.config, client.Options{Scheme: r.cluster.Scheme()})
	if err != nil {
		r.Fatal(err)
	}
	object := builder.LocalUserGroup("stays", builder.InNamespace(owners))
	if err := r.cluster.Get(r.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		r.Fatal(err)
	}
	write := func() error {
		changed := object.DeepCopy()
		changed.Status.Key = "another"
		return manager.Status().Patch(r.Context(), changed, client.MergeFrom(object), client.DryRunAll)
	}
	g := NewWithT(r.T)
	g.Expect(write()).To(Succeed())
	for _, role := range grants(r.T, r.installed) {
		if role.name != one.role {
			continue
		}
		restore := r.setRules(role, without(role.rules, one))
		defer restore()
	}
	g.Eventually(write).WithTimeout(site.Within).Should(And(
		Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring("is written by the operator alone"))), one.String())
}
