// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/lane"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
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
		Watches(&pamv1alpha1.RDPConnectionPolicy{}, dependentsOn(deps.client, list, indexPolicyRef), onKeyOrReady())
	empty := func() *pamv1alpha1.SessionTermination { return &pamv1alpha1.SessionTermination{} }
	return complete(mgr, deps.onRelabelled(b, list), reconcile.AsReconciler(deps.client, r), lane.Options{
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
		out = ofUser(t, err)
	}
	if out.reason == "" { // deleted by its TTL
		return ctrl.Result{}, nil
	}
	out = r.overdue(t, out)
	result, err := r.statusWriter().save(ctx, before, t, out)
	r.auditRefusal(ctx, before, t)
	return result, err
}

// isFinished says that nothing more is done for it.
func isFinished(t *pamv1alpha1.SessionTermination) bool {
	return t.Status.Phase == pamv1alpha1.TerminationSucceeded || t.Status.Phase == pamv1alpha1.TerminationFailed
}

// defaultActiveDeadline is spec.activeDeadlineSeconds where it is left out.
const defaultActiveDeadline = 24 * time.Hour

// overdue gives a request up whose deadline has passed, whatever it waits for, and sees to it that another one is
// looked at by then.
func (r *sessionTerminationReconciler) overdue(t *pamv1alpha1.SessionTermination, out outcome) outcome {
	if isFinished(t) {
		return out
	}
	deadline := defaultActiveDeadline
	if t.Spec.ActiveDeadlineSeconds != nil {
		deadline = time.Duration(*t.Spec.ActiveDeadlineSeconds) * time.Second
	}
	left := t.CreationTimestamp.Add(deadline).Sub(r.now())
	if left <= 0 {
		message := fmt.Sprintf("given up after its deadline of %s; it waited for: %s", deadline, out.message)
		return r.fail(t, pamv1alpha1.ReasonFailed, message)
	}
	switch {
	case out.err == nil:
		out.after = soonest(out.after, max(left, deadlineRecheck))
	case left < lastRetry: // a growing delay would miss it
		out.err, out.after = nil, soonest(max(left, deadlineRecheck), unseenRetry)
	}
	return out
}

func (r *sessionTerminationReconciler) pass(
	ctx context.Context, t *pamv1alpha1.SessionTermination,
) (outcome, error) {
	if isFinished(t) {
		return r.finished(ctx, t)
	}
	if t.Status.Phase == "" {
		t.Status.Phase = pamv1alpha1.TerminationPending
	}
	if t.Suspended() {
		return held("suspended; nothing has been sent"), nil
	}
	policy, use, err := r.wanted(ctx, t)
	if err != nil {
		return outcome{}, err
	}
	conn, appliance, err := r.pool.Appliance(ctx, t.Spec.ConnectionRef, t.Namespace, use)
	if err != nil {
		return outcome{}, err
	}
	if conn.Suspended() {
		return held("the connection is suspended; nothing has been sent"), nil
	}
	ids, err := r.targets(ctx, appliance, t, policy)
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
		return r.failed(ctx, t, failures), nil
	}
	message := fmt.Sprintf("%d live sessions closed", *t.Status.Terminated)
	r.finish(t, pamv1alpha1.TerminationSucceeded, pamv1alpha1.ConditionComplete, pamv1alpha1.ReasonCompleted, message)
	return r.kept(t, done(pamv1alpha1.ReasonCompleted, message)), nil
}

// wanted is the policy whose sessions are to be closed, if one is named, and what the connection has to permit. The
// sessions of a policy that is only observed are somebody else's: for them every session has to be permitted.
func (r *sessionTerminationReconciler) wanted(
	ctx context.Context, t *pamv1alpha1.SessionTermination,
) (*pamv1alpha1.RDPConnectionPolicy, connection.Use, error) {
	use := connection.Use{Sessions: pamv1alpha1.SessionGrantAny}
	if t.Spec.PolicyRef == nil {
		return nil, use, nil
	}
	policy := &pamv1alpha1.RDPConnectionPolicy{}
	key := types.NamespacedName{Namespace: t.Namespace, Name: t.Spec.PolicyRef.Name}
	if err := r.client.Get(ctx, key, policy); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil, use, mustAct(pamv1alpha1.ReasonReferenceNotFound,
				"spec.policyRef: RDPConnectionPolicy %s does not exist", key)
		}
		return nil, use, err
	}
	use.Kind, use.Name = grantKinds[sps.RDPConnections], policy.NameOnAppliance()
	if !policy.Steward().Observes() && (policy.Status.Key == "" || managedKey(policy) != "") {
		use.Sessions = pamv1alpha1.SessionGrantPolicyRef
	}
	return policy, use, nil
}

