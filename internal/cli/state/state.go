// SPDX-License-Identifier: Apache-2.0

// Package state decides what an object's status means to people: how it is, since when, and who has to act.
package state

import (
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Deleting is the word for an object that is on its way out. It is no reason of a condition.
const Deleting = "Deleting"

// State is what is known of an object.
type State struct {
	// Mark is the symbol before the word.
	Mark printer.Mark
	// Word is one word: the reason of Ready, the phase of a session, or Deleting.
	Word string
	// Verdict is that of kstatus: Current, InProgress, Failed or Terminating.
	Verdict status.Status
	// Reason and Message are those of the condition Ready; empty until there is one.
	Reason, Message string
	// Since is when the state was entered; zero if that is not known.
	Since time.Time
	// Actor is who has to act; empty if that is not known.
	Actor pamv1alpha1.Actor
	// Observed is set if the operator has seen the object as it is now.
	Observed bool
}

// Ready reports whether the object is as its spec says.
func (s State) Ready() bool { return s.Mark == printer.MarkReady }

// Stuck reports whether nothing will change until somebody acts.
func (s State) Stuck() bool { return s.Mark == printer.MarkFailed }

// Suspended reports whether somebody has stopped the object.
func (s State) Suspended() bool { return s.Mark == printer.MarkSuspended }

// Of is the state of an object.
func Of(o kinds.Object) State {
	ready := meta.FindStatusCondition(*o.GetStatus().ObjectConditions(), pamv1alpha1.ConditionReady)
	s := State{Mark: printer.MarkUnderWay, Word: pamv1alpha1.ReasonProgressing, Verdict: verdict(o)}
	if ready != nil {
		s.Reason, s.Message, s.Since = ready.Reason, ready.Message, ready.LastTransitionTime.Time
		s.Observed = ready.ObservedGeneration == o.GetGeneration()
		s.Actor = pamv1alpha1.ActorFor(ready.Reason)
	}
	if ready == nil && s.Verdict == status.CurrentStatus { // to kstatus, what has no status needs none
		s.Verdict = status.InProgressStatus
	}
	if !s.Observed {
		s.Message, s.Actor = "the operator has not looked at this generation yet", pamv1alpha1.ActorNobody
		if ready == nil {
			s.Since = o.GetCreationTimestamp().Time
		}
	}
	s.judge(o)
	return s
}

// judge finds mark and word.
func (s *State) judge(o kinds.Object) {
	switch {
	case s.Verdict == status.CurrentStatus:
		s.Mark, s.Word = printer.MarkReady, word(o, s.Reason)
	case s.Verdict == status.FailedStatus, s.Verdict == status.TerminatingStatus && stalled(o):
		s.Mark, s.Word = printer.MarkFailed, s.Reason
	case s.Verdict == status.TerminatingStatus:
		s.Word, s.Since = Deleting, o.GetDeletionTimestamp().Time
	case !s.Observed:
	case s.Reason == pamv1alpha1.ReasonSuspended:
		s.Mark, s.Word = printer.MarkSuspended, s.Reason
	default:
		s.Word = word(o, s.Reason)
	}
}

func stalled(o kinds.Object) bool {
	return meta.IsStatusConditionTrue(*o.GetStatus().ObjectConditions(), pamv1alpha1.ConditionStalled)
}

// word is the reason, or the phase of a session where that says more.
func word(o kinds.Object, reason string) string {
	session, is := o.(*pamv1alpha1.ActivitySession)
	if !is || session.Status.Phase == "" {
		return reason
	}
	switch reason {
	case pamv1alpha1.ReasonProgressing, pamv1alpha1.ReasonActive, pamv1alpha1.ReasonCompleted:
		return string(session.Status.Phase)
	}
	return reason
}

// verdict asks kstatus, which Flux and others go by, too.
func verdict(o kinds.Object) status.Status {
	metadata := map[string]any{"name": o.GetName(), "generation": o.GetGeneration()}
	if at := o.GetDeletionTimestamp(); at != nil {
		metadata["deletionTimestamp"] = at.UTC().Format(time.RFC3339)
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o.GetStatus())
	if err != nil {
		return status.UnknownStatus
	}
	result, err := status.Compute(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": pamv1alpha1.GroupVersion.String(), "kind": "Object", "metadata": metadata, "status": content,
	}})
	if err != nil {
		return status.UnknownStatus
	}
	return result.Status
}
