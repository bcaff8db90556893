// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func leaseOf(holder string, renewed time.Time) *coordinationv1.Lease {
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "pam", Name: leaseName},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &holder, LeaseDurationSeconds: new(int32(15)), RenewTime: new(metav1.NewMicroTime(renewed)),
		},
	}
}

func clientOf(t *testing.T, objects ...client.Object) *Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, coordinationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	built := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithIndex(&coordinationv1.Lease{},
		"metadata.name", func(o client.Object) []string { return []string{o.GetName()} }).Build()
	return &Client{WithWatch: built}
}

func TestAManagerLeadsIfItsLeaseMovesWhateverTheClocksSay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		holder string
		behind time.Duration // how far the manager's clock is behind ours
		moves  bool
		want   bool
	}{
		"in step":                      {"m", 0, true, true},
		"its clock is hours behind":    {"m", 3 * time.Hour, true, true},
		"its clock is hours ahead":     {"m", -3 * time.Hour, true, true},
		"it has just stopped":          {"m", 0, false, false},
		"it stopped, with a clock off": {"m", -3 * time.Hour, false, false},
		"it let go of its lease":       {"", 0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				lease := leaseOf(c.holder, time.Now().Add(-c.behind))
				k := clientOf(t, lease)
				if c.moves {
					time.AfterFunc(10*time.Second, func() {
						lease.Spec.RenewTime = new(metav1.NewMicroTime(time.Now().Add(-c.behind)))
						if err := k.Update(t.Context(), lease); err != nil {
							t.Error(err)
						}
					})
				}
				m, err := k.Managers(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if alive, err := k.Alive(t.Context(), m); err != nil || alive != c.want {
					t.Errorf("%t, %v, want %t", alive, err, c.want)
				}
			})
		})
	}
}

func TestTheManagersDeploymentIsFoundByNameOrPlace(t *testing.T) {
	t.Parallel()
	deployment := func(namespace, name string) *appsv1.Deployment {
		return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: namespace,
			Labels: map[string]string{"control-plane": "controller-manager", "app.kubernetes.io/name": name},
		}}
	}
	c := clientOf(t, leaseOf("m", time.Now()), deployment("pam", "renamed"), deployment("elsewhere", "pam-operator"),
		deployment("cert-manager", "cert-manager"))
	m, err := c.Managers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range m.Deployments {
		got = append(got, d.Namespace)
	}
	if len(got) != 2 || got[0] != "elsewhere" || got[1] != "pam" {
		t.Errorf("found %v", got)
	}
}
