// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

var contestTime = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// repaired is a policy that was repaired some minutes ago, and said so about its present spec.
func repaired(reason string, minutesAgo ...int) *pamv1alpha1.RDPConnectionPolicy {
	p := builder.RDPConnectionPolicy("a")
	p.Generation, p.Status.Key, p.Status.Origin = 3, "1", pamv1alpha1.OriginCreated
	status := metav1.ConditionFalse
	if reason == pamv1alpha1.ReasonSynced {
		status = metav1.ConditionTrue
	}
	p.Status.Conditions = []metav1.Condition{{
		Type: pamv1alpha1.ConditionReady, Status: status, Reason: reason, ObservedGeneration: 3,
	}}
	for _, m := range minutesAgo {
		p.Status.Repairs = append(p.Status.Repairs, metav1.NewTime(contestTime.Add(-time.Duration(m)*time.Minute)))
	}
	return p
}

func TestAnObjectIsContested(t *testing.T) {
	newer := repaired(pamv1alpha1.ReasonSynced, 50, 40, 30, 20, 10, 5)
	newer.Generation++
	in := func(minutes int) time.Time { return contestTime.Add(time.Duration(minutes) * time.Minute) }
	tests := map[string]struct {
		policy *pamv1alpha1.RDPConnectionPolicy
		until  time.Time
	}{
		"never repaired":                  {repaired(pamv1alpha1.ReasonSynced), time.Time{}},
		"repaired five times":             {repaired(pamv1alpha1.ReasonSynced, 50, 40, 30, 20, 10), time.Time{}},
		"six times within the hour":       {repaired(pamv1alpha1.ReasonSynced, 50, 40, 30, 20, 10, 5), in(10)},
		"six times, one of them long ago": {repaired(pamv1alpha1.ReasonSynced, 60, 40, 30, 20, 10, 5), time.Time{}},
		"while it says so":                {repaired(pamv1alpha1.ReasonConflict, 59, 40, 30, 20, 10, 5), in(1)},
		"after a change of the spec":      {newer, time.Time{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.until, contestedUntil(tt.policy, contestTime)); diff != "" {
				t.Errorf("until (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatCountsAsARepair(t *testing.T) {
	present := observation{current: sps.Object{Key: "1"}}
	differs, password := present, present
	differs.drift = []sps.Difference{{Path: "active"}}
	password.drift = []sps.Difference{{Path: fieldPassword}}
	tests := map[string]struct {
		policy *pamv1alpha1.RDPConnectionPolicy
		seen   observation
		want   int
	}{
		"a difference of what was in place": {repaired(pamv1alpha1.ReasonSynced, 5), differs, 2},
		"what was in place and has gone":    {repaired(pamv1alpha1.ReasonSynced, 5), observation{}, 2},
		"a difference of what is contested": {repaired(pamv1alpha1.ReasonConflict, 5), differs, 2},
		"a difference that showed at once":  {repaired(pamv1alpha1.ReasonRejected, 5), differs, 2},
		"a new password":                    {repaired(pamv1alpha1.ReasonSynced, 5), password, 1},
		"a write after a lock":              {repaired(pamv1alpha1.ReasonLocked, 5), differs, 1},
		"no more than the limit are remembered": {
			repaired(pamv1alpha1.ReasonSynced, 9, 8, 7, 6, 5, 4), differs, repairLimit,
		},
		"those of an hour ago are not remembered":   {repaired(pamv1alpha1.ReasonSynced, 70, 61, 5), differs, 2},
		"the first write of an object that is made": {builder.RDPConnectionPolicy("a"), observation{}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := repairsAfter(tt.policy, tt.seen, contestTime); len(got) != tt.want {
				t.Errorf("got %v, want %d", got, tt.want)
			}
		})
	}
}

// However often another writer changes an object, it is never written more often than the limit within any window.
func TestRepairsAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := repaired(pamv1alpha1.ReasonSynced)
		seen := observation{current: sps.Object{Key: "1"}, drift: []sps.Difference{{Path: "active"}}}
		now, writes := contestTime, []time.Time{}
		for _, pause := range rapid.SliceOfN(rapid.IntRange(1, 1800), 1, 60).Draw(t, "pauses in seconds") {
			now = now.Add(time.Duration(pause) * time.Second)
			if !contestedUntil(p, now).IsZero() {
				p.Status.Conditions[0].Status, p.Status.Conditions[0].Reason = metav1.ConditionFalse, pamv1alpha1.ReasonConflict
				continue
			}
			p.Status.Repairs = repairsAfter(p, seen, now)
			p.Status.Conditions[0].Status, p.Status.Conditions[0].Reason = metav1.ConditionTrue, pamv1alpha1.ReasonSynced
			writes = append(writes, now)
			if n := len(writes); n > repairLimit && now.Sub(writes[n-1-repairLimit]) < repairWindow {
				t.Fatalf("%d writes within %s", repairLimit+1, now.Sub(writes[n-1-repairLimit]))
			}
		}
	})
}
