// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"

	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/test/builder"
)

// Without a pool, a reconcile panics before it has seen anything. What the object was before must not look true.
func TestAPanicIsShownInTheStatus(t *testing.T) {
	t.Parallel()
	for name, deleted := range map[string]bool{"while it is reconciled": false, "while it is deleted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := builder.RDPConnectionPolicy("rdp")
			p.Status.Key, p.Status.Origin, p.Status.Appliance = "k1", pamv1alpha1.OriginCreated, "https://sps.example.com"
			p.Finalizers = []string{pamv1alpha1.Finalizer}
			c := cachedPolicies(t, p)
			if deleted {
				if err := c.Delete(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
				t.Fatal(err)
			}
			r := &policyReconciler[*pamv1alpha1.RDPConnectionPolicy]{
				Deps: loop.Deps{Client: c, Live: c, Events: events.NewFakeRecorder(10)},
			}
			if _, err := r.Reconcile(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
				t.Fatal(err)
			}
			ready := loop.ReadyOf(p)
			if ready == nil || ready.Reason != pamv1alpha1.ReasonInternalError ||
				!strings.Contains(ready.Message, "nil pointer") || p.Status.Key != "k1" {
				t.Errorf("Ready is %+v, key %q", ready, p.Status.Key)
			}
		})
	}
}
