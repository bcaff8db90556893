// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// terminating is what the API server answers to a creation in a namespace that is being deleted.
func terminating(namespace string) error {
	err := apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "x", errors.New("is being terminated"))
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause, Message: namespace}}
	return err
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
		// want is where it is tried, in this order; written says that the last of them took it.
		want    []string
		written bool
	}{
		"beside the connection": {connection: "pam-system", manager: "op", want: []string{"pam-system"}, written: true},
		"beside the object, if the connection does not exist": {
			manager: "op", want: []string{"team"}, written: true,
		},
		"nowhere, if it was written beside a connection that has gone since": {manager: "op", earlier: "pam-system"},
		"again, if only somebody in the object's namespace can have written it": {
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
			user := leavingUser(0)
			r, _ := leaving(t, user, nil)
			var tried []string
			d := r.deps
			d.Namespace, d.live, d.client = c.manager, r.client, answering{r.client, func(namespace string) error {
				tried = append(tried, namespace)
				if refusal := c.refusals[namespace]; refusal != nil {
					return refusal(namespace)
				}
				return nil
			}}
			l := leftover{object: user, kind: "LocalUser", cause: errors.New("gone")}
			l.through = types.NamespacedName{Namespace: "pam-system", Name: "sps"}
			if c.earlier != "" {
				if err := r.client.Create(t.Context(), l.in(c.earlier)); err != nil {
					t.Fatal(err)
				}
			}
			if c.connection != "" {
				l.connection = builder.SPSConnection("sps", builder.InNamespace(c.connection))
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

func TestAConnectionThatLeadsElsewhereIsNotTold(t *testing.T) {
	for name, c := range map[string]struct {
		url  string
		told bool
	}{
		"the appliance of the leftover": {"https://SPS.example.com:443", true},
		"another one":                   {"https://other.example.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			user := leavingUser(0)
			r, _ := leaving(t, user, nil)
			conn := &pamv1alpha1.SPSConnection{}
			if err := r.client.Get(t.Context(), client.ObjectKey{Namespace: "pam-system", Name: "sps"}, conn); err != nil {
				t.Fatal(err)
			}
			conn.Spec.URL = c.url
			if err := r.client.Update(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			l, err := r.leftover(t.Context(), user, errors.New("gone"))
			if err != nil || (l.connection != nil) != c.told {
				t.Errorf("connection %v, error %v", l.connection, err)
			}
		})
	}
}

func TestANamespaceGetsSoManyRecordsAndNoMore(t *testing.T) {
	user := leavingUser(0)
	r, recorder := leaving(t, user, nil)
	d := r.deps
	d.records, d.live = newRecordBook(), r.client
	for i := range maxRecords - 1 {
		record := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: "pam-system", Name: fmt.Sprintf("leftover-%d", i), Labels: map[string]string{
				pamv1alpha1.LabelLeftover: "localuser", pamv1alpha1.LabelLeftoverOf: "team",
			},
		}}
		if err := r.client.Create(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	beside := builder.SPSConnection("sps", builder.InNamespace("pam-system"))
	for i, c := range []struct{ namespace, want string }{
		{"team", "recorded in ConfigMap pam-system/"},
		{"team", "namespace pam-system has 1000 such records of namespace team already"},
		{"victim", "recorded in ConfigMap pam-system/"}, // which another namespace's records do not keep from it
	} {
		l := leftover{
			object: leavingUser(0), kind: "LocalUser", connection: beside, cause: errors.New("gone"), what: "it", where: "there",
		}
		l.object.SetNamespace(c.namespace)
		l.object.SetUID(types.UID(fmt.Sprint("uid-", i)))
		if err := d.leave(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		event := <-recorder.Events
		for len(recorder.Events) > 0 { // the connection is told the same
			<-recorder.Events
		}
		if !strings.Contains(event, c.want) {
			t.Errorf("Event %d is %q, want %q", i, event, c.want)
		}
	}
}
