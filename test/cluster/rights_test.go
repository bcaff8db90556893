// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestTheManagersHaveTheGeneratedRoleAndNoOther looks at what is bound to the service account, and asks with a token of
// it. Every other scenario fails if a manager was refused something.
func TestTheManagersHaveTheGeneratedRoleAndNoOther(t *testing.T) {
	s := newScenario(t)
	bound := s.boundRoles()
	want := []string{
		"ClusterRole pam-operator-manager-role", "ClusterRole pam-operator-metrics-auth-role",
		"Role pam-operator-leader-election-role",
	}
	if diff := cmp.Diff(want, bound); diff != "" {
		t.Errorf("bound to %s: -want +got\n%s", managerName, diff)
	}
	s.step("bound to the service account: %s", strings.Join(bound, ", "))
	account := s.asManager()
	tests := map[string]struct {
		attributes authorizationv1.ResourceAttributes
		want       bool
	}{
		"write the status of sessions": {attributes("patch", "pam-operator.io", "activitysessions/status"), true},
		"count as the manager":         {attributes("manage", "pam-operator.io", "managers"), true},
		"make connection Secrets":      {attributes("create", "", "secrets"), true},
		"see Jobs":                     {attributes("watch", "batch", "jobs"), true},
		"change Jobs":                  {attributes("patch", "batch", "jobs"), false},
		"run pods":                     {attributes("create", "", "pods"), false},
		"enter pods":                   {attributes("create", "", "pods/exec"), false},
		"change what a session asks":   {attributes("create", "pam-operator.io", "activitysessions"), false},
		"give rights":                  {attributes("create", "rbac.authorization.k8s.io", "rolebindings"), false},
		"see nodes":                    {attributes("list", "", "nodes"), false},
	}
	for name, tt := range tests {
		review := &authorizationv1.SelfSubjectAccessReview{}
		review.Spec.ResourceAttributes = &tt.attributes
		s.must(account.Create(s.Context(), review))
		if review.Status.Allowed != tt.want {
			t.Errorf("may %s: %t, want %t", name, review.Status.Allowed, tt.want)
		}
	}
	s.step("a token of the service account may do what it needs, and neither run pods nor give rights")
}

// attributes are about the namespace of the Jobs.
func attributes(verb, group, resource string) authorizationv1.ResourceAttributes {
	resource, subresource, _ := strings.Cut(resource, "/")
	return authorizationv1.ResourceAttributes{
		Verb: verb, Group: group, Resource: resource, Subresource: subresource, Namespace: paymentsNamespace,
	}
}

// boundRoles are the roles that bindings give the managers' service account, sorted.
func (s *scenario) boundRoles() []string {
	s.Helper()
	var everywhere rbacv1.ClusterRoleBindingList
	var within rbacv1.RoleBindingList
	s.must(s.client.List(s.Context(), &everywhere))
	s.must(s.client.List(s.Context(), &within))
	var roles []string
	note := func(role rbacv1.RoleRef, subjects []rbacv1.Subject) {
		if slices.ContainsFunc(subjects, func(of rbacv1.Subject) bool {
			return of.Kind == rbacv1.ServiceAccountKind && of.Name == managerName && of.Namespace == operatorNamespace
		}) {
			roles = append(roles, role.Kind+" "+role.Name)
		}
	}
	for i := range everywhere.Items {
		note(everywhere.Items[i].RoleRef, everywhere.Items[i].Subjects)
	}
	for i := range within.Items {
		note(within.Items[i].RoleRef, within.Items[i].Subjects)
	}
	slices.Sort(roles)
	return roles
}

// asManager is a client with a token of the managers' service account, like the one that a kubelet gives their pods.
func (s *scenario) asManager() client.Client {
	s.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: managerName}}
	request := &authenticationv1.TokenRequest{}
	s.must(s.client.SubResource("token").Create(s.Context(), account, request))
	config := rest.AnonymousClientConfig(s.config)
	config.BearerToken = request.Status.Token
	c, err := client.New(config, client.Options{Scheme: s.scheme})
	s.must(err)
	return c
}

// expectNoRefusal looks for what the API server refused the managers, in the logs of all that ever ran.
func (c *cluster) expectNoRefusal(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	var pods corev1.PodList
	if err := c.client.List(ctx, &pods, client.InNamespace(operatorNamespace), managers); err != nil {
		t.Error(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range pods.Items {
		if pods.Items[i].DeletionTimestamp != nil || pods.Items[i].Status.Phase != corev1.PodRunning {
			continue // its log is kept already, or empty
		}
		log, err := c.run(ctx, "", "logs", "-n", operatorNamespace, pods.Items[i].Name)
		if err != nil {
			t.Error(err)
		}
		c.logs[pods.Items[i].Name] = log
	}
	for pod, log := range c.logs {
		for line := range strings.Lines(log) {
			if strings.Contains(strings.ToLower(line), "forbidden") {
				t.Errorf("manager %s was refused something: %s", pod, line)
			}
		}
	}
}
