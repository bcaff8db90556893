// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/test/builder"
)

// indexed has a client in memory find objects by the indexes of the manager's cache.
type indexed struct{ *fake.ClientBuilder }

func (i indexed) IndexField(_ context.Context, obj client.Object, field string, of client.IndexerFunc) error {
	i.WithIndex(obj, field, of)
	return nil
}

func boundToPod(name string) builder.Option {
	return builder.With(func(s *pamv1alpha1.ActivitySession) {
		s.Spec.BoundTo = &pamv1alpha1.Workload{APIVersion: "v1", Kind: "Pod", Name: name}
	})
}

// dependents are objects of two namespaces, and of each kind one that refers to nothing, where that is possible.
func dependents(t *testing.T) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := pamv1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme)
	if err := loop.AddIndexes(t.Context(), indexed{c}); err != nil {
		t.Fatal(err)
	}
	for _, namespace := range []string{"a", "b"} {
		in := builder.InNamespace(namespace)
		c.WithObjects(
			builder.SPSConnection("plain", in), builder.SPSConnection("with-ca", in, builder.TrustedCA("ca")),
			builder.NPSConnection("nps", in, builder.UserSignIn()),
			builder.LocalUser("plain", in), builder.LocalUser("with-password", in, builder.PasswordFrom("password")),
			builder.ActivitySession("plain", in), builder.ActivitySession("with-job", in, builder.BoundToJob("job")),
			builder.ActivitySession("with-pod", in, boundToPod("pod")),
		)
	}
	return c.Build()
}

func TestAFeedWakesWhatRefersToWhatChanged(t *testing.T) {
	c := dependents(t)
	feed := func() loop.Deps { return loop.Deps{Client: c, Requests: loop.NewRequestBook(0)} }
	secrets := func(list client.ObjectList) handler.EventHandler { return feed().Referring(list, loop.IndexSecrets) }
	for name, test := range map[string]struct {
		handler         handler.EventHandler
		namespace, name string
		want            []string
	}{
		"a Secret's user": {
			handler: secrets(&pamv1alpha1.LocalUserList{}), namespace: "a", name: "password", want: []string{"a/with-password"},
		},
		"a Secret without references": {
			handler: secrets(&pamv1alpha1.LocalUserList{}), namespace: "a", name: "other",
		},
		"any Secret in a namespace: users with a password": {
			handler: secrets(&pamv1alpha1.LocalUserList{}), namespace: "a", want: []string{"a/with-password"},
		},
		"any Secret: users with a password": {
			handler: secrets(&pamv1alpha1.LocalUserList{}), want: []string{"a/with-password", "b/with-password"},
		},
		"any Secret: connections to an appliance": {
			handler: secrets(&pamv1alpha1.SPSConnectionList{}), namespace: "b", want: []string{"b/plain", "b/with-ca"},
		},
		"any Secret: connections to a server": {
			handler: secrets(&pamv1alpha1.NPSConnectionList{}), want: []string{"a/nps", "b/nps"},
		},
		"any Secret: sessions": {
			handler: secrets(&pamv1alpha1.ActivitySessionList{}), namespace: "a",
			want: []string{"a/plain", "a/with-job", "a/with-pod"},
		},
		"any ConfigMap: connections with a CA": {
			handler: feed().Referring(&pamv1alpha1.SPSConnectionList{}, loop.IndexConfigMaps),
			want:    []string{"a/with-ca", "b/with-ca"},
		},
		"a Pod's session": {handler: boundSessions(feed(), "Pod"), namespace: "b", name: "pod", want: []string{"b/with-pod"}},
		"any Pod: sessions bound to one": {
			handler: boundSessions(feed(), "Pod"), want: []string{"a/with-pod", "b/with-pod"},
		},
		"any Job in a namespace: sessions bound to one": {
			handler: boundSessions(feed(), "Job"), namespace: "a", want: []string{"a/with-job"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := woken(t, test.handler, test.namespace, test.name)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// woken are the requests that a handler makes of what a feed says.
func woken(t *testing.T, h handler.EventHandler, namespace, name string) []string {
	t.Helper()
	queue := priorityqueue.New[reconcile.Request](t.Name())
	defer queue.ShutDown()
	obj := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if name != "" {
		h.Generic(t.Context(), event.GenericEvent{Object: obj}, queue)
	} else {
		h.Create(t.Context(), event.CreateEvent{Object: obj, IsInInitialList: true}, queue)
	}
	var out []string
	for range queue.Len() {
		request, priority, _ := queue.GetWithPriority()
		if low := priority == handler.LowPriority; low != (name == "") {
			t.Errorf("%s has priority %d", request, priority)
		}
		out = append(out, request.String())
	}
	slices.Sort(out)
	return out
}
