// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
)

// A manager that is not ready says why in its log, also if it never came as far as an Event.
func TestTheAdviceAboutAManagerNamesItsLog(t *testing.T) {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
		Namespace: "pam", Name: "manager", Labels: map[string]string{
			"control-plane": "controller-manager", "app.kubernetes.io/name": "pam-operator",
		},
	}}
	byName := func(o client.Object) []string { return []string{o.GetName()} }
	c := fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(d).
		WithIndex(&coordinationv1.Lease{}, "metadata.name", byName).Build()
	results, err := manager(t.Context(), Subject{Client: &cluster.Client{WithWatch: c}})
	if err != nil || len(results) != 1 {
		t.Fatal(results, err)
	}
	for _, want := range []string{"kubectl -n pam describe deployment manager", "kubectl -n pam logs deployment/manager"} {
		if !strings.Contains(results[0].Advice, want) {
			t.Errorf("%q is not in: %s", want, results[0].Advice)
		}
	}
}
