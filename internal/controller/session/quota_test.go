// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/test/builder"
)

// quotaOfOne is the quota of a connection that allows one session, and two objects that want it.
func quotaOfOne(t *testing.T) (q *sessionQuota, may permission, first, second *pamv1alpha1.ActivitySession) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := pamv1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme)
	if err := loop.AddIndexes(t.Context(), indexed{c}); err != nil {
		t.Fatal(err)
	}
	conn := builder.NPSConnection("nps", builder.UserSignIn())
	conn.Spec.Limits = &pamv1alpha1.NPSLimits{ActiveSessions: new(int32(1))}
	conn.Spec.Grants = []pamv1alpha1.Grant{{}}
	first, second = builder.ActivitySession("first"), builder.ActivitySession("second")
	first.UID, second.UID = "first", "second"
	for _, s := range []*pamv1alpha1.ActivitySession{first, second} {
		s.Spec.ConnectionRef = pamv1alpha1.ConnectionReference{Name: conn.Name, Namespace: conn.Namespace}
	}
	q = &sessionQuota{client: c.WithObjects(first, second).Build(), memory: newMemory()}
	return q, permission{conn: conn, grants: []int{0}}, first, second
}

func TestTheSessionQuotaCountsWhatIsReservedAndWhatMayBeLive(t *testing.T) {
	for name, c := range map[string]struct {
		then func(q *sessionQuota, first *pamv1alpha1.ActivitySession)
		full bool
	}{
		"a reservation": {func(*sessionQuota, *pamv1alpha1.ActivitySession) {}, true},
		"a request that never reached the server": {func(q *sessionQuota, first *pamv1alpha1.ActivitySession) {
			q.refused(first.UID, &refusal{unsent: true})
		}, false},
		"a request that was refused": {func(q *sessionQuota, first *pamv1alpha1.ActivitySession) {
			q.refused(first.UID, &refusal{})
		}, false},
		"an object that is gone": {func(q *sessionQuota, first *pamv1alpha1.ActivitySession) {
			q.memory.forget(first.UID)
		}, false},
		"a session that is over": {func(q *sessionQuota, first *pamv1alpha1.ActivitySession) {
			over := first.DeepCopy()
			over.Status.Phase = pamv1alpha1.SessionCompleted
			q.client = withStatus(q.client, over)
		}, false},
		"after a restart, a request that was sent": {func(q *sessionQuota, first *pamv1alpha1.ActivitySession) {
			q.memory.forget(first.UID)
			q.client = withStatus(q.client, sentRequest(first))
		}, true},
		"the status of another object's session": {func(q *sessionQuota, first *pamv1alpha1.ActivitySession) {
			q.memory.forget(first.UID)
			restored := sentRequest(first)
			restored.Status.Phase, restored.Status.SessionID = pamv1alpha1.SessionActive, "4711"
			restored.Status.RequestID = "pam-operator/another/1"
			q.client = withStatus(q.client, restored)
		}, false},
		"a refused request whose session was not searched for yet": {
			func(q *sessionQuota, first *pamv1alpha1.ActivitySession) {
				q.refused(first.UID, &refusal{open: true})
				q.client = withStatus(q.client, sentRequest(first))
			}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			q, may, first, second := quotaOfOne(t)
			if full, err := q.reserve(t.Context(), first, may, anyNamespace); full != "" || err != nil {
				t.Fatalf("the first one: %q, %v", full, err)
			}
			c.then(q, first)
			full, err := q.reserve(t.Context(), second, may, anyNamespace)
			if err != nil || (full != "") != c.full {
				t.Errorf("the second one: %q, %v", full, err)
			}
			if q.memory.of(second.UID).reserved == c.full {
				t.Error("it has a place although the quota is full, or none although it is not")
			}
		})
	}
}

func anyNamespace(_ context.Context, name string) (connection.Namespace, error) {
	return connection.Namespace{Name: name}, nil
}

// sentRequest is an object whose request was sent and is not answered yet.
func sentRequest(s *pamv1alpha1.ActivitySession) *pamv1alpha1.ActivitySession {
	s = s.DeepCopy()
	s.Finalizers = []string{pamv1alpha1.Finalizer}
	s.Status.Phase, s.Status.RequestID = pamv1alpha1.SessionPending, loop.NewRequestID(s)
	return s
}

// withStatus has one object listed in another state.
func withStatus(c client.Reader, s *pamv1alpha1.ActivitySession) client.Reader { return listing{c, s} }

type listing struct {
	client.Reader

	changed *pamv1alpha1.ActivitySession
}

func (l listing) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	err := l.Reader.List(ctx, list, opts...)
	if all, ok := list.(*pamv1alpha1.ActivitySessionList); ok {
		for i := range all.Items {
			if all.Items[i].UID == l.changed.UID {
				all.Items[i] = *l.changed
			}
		}
	}
	return err
}
