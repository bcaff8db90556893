// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// moments is a queue that notes when passes are due.
type moments struct {
	queue

	begun time.Time
	due   []time.Duration
}

func (m *moments) AddAfter(_ reconcile.Request, after time.Duration) {
	if due := time.Since(m.begun) + after; !slices.Contains(m.due, due) {
		m.due = append(m.due, due)
	}
}

// TestWhatAFeedReportsAsksForAPassOnceInAPause: anyone who may write the Secrets of a namespace can ask for passes,
// without the right to use a connection.
func TestWhatAFeedReportsAsksForAPassOnceInAPause(t *testing.T) {
	for name, c := range map[string]struct {
		reason string
		want   []time.Duration
	}{
		"an object":               {"Synced", []time.Duration{0, 5 * time.Second, 10 * time.Second}},
		"one that was refused":    {pamv1alpha1.ReasonRejected, []time.Duration{0, 30 * time.Second}},
		"one without a condition": {"", []time.Duration{0, 5 * time.Second, 10 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				user := &pamv1alpha1.LocalUser{}
				user.Namespace, user.Name, user.UID = "a", "user", "uid"
				if c.reason != "" {
					user.Status.Conditions = []metav1.Condition{{Type: pamv1alpha1.ConditionReady, Reason: c.reason}}
				}
				scheme := runtime.NewScheme()
				if err := pamv1alpha1.AddToScheme(scheme); err != nil {
					t.Fatal(err)
				}
				d := Deps{
					Requests: NewRequestBook(DefaultRequestPause),
					Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(user).
						WithIndex(&pamv1alpha1.LocalUser{}, "index", func(client.Object) []string { return []string{"secret"} }).
						Build(),
				}
				secret := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "secret"}}
				wake, asked := d.Referring(&pamv1alpha1.LocalUserList{}, "index"), &moments{begun: time.Now()}
				for range 10 { // one each second
					wake.Generic(t.Context(), event.GenericEvent{Object: secret}, asked)
					<-time.After(time.Second)
				}
				if diff := cmp.Diff(c.want, asked.due); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

func TestASessionOfWhatTheServerDoesNotHaveCountsAsRefused(t *testing.T) {
	condition := []metav1.Condition{{Type: pamv1alpha1.ConditionReady, Reason: pamv1alpha1.ReasonReferenceNotFound}}
	session, user := &pamv1alpha1.ActivitySession{}, &pamv1alpha1.LocalUser{}
	session.Status.Conditions, user.Status.Conditions = condition, condition
	if !isRefused(session) || isRefused(user) {
		t.Error("a session does not, or a user who waits for a Secret does")
	}
}
