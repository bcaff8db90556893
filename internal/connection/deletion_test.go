// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// goingSite is a connection that was used and whose Secret is gone. It was deleted some time ago; 0 means not at all.
func goingSite(t *testing.T, used bool, connection, namespace time.Duration) (*Pool, *world) {
	t.Helper()
	conn, ns := spsConnection(), builder.Namespace(home)
	meta.SetStatusCondition(&conn.Status.Conditions, metav1.Condition{
		Type: pamv1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: pamv1alpha1.ReasonSynced,
	})
	conn.Status.ObservedGeneration = new(int64(0))
	for o, ago := range map[client.Object]time.Duration{conn: connection, ns: namespace} {
		o.SetFinalizers([]string{pamv1alpha1.Finalizer})
		if ago > 0 {
			o.SetDeletionTimestamp(&metav1.Time{Time: time.Now().Add(-ago)})
		}
	}
	secret := credentials("a-password")
	w := newWorld(t, conn, ns, secret)
	config := w.config()
	config.RetainFor = time.Hour
	pool := NewPool(config)
	if used {
		if _, err := pool.Connect(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	return pool, w
}

var reference = pamv1alpha1.ConnectionReference{Name: "sps"}

func TestOnlyAConnectionThatIsGoingOutlivesItsSecret(t *testing.T) {
	for name, c := range map[string]struct {
		unused                bool
		connection, namespace time.Duration
		usable, lost          bool
	}{
		"a connection that stays has had its credentials revoked": {},
		"one that is being deleted can end its objects":           {connection: time.Minute, usable: true},
		"but not for longer than it is kept":                      {connection: 61 * time.Minute},
		"one in a namespace that is being deleted, too":           {namespace: time.Minute, usable: true},
		"one that was never used in this process has nothing":     {connection: time.Minute, unused: true},
		"and is lost if no one can create the Secret again": {
			connection: time.Minute, namespace: time.Minute, unused: true, lost: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			pool, _ := goingSite(t, !c.unused, c.connection, c.namespace)
			_, appliance, err := pool.ApplianceForDeletion(t.Context(), reference, home, Use{})
			if (appliance != nil) != c.usable || (err == nil) != c.usable || IsLost(err) != c.lost {
				t.Errorf("appliance %v, error %v", appliance, err)
			}
			if _, appliance, err := pool.Appliance(t.Context(), reference, home, Use{}); appliance != nil || !IsNotReady(err) {
				t.Errorf("it can be used for more than a deletion: %v", err)
			}
		})
	}
}

func TestRevokedCredentialsAreDropped(t *testing.T) {
	pool, w := goingSite(t, true, 0, 0)
	conn := &pamv1alpha1.SPSConnection{}
	if err := w.Get(t.Context(), client.ObjectKey{Namespace: home, Name: "sps"}, conn); err != nil {
		t.Fatal(err)
	}
	slot := pool.appliances[client.ObjectKeyFromObject(conn)]
	for _, step := range []struct {
		missing time.Duration
		built   bool
	}{{0, true}, {RevokedAfter / 2, true}, {RevokedAfter, false}} {
		slot.lost = time.Now().Add(-step.missing)
		if _, err := pool.Connect(t.Context(), conn); !IsNotReady(err) {
			t.Fatal(err)
		}
		if slot.built != step.built {
			t.Errorf("missing for %s: there is a client: %t", step.missing, slot.built)
		}
	}
	if err := pool.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
