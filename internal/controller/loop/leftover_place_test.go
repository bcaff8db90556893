// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// terminating is what the API server answers to a creation in a namespace that is being deleted.
func terminating(namespace string) error {
	err := apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "x", errors.New("is being terminated"))
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause, Message: namespace}}
	return err
}

// letsGo is what records the leftovers of a user in a cluster.
func letsGo(t *testing.T, user *pamv1alpha1.LocalUser) (Deps, *events.FakeRecorder) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, pamv1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	cluster := fake.NewClientBuilder().WithScheme(scheme).WithObjects(user).Build()
	recorder := events.NewFakeRecorder(10)
	return Deps{Options: Options{DeletionDeadline: time.Hour}, Client: cluster, Events: recorder}, recorder
}

func TestWhereARecordIsWritten(t *testing.T) {
	forbidden := func(string) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "x", errors.New("exceeded quota"))
	}
	full := func(namespace string) error { return &fullError{recordPage{in: namespace}} }
	type answers map[string]func(string) error
	for name, c := range map[string]struct {
		// connection is the namespace of the connection; empty if there is none. manager is the manager's own.
		connection, manager string
		// earlier is where a record is already.
		earlier  string
		refusals answers
		// want is where the record is tried, in this order; written says that the last namespace accepted it.
		want    []string
		written bool
	}{
		"beside the connection": {connection: "pam-system", manager: "op", want: []string{"pam-system"}, written: true},
		"beside the object, if the connection does not exist": {
			manager: "op", want: []string{"team"}, written: true,
		},
		"nowhere, if it was written beside a connection that has gone since": {manager: "op", earlier: "pam-system"},
		"again, if it can only have been written from the object's namespace": {
			connection: "pam-system", manager: "op", earlier: "team", want: []string{"pam-system"}, written: true,
		},
		"beside the object, if the connection's namespace is going": {
			connection: "pam-system", manager: "op", refusals: answers{"pam-system": terminating},
			want: []string{"pam-system", "team"}, written: true,
		},
		"beside the manager, if both are going": {
			connection: "pam-system", manager: "op", refusals: answers{"pam-system": terminating, "team": terminating},
			want: []string{"pam-system", "team", "op"}, written: true,
		},
		"also if the connection was in the same one": {
			connection: "team", manager: "op", refusals: answers{"team": terminating},
			want: []string{"team", "op"}, written: true,
		},
		"nowhere, if the manager's is not known": {
			refusals: answers{"team": terminating}, want: []string{"team"},
		},
		"a quota of one's own sends nothing to the manager": {
			manager: "op", refusals: answers{"team": forbidden}, want: []string{"team"},
		},
		"nor does a full namespace send it anywhere else": {
			connection: "pam-system", manager: "op", refusals: answers{"pam-system": full}, want: []string{"pam-system"},
		},
		"what may pass is tried again there": {
			connection: "pam-system", manager: "op", want: []string{"pam-system"},
			refusals: answers{"pam-system": func(string) error { return errors.New("connection reset") }},
		},
		"a record that is there is not written elsewhere": {
			connection: "pam-system", manager: "op", want: []string{"pam-system"},
			refusals: answers{"pam-system": func(string) error {
				return apierrors.NewAlreadyExists(schema.GroupResource{Resource: "configmaps"}, "x")
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			user := builder.LeavingUser(0)
			var tried []string
			d, _ := letsGo(t, user)
			cluster := d.Client
			d.Namespace, d.Live, d.Client = c.manager, cluster, answering{cluster, func(namespace string) error {
				tried = append(tried, namespace)
				if refusal := c.refusals[namespace]; refusal != nil {
					return refusal(namespace)
				}
				return nil
			}}
			l := Leftover{Object: user, Kind: "LocalUser", Cause: errors.New("gone")}
			l.Through = types.NamespacedName{Namespace: "pam-system", Name: "sps"}
			if c.earlier != "" {
				if err := cluster.Create(t.Context(), l.in(c.earlier)); err != nil {
					t.Fatal(err)
				}
			}
			if c.connection != "" {
				l.Connection = builder.SPSConnection("sps", builder.InNamespace(c.connection))
			}
			record, err := d.record(t.Context(), l)
			if diff := cmp.Diff(c.want, tried); diff != "" || (err == nil) != c.written {
				t.Errorf("tried (-want +got):\n%s\nerror %v", diff, err)
			}
			if c.written && record.Namespace != c.want[len(c.want)-1] {
				t.Errorf("written into %s", record.Namespace)
			}
		})
	}
}

// answering is a client whose creations are answered by a function.
type answering struct {
	client.Client

	answer func(namespace string) error
}

func (a answering) Create(_ context.Context, obj client.Object, _ ...client.CreateOption) error {
	return a.answer(obj.GetNamespace())
}

func TestANamespaceGetsSoManyRecordsAndNoMore(t *testing.T) {
	user := builder.LeavingUser(0)
	d, recorder := letsGo(t, user)
	d.Records, d.Live = NewRecordBook(), d.Client
	for i := range maxRecords - 1 {
		record := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: "pam-system", Name: fmt.Sprintf("leftover-%d", i), Labels: map[string]string{
				pamv1alpha1.LabelLeftover: "localuser", pamv1alpha1.LabelLeftoverOf: "team",
			},
		}}
		if err := d.Client.Create(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	beside := builder.SPSConnection("sps", builder.InNamespace("pam-system"))
	for i, c := range []struct{ namespace, want string }{
		{"team", "recorded in ConfigMap pam-system/"},
		{"team", "namespace pam-system has 1000 such records of namespace team already"},
		{"victim", "recorded in ConfigMap pam-system/"}, // another namespace's records do not prevent it
	} {
		l := Leftover{
			Object: builder.LeavingUser(0), Kind: "LocalUser", Connection: beside, Cause: errors.New("gone"),
			What: "it", Where: "there",
		}
		l.Object.SetNamespace(c.namespace)
		l.Object.SetUID(types.UID(fmt.Sprint("uid-", i)))
		if err := d.RecordLeftover(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		event := <-recorder.Events
		for len(recorder.Events) > 0 { // the connection gets the same Event
			<-recorder.Events
		}
		if !strings.Contains(event, c.want) {
			t.Errorf("Event %d is %q, want %q", i, event, c.want)
		}
	}
}

// TestARecordThatIsThereBeforeDoesNotSilenceALeftover: its name is known before, and the author of the object may write
// ConfigMaps.
func TestARecordThatIsThereBeforeDoesNotSilenceALeftover(t *testing.T) {
	user := builder.LeavingUser(0)
	d, recorder := letsGo(t, user)
	d.Live = d.Client
	l := Leftover{
		Object: user, Kind: "LocalUser", Cause: errors.New("gone"), What: "user root", Where: "sps",
		Through: types.NamespacedName{Namespace: "pam-system", Name: "sps"},
	}
	forged := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: user.Namespace, Name: l.recordName()}}
	if err := d.Client.Create(t.Context(), forged); err != nil {
		t.Fatal(err)
	}
	if err := d.RecordLeftover(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if len(recorder.Events) != 1 {
		t.Errorf("%d Events", len(recorder.Events))
	}
}
