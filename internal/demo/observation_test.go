// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// session is an ActivitySession of generation 2 with this Ready condition.
func session(ready metav1.ConditionStatus, reason string, generation int64) *pamv1alpha1.ActivitySession {
	s := &pamv1alpha1.ActivitySession{}
	s.Name, s.Namespace, s.Generation = "a", "b", 2
	s.Status.Phase = pamv1alpha1.SessionPhase("Active")
	s.Status.Conditions = []metav1.Condition{{
		Type: pamv1alpha1.ConditionReady, Status: ready, Reason: reason, Message: "why", ObservedGeneration: generation,
	}}
	return s
}

func TestObserve(t *testing.T) {
	unknown := session(metav1.ConditionTrue, "Active", 2)
	unknown.Status.Conditions = nil
	deleted := session(metav1.ConditionTrue, "Active", 2)
	deleted.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	ending := session(metav1.ConditionFalse, "Progressing", 2)
	ending.DeletionTimestamp = deleted.DeletionTimestamp
	tests := map[string]struct {
		of     kinds.Object
		ready  bool
		reason string
	}{
		"an object that is ready":                    {session(metav1.ConditionTrue, "Active", 2), true, "Active"},
		"one that is not":                            {session(metav1.ConditionFalse, "Locked", 2), false, "Locked"},
		"one that may be ready":                      {session(metav1.ConditionUnknown, "Locked", 2), false, "Locked"},
		"one that was never reconciled":              {unknown, false, ""},
		"one whose spec has changed since":           {session(metav1.ConditionTrue, "Active", 1), false, "Changed"},
		"one that was ready and is being deleted":    {deleted, false, "Deleting"},
		"one whose deletion the manager has noticed": {ending, false, "Progressing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := observe("ActivitySession", tt.of)
			if got.ready != tt.ready || got.reason != tt.reason {
				t.Errorf("ready %t, reason %q; want %t, %q", got.ready, got.reason, tt.ready, tt.reason)
			}
			if want := (identity{"ActivitySession", "b", "a"}); got.identity != want {
				t.Errorf("identity %v, want %v", got.identity, want)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	commit := &pamv1alpha1.SPSConnection{}
	commit.Status.Version = "8.0.0"
	commit.Status.LastCommit = &pamv1alpha1.CommitRecord{
		Time: metav1.Date(2026, 1, 2, 3, 4, 5, 0, time.Local), Changes: new(int32(3)),
	}
	commit.Status.Conditions = session(metav1.ConditionTrue, "Synced", 0).Status.Conditions
	policy := &pamv1alpha1.RDPConnectionPolicy{}
	policy.Status.Key = "4711"
	policy.Status.Conditions = session(metav1.ConditionFalse, "Rejected", 0).Status.Conditions
	tests := map[string]struct {
		of   observation
		want string
	}{
		"a reason that is also the phase": {observe("", session(metav1.ConditionTrue, "Active", 2)), "Active"},
		"a message where it is not ready": {observe("", policy), "Rejected (4711): why"},
		"a commit":                        {observe("", commit), "Synced (8.0.0), last commit 03:04:05, changes 3"},
		"an object that is gone":          {observation{reason: "Active", gone: true}, "gone"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.of.summary(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestBoardTellsWhatIsNew(t *testing.T) {
	id := identity{"LocalUser", "ns", "alice"}
	waiting := observation{identity: id, reason: "Locked", message: "since 1 s"}
	still := waiting
	still.message = "since 2 s"
	ready := observation{identity: id, reason: "Synced", ready: true}
	steps := []struct {
		name string
		of   observation
		want bool
	}{
		{"an object without a condition says nothing yet", observation{identity: id}, false},
		{"the first condition is new", waiting, true},
		{"another message alone is not", still, false},
		{"readiness is", ready, true},
		{"the same again is not", ready, false},
		{"the end is", observation{identity: id, gone: true}, true},
		{"the end of what was not there is not", observation{identity: id, gone: true}, false},
	}
	b := newBoard(nil)
	for _, s := range steps {
		if got := b.note(s.of); got != s.want {
			t.Errorf("%s: %t, want %t", s.name, got, s.want)
		}
	}
}

func TestBoardKnowsWhatIsPending(t *testing.T) {
	never, waiting, done := identity{"A", "", "1"}, identity{"B", "", "2"}, identity{"C", "", "3"}
	b := newBoard([]identity{never, waiting, done})
	b.note(observation{identity: waiting, reason: "Locked"})
	b.note(observation{identity: done, reason: "Synced", ready: true})
	b.note(observation{identity: identity{"D", "", "not expected"}, reason: "Locked"})
	var got []identity
	for _, o := range b.pending() {
		got = append(got, o.identity)
	}
	if diff := cmp.Diff([]identity{never, waiting}, got, cmp.AllowUnexported(identity{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestBoardSortsByKindNamespaceAndName(t *testing.T) {
	want := []identity{
		{"SPSConnection", "z", "z"}, {"LocalUser", "a", "b"}, {"LocalUser", "b", "a"}, {"LocalUser", "b", "b"},
		{"ActivitySession", "a", "a"},
	}
	b := newBoard(nil)
	for i := range want {
		b.note(observation{identity: want[len(want)-1-i]})
	}
	var got []identity
	for _, o := range b.all() {
		got = append(got, o.identity)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(identity{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
