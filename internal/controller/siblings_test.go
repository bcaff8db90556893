// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// inOneSlot are two names that the index does not tell apart.
func inOneSlot() (name, other string) {
	name = "rdp"
	for i := 0; ; i++ {
		if other = fmt.Sprint("rdp-", i); nameSlot(other) == nameSlot(name) {
			return name, other
		}
	}
}

// policyOfAge is a policy that was made so many seconds after 1970 and is on the appliance of the connection sps.
func policyOfAge(name, namespace string, seconds int64) *pamv1alpha1.RDPConnectionPolicy {
	p := builder.RDPConnectionPolicy(name, builder.InNamespace(namespace),
		builder.Connection(builder.DefaultSPSConnection, builder.DefaultNamespace))
	p.UID, p.CreationTimestamp = types.UID(namespace+"/"+name), metav1.Unix(seconds, 0)
	p.Status.Key = "-1"
	return p
}

// cachedPolicies are these objects in a cluster, with a connection, as the cache of the manager finds them.
func cachedPolicies(t *testing.T, url string, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := pamv1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	conn := builder.SPSConnection(builder.DefaultSPSConnection, builder.URL(url))
	return fake.NewClientBuilder().WithScheme(scheme).
		WithIndex(&pamv1alpha1.RDPConnectionPolicy{}, indexApplianceName, applianceNameOf).
		WithObjects(append(objects, conn)...).Build()
}

func TestOnlyTheSameNameMakesSiblings(t *testing.T) {
	t.Parallel()
	const url = "https://sps.example.com"
	name, other := inOneSlot()
	ours := policyOfAge(name, "default", 2)
	for what, c := range map[string]struct {
		older *pamv1alpha1.RDPConnectionPolicy
		want  string
	}{
		"an older one of the same name":                   {policyOfAge(name, "elsewhere", 1), pamv1alpha1.ReasonConflict},
		"an older one whose name is in the same slot":     {policyOfAge(other, "elsewhere", 1), ""},
		"a younger one of the same name, which gives way": {policyOfAge(name, "elsewhere", 3), ""},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := siblings[*pamv1alpha1.RDPConnectionPolicy]{cachedPolicies(t, url, ours.DeepCopy(), c.older), listRDPPolicies}
			got := ""
			if err := s.oldest(t.Context(), ours, url); err != nil {
				got = outcomeOf(err).reason
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestADeletionWakesNamesakesAndNobodyElse(t *testing.T) {
	t.Parallel()
	name, other := inOneSlot()
	c := cachedPolicies(t, "https://sps.example.com", policyOfAge(name, "elsewhere", 1), policyOfAge(other, "default", 1))
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	namesakes(c, &pamv1alpha1.RDPConnectionPolicyList{}).Delete(t.Context(),
		event.DeleteEvent{Object: policyOfAge(name, "default", 2)}, queue)
	var got []string
	for queue.Len() > 0 {
		request, _ := queue.Get()
		got = append(got, request.String())
	}
	if diff := cmp.Diff([]string{"elsewhere/" + name}, got); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
}

// TestNamesShareSlots is what the index exists for in this form: as many values as objects would take as much memory.
func TestNamesShareSlots(t *testing.T) {
	t.Parallel()
	const names = 10_000
	slots := map[string]int{}
	most := 0
	for i := range names {
		slot := nameSlot(fmt.Sprintf("rdp-%05d", i))
		slots[slot]++
		most = max(most, slots[slot])
	}
	if len(slots) > nameSlots || most > 5*names/nameSlots {
		t.Errorf("%d names are in %d slots, %d in one of them", names, len(slots), most)
	}
}