// targets are the ids of the sessions that are to be closed.
func (r *sessionTerminationReconciler) targets(
	ctx context.Context, appliance *connection.Appliance, t *pamv1alpha1.SessionTermination,
	policy *pamv1alpha1.RDPConnectionPolicy,
) ([]string, error) {
	if policy == nil {
		return []string{t.Spec.SessionID}, nil
	}
	if policy.Status.Key == "" || policy.Status.Appliance != appliance.URL {
		return nil, mustWait("spec.policyRef: waiting for RDPConnectionPolicy %s to be on the appliance",
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

// Codes of the appliance (sps contract 8).
const (
	codeSessionNotFound       = "SessionCouldNotBeFound"
	codeTerminationFailed     = "SessionTerminationFailed"
	codeRemoteNodeInfoMissing = "RemoteNodeInfoMissing"
	codeServiceUnavailable    = "SessionTerminationServiceUnavailable"
	codeMinionUnavailable     = "MinionUnavailable"
)

// remedies are what the appliance's documentation says to do about an answer (sps contract 8, S3); where it says
// nothing, who can find out more.
var remedies = map[string]string{
	codeTerminationFailed: "the appliance blames an internal error: its own logs say more, and its administrator " +
		"can close the session there",
	codeRemoteNodeInfoMissing: "the node that records the session is missing from the configuration of the primary " +
		"node: send the request to that node through a connection of its own, and ask One Identity Support for help",
	codeServiceUnavailable: "an administrator of the node that records the session has to run " +
		"\"systemctl restart sessionterminationservice.service\" on its console",
	codeMinionUnavailable: "the node that records the session cannot be reached: /api/cluster/status of the appliance " +
		"says more about it",
}

// withRemedy adds what to do about an answer of the appliance, if anybody knows.
func withRemedy(err error) error {
	if answer := rest.As(err); answer != nil && remedies[answer.Code] != "" {
		return fmt.Errorf("%w; %s", err, remedies[answer.Code])
	}
	return err
}

// terminationPatience is the default of Options.TerminationPatience.
const terminationPatience = time.Minute

// terminateAll closes the sessions, and goes on after one that cannot be closed. Its error passes by itself.
func (r *sessionTerminationReconciler) terminateAll(
	ctx context.Context, appliance *connection.Appliance, t *pamv1alpha1.SessionTermination, ids []string,
) (failures []error, err error) {
	for _, id := range ids {
		err := r.terminate(ctx, appliance, t, id)
		switch {
		case err == nil:
		case stays(err):
			failures = append(failures, fmt.Errorf("session %s cannot be closed: %w", id, withRemedy(err)))
		default:
			return nil, withRemedy(err)
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
		r.audit(ctx, t, audit.Succeeded, audit.Record{Target: appliance.URL, Session: id})
	}
	return err
}

// stays tells what does not go away by itself from what is tried again: a refusal, a fault of the appliance, and an
// appliance that is too old to close sessions, which answers 404 as well.
func stays(err error) bool {
	return rest.IsRejected(err) || rest.IsNotFound(err) || sps.IsTerminationFault(err)
}

// mayPass says that a fault may go away by itself: what answers so may only be busy.
func mayPass(err error) bool {
	return sps.IsTerminationFault(err) && !hasCode(err, codeRemoteNodeInfoMissing)
}

func hasCode(err error, code string) bool {
	answer := rest.As(err)
	return answer != nil && answer.Code == code
}

// failed says which sessions stay open. A session that could not be closed is tried a few times more, ever more slowly,
// before that is final.
func (r *sessionTerminationReconciler) failed(
	ctx context.Context, t *pamv1alpha1.SessionTermination, failures []error,
) outcome {
	message := failures[0].Error()
	if len(failures) > 1 {
		message = fmt.Sprintf("%d sessions cannot be closed; the first: %s", len(failures), message)
	}
	tried := r.now().Sub(t.Status.StartTime.Time)
	again := slices.ContainsFunc(failures, mayPass)
	if again && tried < r.TerminationPatience {
		delay := min(max(tried, r.TerminationPatience/terminationTries), r.TerminationPatience-tried)
		return wait(pamv1alpha1.ReasonProgressing, message+"; trying again", max(delay, time.Millisecond))
	}
	reason := pamv1alpha1.ReasonRejected
	switch {
	case slices.ContainsFunc(failures, sps.IsTerminationFault):
		reason = pamv1alpha1.ReasonFailed
	case slices.ContainsFunc(failures, rest.IsNotFound): // sps contract 8
		message = "this appliance does not offer to close sessions, which needs about version 7.0: " + message
	}
	r.audit(ctx, t, audit.Refused, audit.Record{Reason: message})
	return r.fail(t, reason, message)
}

// terminationTries divides the patience into the first delay; each later one is as long as all before it.
const terminationTries = 16

// fail ends the request.
func (r *sessionTerminationReconciler) fail(t *pamv1alpha1.SessionTermination, reason, message string) outcome {
	r.finish(t, pamv1alpha1.TerminationFailed, pamv1alpha1.ConditionFailed, reason, message)
	return r.kept(t, outcome{state: stateStalled, reason: reason, message: message})
}

// audit writes the line that says what became of a session, or of the request.
func (r *sessionTerminationReconciler) audit(
	ctx context.Context, t *pamv1alpha1.SessionTermination, result audit.Result, more audit.Record,
) {
	more.Action, more.Result, more.Object, more.Kind = audit.Terminate, result, t, "SessionTermination"
	more.Who, more.Connection = audit.Who(t), connection.Target(t.Spec.ConnectionRef, t.Namespace)
	if more.Session == "" {
		more.Session = t.Spec.SessionID
	}
	audit.Write(ctx, more)
}

// auditRefusal writes a line when the connection begins not to permit a request, and when one is given up.
func (r *sessionTerminationReconciler) auditRefusal(ctx context.Context, before, t *pamv1alpha1.SessionTermination) {
	was, is := readyOf(before), readyOf(t)
	if is == nil || was != nil && was.Reason == is.Reason {
		return
	}
	switch {
	case is.Reason == pamv1alpha1.ReasonConnectionNotPermitted:
		r.audit(ctx, t, audit.Denied, audit.Record{Reason: is.Message})
	case isFinished(t) && t.Status.StartTime == nil: // nothing was ever sent
		r.audit(ctx, t, audit.Failed, audit.Record{Reason: is.Message})
	}
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
