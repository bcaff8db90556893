// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestLimitsOfConnections(t *testing.T) {
	const mib = 1 << 20
	quantity := resource.MustParse("32Mi")
	sps, nps := spsConnection(), builder.NPSConnection("nps", builder.InNamespace(home))
	if got := []int64{maxSPSResponse(sps), maxNPSResponse(nps)}; got[0] != 64*mib || got[1] != 16*mib {
		t.Errorf("by default %v", got)
	}
	sps.Spec.Limits = &pamv1alpha1.SPSLimits{MaxResponseSize: &quantity}
	nps.Spec.Limits = &pamv1alpha1.NPSLimits{MaxResponseSize: &quantity}
	if got := []int64{maxSPSResponse(sps), maxNPSResponse(nps)}; got[0] != 32*mib || got[1] != 32*mib {
		t.Errorf("as set %v", got)
	}
}

func TestALimitChangesWithoutANewClient(t *testing.T) {
	conn := spsConnection()
	pool := newWorld(t, conn, credentials("p")).pool()
	first, err := pool.Connect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	quantity := resource.MustParse("1Mi")
	conn.Spec.Limits = &pamv1alpha1.SPSLimits{MaxResponseSize: &quantity}
	conn.Generation++
	second, err := pool.Connect(t.Context(), conn)
	if err != nil || second != first {
		t.Errorf("another client, %v", err)
	}
}

// Nothing remains of connections that no longer exist.
func TestNothingStaysOfAConnectionThatHasGone(t *testing.T) {
	secret := credentials("p")
	pool := newWorld(t, secret).pool()
	for n := range 50 {
		conn := spsConnection(builder.URL(fmt.Sprintf("https://sps-%d.example.com", n)))
		conn.Name = fmt.Sprintf("sps-%d", n)
		if _, err := pool.Connect(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		pool.Forget(t.Context(), metrics.SPS(client.ObjectKeyFromObject(conn)))
	}
	pool.closing.Wait()
	if len(pool.gates)+len(pool.appliances)+len(pool.servers) != 0 {
		t.Errorf("%d gates and %d appliances stay", len(pool.gates), len(pool.appliances))
	}
	free := pool.cfg.Memory.Share(home, DefaultAnswerMemory, "")
	if err := free.Reserve(DefaultAnswerMemory / 4); err != nil {
		t.Errorf("memory of theirs stays counted: %v", err)
	}
}

// Two connections to one appliance share its gate until both are gone.
func TestAGateStaysWhileAnybodyUsesIt(t *testing.T) {
	pool := newWorld(t).pool()
	first, leave := pool.gate("https://sps.example.com")
	second, leaveToo := pool.gate("https://sps.example.com")
	leave()
	leave() // once counts
	third, leaveLast := pool.gate("https://sps.example.com")
	if first != second || second != third {
		t.Error("they do not share it")
	}
	leaveToo()
	leaveLast()
	if len(pool.gates) != 0 {
		t.Error("it stays")
	}
}

// Why a connection cannot be used is reported in its own namespace only.
func TestWhatDependentsSeeOfAConnectionThatIsNotReady(t *testing.T) {
	conn := spsConnection()
	conn.Spec.AllowedNamespaces = &pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll}
	conn.Spec.Grants = []pamv1alpha1.SPSGrant{{Namespaces: []string{"team"}}}
	conn.Status.ObservedGeneration = new(conn.Generation)
	meta.SetStatusCondition(&conn.Status.Conditions, metav1.Condition{
		Type: pamv1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: pamv1alpha1.ReasonUnreachable,
		Message: "dial tcp 10.1.2.3:443: connection refused",
	})
	pool := newWorld(t, conn, builder.Namespace(home), builder.Namespace("team")).pool()
	for namespace, want := range map[string]string{
		home:   "connection pam-system/sps is not ready: Unreachable: dial tcp 10.1.2.3:443: connection refused",
		"team": "connection pam-system/sps is not ready: Unreachable; its owner sees the cause in its status",
	} {
		ref := pamv1alpha1.ConnectionReference{Name: "sps", Namespace: home}
		use := Use{Kind: "LocalUser", Name: "x", Adoption: pamv1alpha1.AdoptionPolicyNever}
		if _, _, err := pool.Appliance(t.Context(), ref, namespace, use); err == nil || err.Error() != want {
			t.Errorf("%s: got %v", namespace, err)
		}
	}
}
