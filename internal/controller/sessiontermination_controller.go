// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/lane"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=sessionterminations,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=pam-operator.io,resources=sessionterminations/status,verbs=patch

// sessionTerminationReconciler closes live sessions. It runs once for each object.
type sessionTerminationReconciler struct {
	deps

	now func() time.Time
}

// setupSessionTermination adds the controller of SessionTermination to a manager.
func setupSessionTermination(mgr ctrl.Manager, deps deps) error {
	r := &sessionTerminationReconciler{deps: deps, now: time.Now}
	list := &pamv1alpha1.SessionTerminationList{}
	b := ctrl.NewControllerManagedBy(mgr).Named("sessiontermination").
		For(&pamv1alpha1.SessionTermination{}, onSpec()).
		Watches(&pamv1alpha1.SPSConnection{}, dependentsOfConnection(deps.client, list), onReadiness()).
		Watches(&pamv1alpha1.RDPConnectionPolicy{}, dependentsOn(deps.client, list, indexPolicyRef), onKeyOrReady()).
		WatchesMetadata(&corev1.Namespace{}, dependentsIn(deps.client, list), onLabels())
	empty := func() *pamv1alpha1.SessionTermination { return &pamv1alpha1.SessionTermination{} }
	return complete(mgr, b, reconcile.AsReconciler(deps.client, r), lane.Options{
		Name:  "sessiontermination",
		Place: laneFor(deps.client, empty, terminationPlace), Running: terminationPasses,
	})
}

// Reconcile makes one pass and writes down what it came to.
func (r *sessionTerminationReconciler) Reconcile(
	ctx context.Context, t *pamv1alpha1.SessionTermination,
) (ctrl.Result, error) {
	if !t.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	before := t.DeepCopy()
	out, err := r.pass(ctx, t)
	if err != nil {
		out = outcomeOf(err)
	}
	if out.reason == "" { // deleted by its TTL
		return ctrl.Result{}, nil
	}
	return r.statusWriter().save(ctx, before, t, out)
}

func (r *sessionTerminationReconciler) pass(
	ctx context.Context, t *pamv1alpha1.SessionTermination,
) (outcome, error) {
	switch t.Status.Phase {
	case pamv1alpha1.TerminationSucceeded, pamv1alpha1.TerminationFailed:
		return r.finished(ctx, t)
	case "":
		t.Status.Phase = pamv1alpha1.TerminationPending
	}
	if t.Suspended() {
		return held("suspended; nothing has been sent"), nil
	}
	conn, appliance, err := r.pool.Appliance(ctx, t.Spec.ConnectionRef, t.Namespace)
	if err != nil {
		return outcome{}, err
	}
	if conn.Suspended() {
		return held("the connection is suspended; nothing has been sent"), nil
	}
	ids, err := r.targets(ctx, appliance, t)
	if err != nil {
		return outcome{}, err
	}
	if t.Status.StartTime == nil {
		t.Status.StartTime, t.Status.Terminated = &metav1.Time{Time: r.now()}, new(int32(0))
	}
	t.Status.Phase = pamv1alpha1.TerminationRunning
	failures, err := r.terminateAll(ctx, appliance, t, ids)
	if err != nil {
		return outcome{}, err
	}
	if len(failures) > 0 {
		return r.failed(t, failures), nil
	}
	message := fmt.Sprintf("%d live sessions closed", *t.Status.Terminated)
	r.finish(t, pamv1alpha1.TerminationSucceeded, pamv1alpha1.ConditionComplete, pamv1alpha1.ReasonCompleted, message)
	return r.kept(t, done(pamv1alpha1.ReasonCompleted, message)), nil
}

// targets are the ids of the sessions that are to be closed.
func (r *sessionTerminationReconciler) targets(
	ctx context.Context, appliance *connection.Appliance, t *pamv1alpha1.SessionTermination,
) ([]string, error) {
	if t.Spec.PolicyRef == nil {
		return []string{t.Spec.SessionID}, nil
	}
	policy := &pamv1alpha1.RDPConnectionPolicy{}
	key := types.NamespacedName{Namespace: t.Namespace, Name: t.Spec.PolicyRef.Name}
	if err := r.client.Get(ctx, key, policy); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil, mustAct(pamv1alpha1.ReasonReferenceNotFound,
				"spec.policyRef: RDPConnectionPolicy %s does not exist", key)
		}
		return nil, err
	}
	if policy.Status.Key == "" || policy.Status.Appliance != appliance.URL {
		return nil, mustWait("spec.policyRef: waiting for RDPConnectionPolicy %s to be on the appliance", key)
	}
	sessions, err := appliance.ActiveSessions(ctx, policy.Status.Key)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, s := range sessions {
		if t.Status.StartTime == nil || !s.Start.After(t.Status.StartTime.Time) {
			ids = append(ids, s.SessionID)
		}
	}
	return ids, nil
}

