// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/event"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// A session that waits for a place is woken when one becomes free, and not by each session that takes one.
func TestLifeChanges(t *testing.T) {
	of := func(id string, phase pamv1alpha1.SessionPhase) *pamv1alpha1.ActivitySession {
		s := &pamv1alpha1.ActivitySession{}
		s.Status.SessionID, s.Status.Phase = id, phase
		return s
	}
	pending, active := of("", pamv1alpha1.SessionPending), of("4711", pamv1alpha1.SessionActive)
	over := of("4711", pamv1alpha1.SessionCompleted)
	tests := map[string]struct {
		before, now *pamv1alpha1.ActivitySession
		any, ends   bool
	}{
		"it begins to live": {pending, active, true, false},
		"it goes on":        {active, active, false, false},
		"it ends":           {active, over, true, true},
		"it never lived":    {pending, of("", pamv1alpha1.SessionFailed), false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := event.UpdateEvent{ObjectOld: tt.before, ObjectNew: tt.now}
			if got := lifeChanges(true).Update(e); got != tt.any {
				t.Errorf("passes %t among all changes", got)
			}
			if got := lifeChanges(false).Update(e); got != tt.ends {
				t.Errorf("passes %t among the ends", got)
			}
		})
	}
	for name, s := range map[string]*pamv1alpha1.ActivitySession{"alive": active, "over": over} {
		if got, want := lifeChanges(false).Delete(event.DeleteEvent{Object: s}), s == active; got != want {
			t.Errorf("the deletion of one that is %s passes %t", name, got)
		}
	}
}

// TestAStatusOfAnotherObjectIsLookedAtAtOnce: nothing else reports that a status was restored.
func TestAStatusOfAnotherObjectIsLookedAtAtOnce(t *testing.T) {
	of := func(request string) *pamv1alpha1.ActivitySession {
		s := &pamv1alpha1.ActivitySession{}
		s.UID, s.Status.Phase, s.Status.SessionID = "uid", pamv1alpha1.SessionActive, "4711"
		s.Status.RequestID = request
		return s
	}
	own, another, none := of("pam-operator/uid/1"), of("pam-operator/other/1"), &pamv1alpha1.ActivitySession{}
	none.UID = "uid"
	for name, tt := range map[string]struct {
		before, now *pamv1alpha1.ActivitySession
		passed      bool
	}{
		"a restored status":          {none, another, true},
		"instead of its own":         {own, another, true},
		"its own":                    {none, own, false},
		"what was there before":      {another, another, false},
		"what we have put in order":  {another, none, false},
		"nothing about any sessions": {none, none, false},
	} {
		if got := takesStatus(event.UpdateEvent{ObjectOld: tt.before, ObjectNew: tt.now}); got != tt.passed {
			t.Errorf("%s is passed: %t", name, got)
		}
	}
	if !Lives(own) || Lives(another) {
		t.Error("a session of another object counts, or its own does not")
	}
}
