// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/test/builder"
)

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
	return newReconciler[*pamv1alpha1.LocalUser](loop.Deps{
		Options: loop.Options{DeletionDeadline: time.Hour}, Client: cluster, Events: recorder,
	}, nil), recorder
}

func TestALeftoverIsRecordedBeforeTheObjectIsReleased(t *testing.T) {
	maps := schema.GroupResource{Resource: "configmaps"}
	for name, c := range map[string]struct {
		refusal error
		ago     time.Duration
		// released is whether the object is released, emitted how many Events there are.
		released bool
		emitted  int
	}{
		"a record that is written has Events at the object and at the connection": {released: true, emitted: 2},
		"a record that is there had its Events in an earlier pass": {
			refusal: apierrors.NewAlreadyExists(maps, "x"), released: true,
		},
		"a namespace that is gone holds nothing": {
			refusal: apierrors.NewNotFound(maps, "x"), released: true, emitted: 2,
		},
		"a namespace that is going, a quota and a missing right hold nothing": {
			refusal: apierrors.NewForbidden(maps, "x", errors.New("exceeded quota")), released: true, emitted: 2,
		},
		"an API server that has no time is asked again": {refusal: apierrors.NewServerTimeout(maps, "create", 1)},
		"an unknown fault is one that passes":           {refusal: errors.New("connection reset"), ago: 90 * time.Minute},
		"but not for ever": {
			refusal: errors.New("connection reset"), ago: 121 * time.Minute, released: true, emitted: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			user := builder.LeavingUser(c.ago)
			r, recorder := leaving(t, user, c.refusal)
			if err := r.Client.Get(t.Context(), client.ObjectKeyFromObject(user), user); err != nil {
				t.Fatal(err)
			}
			out, released := r.abandon(t.Context(), user, errors.New("the connection is gone"))
			if released != c.released || !released && out.Err == nil {
				t.Errorf("released: %t, outcome: %+v", released, out)
			}
			err := r.Client.Get(t.Context(), client.ObjectKeyFromObject(user), &pamv1alpha1.LocalUser{})
			if apierrors.IsNotFound(err) != c.released {
				t.Errorf("the object: %v", err)
			}
			if got := len(recorder.Events); got != c.emitted {
				t.Errorf("%d Events, want %d", got, c.emitted)
			}
		})
	}
}

func TestARecordSaysWhatAPersonHasToKnow(t *testing.T) {
	user := builder.LeavingUser(0)
	r, _ := leaving(t, user, nil)
	if err := r.Client.Get(t.Context(), client.ObjectKeyFromObject(user), user); err != nil {
		t.Fatal(err)
	}
	if _, released := r.abandon(t.Context(), user, errors.New("the connection is gone")); !released {
		t.Fatal("not released")
	}
	record := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: "pam-system", Name: "leftover-localuser-1-2-3"}
	if err := r.Client.Get(t.Context(), key, record); err != nil {
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

func TestAConnectionThatLeadsElsewhereIsNotNotified(t *testing.T) {
	for name, c := range map[string]struct {
		url      string
		notified bool
	}{
		"the appliance of the leftover": {"https://SPS.example.com:443", true},
		"another one":                   {"https://other.example.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			user := builder.LeavingUser(0)
			r, _ := leaving(t, user, nil)
			conn := &pamv1alpha1.SPSConnection{}
			if err := r.Client.Get(t.Context(), client.ObjectKey{Namespace: "pam-system", Name: "sps"}, conn); err != nil {
				t.Fatal(err)
			}
			conn.Spec.URL = c.url
			if err := r.Client.Update(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			l, err := r.leftover(t.Context(), user, errors.New("gone"))
			if err != nil || (l.Connection != nil) != c.notified {
				t.Errorf("connection %v, error %v", l.Connection, err)
			}
		})
	}
}
