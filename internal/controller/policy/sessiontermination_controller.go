// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/controller/spent"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/lane"
	"github.com/pam-operator/pam-operator/internal/panics"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=sessionterminations,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=pam-operator.io,resources=sessionterminations/status,verbs=patch

// sessionTerminationReconciler closes live sessions, once for each object.
type sessionTerminationReconciler struct {
	loop.Deps

	now   func() time.Time
	spent *spent.Memory
}

// SetupSessionTermination adds the controller of SessionTermination to a manager.
func SetupSessionTermination(mgr ctrl.Manager, deps loop.Deps) error {
	r := &sessionTerminationReconciler{
		Deps: deps, now: time.Now, spent: spent.NewMemory(deps.Client, deps.Live),
	}
	list := &pamv1alpha1.SessionTerminationList{}
	b := ctrl.NewControllerManagedBy(mgr).Named("sessiontermination").
		For(&pamv1alpha1.SessionTermination{}, loop.OnSpec()).
		Watches(&pamv1alpha1.SessionTermination{}, deps.Requests.Watch()).
		Watches(&pamv1alpha1.SPSConnection{}, loop.DependentsOfConnection(deps.Client, list), loop.OnReadiness()).
		Watches(&pamv1alpha1.RDPConnectionPolicy{},
			loop.DependentsOn(deps.Client, list, loop.IndexReferences(kinds.RDPConnectionPolicy)), onKeyOrReady())
	empty := func() *pamv1alpha1.SessionTermination { return &pamv1alpha1.SessionTermination{} }
	return loop.Complete(mgr, deps.OnRelabelled(b, list), loop.AsReconciler(deps, r), lane.Options{
		Name:  "sessiontermination",
		Place: loop.LaneFor(deps.Client, empty, terminationPlace), Running: terminationPasses,
	})
}

// Reconcile makes one pass and writes its outcome into the status.
func (r *sessionTerminationReconciler) Reconcile(
	ctx context.Context, t *pamv1alpha1.SessionTermination,
) (ctrl.Result, error) {
	if !t.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	before, request := t.DeepCopy(), r.Requests.Of(t)
	held, err := r.hold(ctx, t)
	out := held
	if err == nil && held.Continues() {
		out, err = r.pass(ctx, t)
	}
	if err != nil {
		out = loop.OfUser(t, err)
	}
	if out.Continues() { // deleted by its TTL
		return ctrl.Result{}, nil
	}
	if held.Continues() {
		out = r.overdue(t, out)
	}
	if !out.Unanswered() {
		request.Handle(t)
	}
	result, err := r.StatusWriter().Save(ctx, before, t, out)
	r.auditRefusal(ctx, before, t)
	return result, err
}

// isFinished reports whether the request has ended.
func isFinished(t *pamv1alpha1.SessionTermination) bool {
	return t.Status.Phase == pamv1alpha1.TerminationSucceeded || t.Status.Phase == pamv1alpha1.TerminationFailed
}

// overdue fails a request at its deadline, whatever it waits for, and has it looked at again by then.
func (r *sessionTerminationReconciler) overdue(t *pamv1alpha1.SessionTermination, out loop.Outcome) loop.Outcome {
	if isFinished(t) {
		return out
	}
	out, expired := loop.ActiveDeadline(t.CreationTimestamp, t.Spec.ActiveDeadlineSeconds, r.now(), out)
	if expired != "" {
		return r.fail(t, pamv1alpha1.ReasonFailed, expired)
	}
	return out
}

func (r *sessionTerminationReconciler) pass(
	ctx context.Context, t *pamv1alpha1.SessionTermination,
) (out loop.Outcome, err error) {
	defer panics.Catch(&err)
	if isFinished(t) {
		return r.finished(ctx, t)
	}
	if t.Status.Phase == "" {
		t.Status.Phase = pamv1alpha1.TerminationPending
	}
	if t.Suspended() {
		return loop.Suspended("suspended" + loop.SuspendReason(t) + "; nothing has been sent"), nil
	}
	policy, use, err := r.wanted(ctx, t)
	if err != nil {
		return loop.Outcome{}, err
	}
	conn, appliance, err := r.Pool.Appliance(ctx, t.Spec.ConnectionRef, t.Namespace, use)
	if err != nil {
		return loop.Outcome{}, err
	}
	if conn.Suspended() {
		return loop.Suspended("the connection is suspended" + loop.SuspendReason(conn) + "; nothing has been sent"), nil
	}
	return r.closeAll(ctx, appliance, t, policy)
}

// closeAll closes the sessions that the request is about, and reports the outcome.
func (r *sessionTerminationReconciler) closeAll(
	ctx context.Context, on *appliance.Appliance, t *pamv1alpha1.SessionTermination,
	policy *pamv1alpha1.RDPConnectionPolicy,
) (loop.Outcome, error) {
	ids, err := r.targets(ctx, on, t, policy)
	if err != nil {
		return loop.Outcome{}, err
	}
	if t.Status.StartTime == nil {
		if err := r.remember(ctx, t); err != nil { // before anything is sent
			return loop.Outcome{}, err
		}
		t.Status.StartTime, t.Status.Terminated = &metav1.Time{Time: r.now()}, new(int32(0))
	}
	t.Status.Phase = pamv1alpha1.TerminationRunning
	failures, err := r.terminateAll(ctx, on, t, ids)
	if err != nil {
		return loop.Outcome{}, err
	}
	if len(failures) > 0 {
		return r.failed(ctx, t, failures), nil
	}
	message := fmt.Sprintf("%d live sessions closed", *t.Status.Terminated)
	r.finish(t, pamv1alpha1.TerminationSucceeded, pamv1alpha1.ConditionComplete, pamv1alpha1.ReasonCompleted, message)
	return r.untilExpiry(t, loop.Done(pamv1alpha1.ReasonCompleted, message)), nil
}

