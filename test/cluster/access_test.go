// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestTheManagersHaveTheGeneratedRoleAndNoOther inspects the bindings of the service account, and sends requests with a
// token of it. Every other scenario fails if a manager was denied anything.
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
	s.step("a token of the service account may do what it needs, but neither run pods nor grant rights")
}

// TestMetricsAreServedToThoseWhoMayReadThem asks a manager in its pod, which asks the API server.
func TestMetricsAreServedToThoseWhoMayReadThem(t *testing.T) {
	s := newScenario(t)
	address, forward, err := s.forwardTo(t.Context(), operatorNamespace, managerName, 8443)
	s.must(err)
	t.Cleanup(func() { s.must(forward.Stop()) })
	scraper := &corev1.ServiceAccount{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta: metav1.ObjectMeta{Namespace: platformNamespace, Name: "scraper"},
	}
	s.apply(scraper)
	token := s.token(scraper)
	for who, want := range map[string]struct {
		token  string
		status int
	}{"nobody": {"", http.StatusUnauthorized}, "somebody": {token, http.StatusForbidden}} {
		if status, body := s.scrape(address, want.token); status != want.status || strings.Contains(body, "# TYPE") {
			t.Errorf("%s gets %d, want %d: %s", who, status, want.status, body)
		}
	}
	s.apply(&rbacv1.ClusterRoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: "pam-cluster-test-scraper"},
		RoleRef: rbacv1.RoleRef{
			APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "pam-operator-metrics-reader",
		},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: platformNamespace, Name: scraper.Name}},
	})
	s.eventually(func(g Gomega) { // the manager remembers a refusal for a while
		status, body := s.scrape(address, token)
		g.Expect(status).To(Equal(http.StatusOK))
		g.Expect(body).To(ContainSubstring("# TYPE"))
	})
	s.step("401 without a token, 403 without the role, 200 with it")
}

func (s *scenario) scrape(address, token string) (status int, body string) {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "https://"+address+"/metrics", nil)
	s.must(err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	//nolint:gosec // G402: by default, the manager signs its certificate itself
	insecure := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer insecure.CloseIdleConnections()
	response, err := (&http.Client{Transport: insecure}).Do(request)
	s.must(err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	s.must(err)
	return response.StatusCode, string(content)
}

// attributes refer to the namespace of the Jobs.
func attributes(verb, group, resource string) authorizationv1.ResourceAttributes {
	resource, subresource, _ := strings.Cut(resource, "/")
	return authorizationv1.ResourceAttributes{
		Verb: verb, Group: group, Resource: resource, Subresource: subresource, Namespace: paymentsNamespace,
	}
}

// boundRoles are the roles bound to the managers' service account, sorted.
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

// asManager returns a client with a token of the managers' service account, like the one that their pods get from a
// kubelet.
func (s *scenario) asManager() client.Client {
	s.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: managerName}}
	config := rest.AnonymousClientConfig(s.config)
	config.BearerToken = s.token(account)
	c, err := client.New(config, client.Options{Scheme: s.scheme})
	s.must(err)
	return c
}

func (s *scenario) token(account *corev1.ServiceAccount) string {
	s.Helper()
	request := &authenticationv1.TokenRequest{}
	s.must(s.client.SubResource("token").Create(s.Context(), account, request))
	return request.Status.Token
}

// expectNoRefusal searches the logs of all managers that ever ran for denials by the API server.
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
			continue // its log is already kept, or empty
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
				t.Errorf("manager %s was denied: %s", pod, line)
			}
		}
	}
}
