// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/simulator"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// simulatedAppliance is an appliance behind a pool, without a control plane.
func simulatedAppliance(t *testing.T) (*simsps.Appliance, *appliance.Appliance) {
	t.Helper()
	box := simsps.New(simsps.Options{})
	running, err := simulator.Serve(t.Context(), simulator.Config{
		Listeners: []simulator.Listener{{Name: "sps", Handler: box.Handler()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	conn := builder.SPSConnection("sps", builder.URL(running.URL("sps")), builder.TrustedCA("ca"))
	ca := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: conn.Namespace, Name: "ca"},
		Data:       map[string]string{"ca.crt": string(running.CA().CertificatePEM())},
	}
	world := clusterInMemory(t, conn, ca, builder.SPSCredentialsSecret(simsps.DefaultUser, simsps.DefaultPassword))
	pool := connection.NewPool(connection.Config{Cache: world, Live: world, Secrets: unchanged{}, ConfigMaps: unchanged{}})
	on, err := pool.Connect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	return box, on
}

// clusterInMemory has objects, and nothing that acts on them.
func clusterInMemory(t *testing.T, objects ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, pamv1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
}

// unchanged are the versions of objects that all exist and never change.
type unchanged struct{}

func (unchanged) Version(context.Context, types.NamespacedName) (version uint64, exists bool, err error) {
	return 1, true, nil
}

// The audit line and the Event of a repair depend on it.
func TestApplySaysWhetherItWrote(t *testing.T) {
	_, on := simulatedAppliance(t)
	r := newReconciler(loop.Deps{}, newConnectionPolicyVerbs(nil, rdpMapping))
	policy := builder.RDPConnectionPolicy("finance", builder.Port(3389))
	apply := func() (wrote bool) {
		t.Helper()
		err := on.Change(t.Context(), appliance.Identity{}, func(ctx context.Context, tx *appliance.Transaction) (err error) {
			wrote, err = r.apply(ctx, tx, policy, true)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return wrote
	}
	if !apply() || policy.Status.Key == "" {
		t.Error("a create is not reported")
	}
	if apply() {
		t.Error("a change is reported although nothing differed")
	}
	policy.Spec.Network.Ports = []int32{3390}
	if !apply() {
		t.Error("an update is not reported")
	}
}
