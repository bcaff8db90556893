// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/metrics"
)

// state is what the Ready condition of an object amounts to.
type state struct {
	reason string
	acts   pamv1alpha1.Actor
	ready  bool
	// over says that the object has done what it was for, so that nothing will change it any more.
	over bool
	// since is when it ceased to be ready, or was created.
	since time.Time
}

// stateOf reads the state of an object. One that was not reconciled yet is in progress.
func stateOf(obj kinds.Object) state {
	s := state{reason: pamv1alpha1.ReasonProgressing, since: obj.GetCreationTimestamp().Time}
	if is := meta.FindStatusCondition(*obj.GetStatus().ObjectConditions(), pamv1alpha1.ConditionReady); is != nil {
		s.reason, s.ready, s.since = is.Reason, is.Status == metav1.ConditionTrue, is.LastTransitionTime.Time
	}
	s.over = isOver(obj, s.reason)
	s.acts = pamv1alpha1.ActorFor(s.reason)
	switch {
	case s.acts == "": // a version that we do not know has written it
		s.reason, s.acts = metrics.Other, metrics.Other
	case s.over:
		s.acts = pamv1alpha1.ActorNobody
	}
	return s
}

// isOver reports whether an object will not change any more. A session whose Secret cannot be deleted is not over,
// although its phase is final.
func isOver(obj kinds.Object, reason string) bool {
	switch o := obj.(type) {
	case *pamv1alpha1.ActivitySession:
		switch reason {
		case pamv1alpha1.ReasonCompleted, pamv1alpha1.ReasonFailed, pamv1alpha1.ReasonDenied:
			return o.Status.Phase.Terminal()
		}
	case *pamv1alpha1.ApplianceExport:
		return o.Status.Phase == pamv1alpha1.ExportCompleted || o.Status.Phase == pamv1alpha1.ExportFailed
	case *pamv1alpha1.SessionTermination:
		return meta.IsStatusConditionTrue(o.Status.Conditions, pamv1alpha1.ConditionComplete) ||
			meta.IsStatusConditionTrue(o.Status.Conditions, pamv1alpha1.ConditionFailed)
	}
	return false
}

// waits reports whether somebody waits for the object to become ready.
func (s state) waits() bool {
	return !s.ready && !s.over && s.reason != pamv1alpha1.ReasonSuspended
}
