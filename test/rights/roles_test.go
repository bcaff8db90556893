// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pam-operator/pam-operator/internal/installation"
)

// right is one verb on one resource, as a role grants it.
type right struct{ role, group, resource, verb string }

func (r right) String() string {
	resource := r.resource
	if r.group != "" {
		resource += "." + r.group
	}
	return r.role + ": " + r.verb + " " + resource
}

// grant is a role that is bound to the manager; its namespace is empty for the whole cluster. The Roles of watched
// namespaces are equal, so rights are told apart by the name of the role and not by its namespace.
type grant struct {
	namespace, name string
	rules           []rbacv1.PolicyRule
}

// grants are the roles that an installation binds to the manager. A binding to something else than a role of the
// installation fails.
func grants(t *testing.T, installed installation.Installation) []grant {
	t.Helper()
	roles, bound := map[string]grant{}, []string{}
	for _, o := range installed.Objects {
		key := o.GetNamespace() + "/" + o.GetName()
		switch o.GetKind() {
		case "Role", "ClusterRole":
			var role rbacv1.Role
			convert(t, o.Object, &role)
			roles[key] = grant{role.Namespace, role.Name, role.Rules}
		case "RoleBinding", "ClusterRoleBinding":
			var binding rbacv1.RoleBinding
			convert(t, o.Object, &binding)
			if binding.RoleRef.Kind == "ClusterRole" && binding.Namespace != "" {
				t.Errorf("the binding %s gives a ClusterRole in a namespace, which this test does not follow", key)
			}
			if slices.ContainsFunc(binding.Subjects, isManager(installed)) {
				bound = append(bound, binding.Namespace+"/"+binding.RoleRef.Name)
			}
		}
	}
	var out []grant
	for _, key := range bound {
		role, found := roles[key]
		if !found {
			t.Fatalf("the role %s is bound to the manager and not installed", key)
		}
		out = append(out, role)
	}
	return out
}

func isManager(installed installation.Installation) func(rbacv1.Subject) bool {
	return func(s rbacv1.Subject) bool {
		return s.Kind == "ServiceAccount" && s.Name == installed.ServiceAccount && s.Namespace == installed.Namespace
	}
}

func convert(t *testing.T, from map[string]any, into any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(from, into); err != nil {
		t.Fatal(err)
	}
}

// rights are the single rights of a role. A wildcard fails: nobody could say that all of it is needed.
func (g grant) rights(t *testing.T) []right {
	t.Helper()
	var out []right
	for _, rule := range g.rules {
		if strings.Contains(fmt.Sprint(rule), "*") || len(rule.NonResourceURLs) > 0 {
			t.Errorf("%s has the rule %v, of which not every right can be tried", g.name, rule)
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					out = append(out, right{g.name, group, resource, verb})
				}
			}
		}
	}
	return out
}

// without returns the rules without one right.
func without(rules []rbacv1.PolicyRule, r right) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	for _, rule := range rules {
		if !slices.Contains(rule.APIGroups, r.group) || !slices.Contains(rule.Resources, r.resource) ||
			!slices.Contains(rule.Verbs, r.verb) {
			out = append(out, rule)
			continue
		}
		others, same := rule.DeepCopy(), rule.DeepCopy()
		others.Resources = slices.DeleteFunc(others.Resources, func(name string) bool { return name == r.resource })
		same.Resources = []string{r.resource}
		same.Verbs = slices.DeleteFunc(same.Verbs, func(verb string) bool { return verb == r.verb })
		for _, rest := range []*rbacv1.PolicyRule{others, same} {
			if len(rest.Resources) > 0 && len(rest.Verbs) > 0 {
				out = append(out, *rest)
			}
		}
	}
	return out
}
