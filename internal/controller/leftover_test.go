// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// leavingUser is a user of a team whose deletion was asked for some time ago.
func leavingUser(ago time.Duration) *pamv1alpha1.LocalUser {
	user := builder.LocalUser("alice", builder.InNamespace("team"), builder.Connection("sps", "pam-system"))
	user.UID, user.Finalizers = "1-2-3", []string{pamv1alpha1.Finalizer}
	user.DeletionTimestamp = &metav1.Time{Time: time.Now().Add(-ago)}
	user.Status.Key, user.Status.Appliance = "k1", "https://sps.example.com"
	user.Status.Origin = pamv1alpha1.OriginCreated
	return user
}

// leaving is the reconciler of a user in a cluster that answers the creation of a ConfigMap with an error.
func leaving(
	t *testing.T, user *pamv1alpha1.LocalUser, refusal error,
) (*policyReconciler[*pamv1alpha1.LocalUser], *events.FakeRecorder) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, pamv1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	conn := builder.SPSConnection("sps", builder.InNamespace("pam-system"))
	cluster := fake.NewClientBuilder().WithScheme(scheme).WithObjects(user, conn).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			if refusal != nil {
				return refusal
			}
			return c.Create(ctx, o, options...)
		},
	}).Build()
	recorder := events.NewFakeRecorder(10)
	return &policyReconciler[*pamv1alpha1.LocalUser]{collection: sps.Users, deps: deps{
		Options: Options{DeletionDeadline: time.Hour}, client: cluster, events: recorder,
	}}, recorder
}

func TestALeftoverIsRecordedBeforeTheObjectIsLetGo(t *testing.T) {
	maps := schema.GroupResource{Resource: "configmaps"}
	for name, c := range map[string]struct {
		refusal error
		ago     time.Duration
		// released says that the object is let go; told how many Events there are.
		released bool
		told     int
	}{
		"a record that is written is told of at the object and at the connection": {released: true, told: 2},
		"a record that is there was told of by an earlier pass": {
			refusal: apierrors.NewAlreadyExists(maps, "x"), released: true,
		},
		"a namespace that is gone holds nothing": {
			refusal: apierrors.NewNotFound(maps, "x"), released: true, told: 2,
		},
		"a namespace that is going, a quota and a missing right hold nothing": {
			refusal: apierrors.NewForbidden(maps, "x", errors.New("exceeded quota")), released: true, told: 2,
		},
		"an API server that has no time is asked again": {refusal: apierrors.NewServerTimeout(maps, "create", 1)},
		"an unknown fault is one that passes":           {refusal: errors.New("connection reset"), ago: 90 * time.Minute},
		"but not for ever": {
			refusal: errors.New("connection reset"), ago: 121 * time.Minute, released: true, told: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			user := leavingUser(c.ago)
			r, recorder := leaving(t, user, c.refusal)
			if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(user), user); err != nil {
				t.Fatal(err)
			}
			out, released := r.abandon(t.Context(), user, errors.New("the connection is gone"))
			if released != c.released || !released && out.err == nil {
				t.Errorf("released: %t, outcome: %+v", released, out)
			}
			err := r.client.Get(t.Context(), client.ObjectKeyFromObject(user), &pamv1alpha1.LocalUser{})
			if apierrors.IsNotFound(err) != c.released {
				t.Errorf("the object: %v", err)
			}
			if got := len(recorder.Events); got != c.told {
				t.Errorf("%d Events, want %d", got, c.told)
			}
		})
	}
}

func TestARecordSaysWhatAPersonHasToKnow(t *testing.T) {
	user := leavingUser(0)
	r, _ := leaving(t, user, nil)
	if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(user), user); err != nil {
		t.Fatal(err)
	}
	if _, released := r.abandon(t.Context(), user, errors.New("the connection is gone")); !released {
		t.Fatal("not released")
	}
	record := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: "pam-system", Name: "leftover-localuser-1-2-3"}
	if err := r.client.Get(t.Context(), key, record); err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse(time.RFC3339, record.Data["time"]); err != nil {
		t.Error(err)
	}
	delete(record.Data, "time")
	want := map[string]string{
		"appliance": "https://sps.example.com", "collection": "aaa/local_database/users",
		"nameOnAppliance": "alice", "key": "k1",
		"kind": "LocalUser", "namespace": "team", "name": "alice", "uid": "1-2-3", "connection": "pam-system/sps",
		"cause": "the connection is gone",
	}
	if diff := cmp.Diff(want, record.Data); diff != "" {
		t.Error(diff)
	}
	if record.Labels["pam-operator.io/leftover"] != "localuser" {
		t.Errorf("labels: %v", record.Labels)
	}
}