// wanted is the policy whose sessions are to be closed, if one is named, and what the connection has to permit. A
// policy that is only observed is not ours, and neither are its sessions: for them every session has to be permitted.
func (r *sessionTerminationReconciler) wanted(
	ctx context.Context, t *pamv1alpha1.SessionTermination,
) (*pamv1alpha1.RDPConnectionPolicy, connection.Use, error) {
	use := connection.Use{Sessions: pamv1alpha1.SessionGrantAny}
	if t.Spec.PolicyRef == nil {
		return nil, use, nil
	}
	policy := &pamv1alpha1.RDPConnectionPolicy{}
	key := types.NamespacedName{Namespace: t.Namespace, Name: t.Spec.PolicyRef.Name}
	if err := r.Client.Get(ctx, key, policy); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil, use, loop.Missing("spec.policyRef: RDPConnectionPolicy %s does not exist", key)
		}
		return nil, use, err
	}
	use.Kind, use.Name = kinds.RDPConnectionPolicy, policy.NameOnAppliance()
	if !policy.ManagementPolicies().Observes() && (policy.Status.Key == "" || loop.ManagedKey(policy) != "") {
		use.Sessions = pamv1alpha1.SessionGrantPolicyRef
	}
	return policy, use, nil
}

// targets are the ids of the sessions that are to be closed.
func (r *sessionTerminationReconciler) targets(
	ctx context.Context, appliance *appliance.Appliance, t *pamv1alpha1.SessionTermination,
	policy *pamv1alpha1.RDPConnectionPolicy,
) ([]string, error) {
	if policy == nil {
		return []string{t.Spec.SessionID}, nil
	}
	if policy.Status.Key == "" || policy.Status.Appliance != appliance.URL {
		return nil, loop.MustWait("spec.policyRef: waiting for RDPConnectionPolicy %s to be on the appliance",
			client.ObjectKeyFromObject(policy))
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

// terminateAll closes the sessions, and goes on after one that cannot be closed. Its error is transient.
func (r *sessionTerminationReconciler) terminateAll(
	ctx context.Context, appliance *appliance.Appliance, t *pamv1alpha1.SessionTermination, ids []string,
) (failures []error, err error) {
	for _, id := range ids {
		err := r.terminate(ctx, appliance, t, id)
		switch {
		case err == nil:
		case isPermanent(err):
			failures = append(failures, fmt.Errorf("session %s cannot be closed: %w", id, withRemedy(err)))
		default:
			return nil, withRemedy(err)
		}
	}
	return failures, nil
}

// terminate closes one session. A session that the appliance does not know has already ended.
func (r *sessionTerminationReconciler) terminate(
	ctx context.Context, appliance *appliance.Appliance, t *pamv1alpha1.SessionTermination, id string,
) error {
	err := appliance.Terminate(ctx, id)
	if answer := rest.As(err); answer != nil && rest.IsNotFound(err) && answer.Code == codeSessionNotFound {
		return nil
	}
	if err == nil {
		*t.Status.Terminated++
		r.audit(ctx, t, audit.Succeeded, audit.Record{Target: appliance.URL, Session: id})
	}
	return err
}

// failed reports which sessions stay open. A session that could not be closed is tried again a few times, more slowly
// each time, before the request fails.
func (r *sessionTerminationReconciler) failed(
	ctx context.Context, t *pamv1alpha1.SessionTermination, failures []error,
) loop.Outcome {
	message := failures[0].Error()
	if len(failures) > 1 {
		message = fmt.Sprintf("%d sessions cannot be closed; the first: %s", len(failures), message)
	}
	tried := r.now().Sub(t.Status.StartTime.Time)
	again := slices.ContainsFunc(failures, mayPass)
	if again && tried < r.TerminationPatience {
		delay := min(max(tried, r.TerminationPatience/terminationTries), r.TerminationPatience-tried)
		return loop.Wait(pamv1alpha1.ReasonProgressing, message+"; trying again", max(delay, time.Millisecond))
	}
	reason := pamv1alpha1.ReasonRejected
	switch {
	case slices.ContainsFunc(failures, sps.IsTerminationFault):
		reason = pamv1alpha1.ReasonFailed
	case slices.ContainsFunc(failures, rest.IsNotFound): // docs/vendors/sps.md 8
		message = "this appliance cannot close sessions, which needs about version 7.0: " + message
	}
	r.audit(ctx, t, audit.Refused, audit.Record{Reason: message})
	return r.fail(t, reason, message)
}

// terminationTries divides the patience into the first delay; each later one is as long as all before it.
const terminationTries = 16

// terminationPasses is how many SessionTerminations of one appliance run at the same time.
const terminationPasses = 8

func terminationPlace(t *pamv1alpha1.SessionTermination) lane.Place {
	return lane.Place{Lane: loop.LaneOf(t)}
}