// Codes of the appliance (sps contract 8).
const (
	codeSessionNotFound       = "SessionCouldNotBeFound"
	codeTerminationFailed     = "SessionTerminationFailed"
	codeRemoteNodeInfoMissing = "RemoteNodeInfoMissing"
)

// terminateAll closes the sessions, and goes on after one that cannot be closed. Its error passes by itself.
func (r *sessionTerminationReconciler) terminateAll(
	ctx context.Context, appliance *connection.Appliance, t *pamv1alpha1.SessionTermination, ids []string,
) (failures []error, err error) {
	for _, id := range ids {
		err := r.terminate(ctx, appliance, t, id)
		switch {
		case err == nil:
		case stays(err):
			failures = append(failures, fmt.Errorf("session %s cannot be closed: %w", id, err))
		default:
			return nil, err
		}
	}
	return failures, nil
}

// terminate closes one session. One that the appliance does not know has ended by itself.
func (r *sessionTerminationReconciler) terminate(
	ctx context.Context, appliance *connection.Appliance, t *pamv1alpha1.SessionTermination, id string,
) error {
	err := appliance.Terminate(ctx, id)
	if answer := rest.As(err); answer != nil && rest.IsNotFound(err) && answer.Code == codeSessionNotFound {
		return nil
	}
	if err == nil {
		*t.Status.Terminated++
		logf.FromContext(ctx).Info("live session closed", "appliance", appliance.URL, "session", id)
	}
	return err
}

// stays tells what does not go away by itself from what is tried again: a refusal, the two faults that the appliance's
// documentation gives to its owner, and an appliance that is too old to close sessions, which answers 404 as well.
func stays(err error) bool {
	if rest.IsRejected(err) || rest.IsNotFound(err) {
		return true
	}
	answer := rest.As(err)
	return answer != nil && (answer.Code == codeTerminationFailed || answer.Code == codeRemoteNodeInfoMissing)
}

// failed says which sessions stay open.
func (r *sessionTerminationReconciler) failed(t *pamv1alpha1.SessionTermination, failures []error) outcome {
	message := failures[0].Error()
	if len(failures) > 1 {
		message = fmt.Sprintf("%d sessions cannot be closed; the first: %s", len(failures), message)
	}
	r.finish(t, pamv1alpha1.TerminationFailed, pamv1alpha1.ConditionFailed, pamv1alpha1.ReasonRejected, message)
	return r.kept(t, outcome{state: stateStalled, reason: pamv1alpha1.ReasonRejected, message: message})
}

func (r *sessionTerminationReconciler) finish(
	t *pamv1alpha1.SessionTermination, phase pamv1alpha1.TerminationPhase, condition, reason, message string,
) {
	t.Status.Phase, t.Status.CompletionTime = phase, &metav1.Time{Time: r.now()}
	meta.SetStatusCondition(&t.Status.Conditions, metav1.Condition{
		Type: condition, Status: metav1.ConditionTrue, Reason: reason,
		Message: shorten(message, maxConditionMessage), ObservedGeneration: t.Generation,
	})
}

// finished keeps the result, until the TTL takes the object away.
func (r *sessionTerminationReconciler) finished(
	ctx context.Context, t *pamv1alpha1.SessionTermination,
) (outcome, error) {
	ready := readyOf(t)
	out := outcome{reason: ready.Reason, message: ready.Message}
	if t.Status.Phase == pamv1alpha1.TerminationFailed {
		out.state = stateStalled
	}
	if left, limited := r.timeLeft(t); !limited || left > 0 {
		return r.kept(t, out), nil
	}
	return outcome{}, client.IgnoreNotFound(r.client.Delete(ctx, t, client.Preconditions{UID: &t.UID}))
}

// kept looks at a finished object again when its time is over: what finishes it wakes nobody.
func (r *sessionTerminationReconciler) kept(t *pamv1alpha1.SessionTermination, out outcome) outcome {
	if left, limited := r.timeLeft(t); limited {
		out.after = max(left, time.Second)
	}
	return out
}

// timeLeft is how long a finished object stays, if that is limited.
func (r *sessionTerminationReconciler) timeLeft(
	t *pamv1alpha1.SessionTermination,
) (left time.Duration, limited bool) {
	if t.Spec.TTLSecondsAfterFinished == nil || t.Status.CompletionTime == nil {
		return 0, false
	}
	ttl := time.Duration(*t.Spec.TTLSecondsAfterFinished) * time.Second
	return t.Status.CompletionTime.Add(ttl).Sub(r.now()), true
}
