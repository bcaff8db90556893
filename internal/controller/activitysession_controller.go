// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/lane"
	"github.com/pam-operator/pam-operator/internal/nps"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=activitysessions,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=pam-operator.io,resources=activitysessions/status,verbs=patch
// +kubebuilder:rbac:groups=pam-operator.io,resources=activitysessions/finalizers,verbs=update
// +kubebuilder:rbac:groups="",resources=secrets,verbs=create;update;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch

// activitySessionReconciler asks for privileged sessions and follows them to their end.
type activitySessionReconciler struct {
	deps

	phases map[pamv1alpha1.SessionPhase]phaseHandler
	gone   *missing
	// unanswered are the requests that were sent and that the server does not show.
	unanswered *missing
	places     *places
	claims     *claims
	// written maps UIDs to the resource version that the last pass has left.
	written sync.Map
	// refusedExtensions maps UIDs to refusedExtension.
	refusedExtensions sync.Map
	// hints has the UIDs of objects whose annotation was followed, and led nowhere; see hinted.
	hints sync.Map
	// open has the UIDs of objects whose session may not be theirs; see ownershipOpen.
	open sync.Map
	// concluded maps UIDs to how far the look for sessions of earlier sendings is; see endUnnamedExtras.
	concluded sync.Map
	// unwritten has the UIDs of objects whose Secret the API server did not take.
	unwritten sync.Map
	now       func() time.Time
}

// phaseHandler does what is to be done in one phase. It either moves the session to another phase, whose handler then
// runs in the same pass, or says what the pass came to.
type phaseHandler func(ctx context.Context, s *pamv1alpha1.ActivitySession) (outcome, error)

// setupActivitySession adds the controller of ActivitySession to a manager.
func setupActivitySession(mgr ctrl.Manager, deps deps) error {
	r := &activitySessionReconciler{
		deps: deps, gone: newMissing(), unanswered: newMissing(),
		places: newPlaces(deps.client), claims: newClaims(deps.client), now: time.Now,
	}
	r.phases = map[pamv1alpha1.SessionPhase]phaseHandler{
		pamv1alpha1.SessionPending:            r.request,
		pamv1alpha1.SessionWaitingForApproval: r.await,
		pamv1alpha1.SessionScheduled:          r.await,
		pamv1alpha1.SessionStarting:           r.await,
		pamv1alpha1.SessionActive:             r.active,
		pamv1alpha1.SessionEnding:             r.ending,
		pamv1alpha1.SessionCompleted:          r.finished,
		pamv1alpha1.SessionCancelled:          r.finished,
		pamv1alpha1.SessionFailed:             r.finished,
		pamv1alpha1.SessionDenied:             r.finished,
	}
	list := &pamv1alpha1.ActivitySessionList{}
	b := ctrl.NewControllerManagedBy(mgr).Named("activitysession").
		For(&pamv1alpha1.ActivitySession{}, onSpec()).
		Watches(&pamv1alpha1.NPSConnection{}, dependentsOfConnection(deps.client, list), onReadiness()).
		Watches(&pamv1alpha1.ActivitySession{}, waitingSessions(deps.client), onLifeEnd()).
		Watches(&pamv1alpha1.ActivitySession{}, handler.Funcs{DeleteFunc: r.deleted}).
		WatchesRawSource(source.Channel(deps.sessions, &handler.EnqueueRequestForObject{})).
		WatchesRawSource(deps.secrets.Source(dependentsOn(deps.client, list, indexSecrets))).
		WatchesRawSource(deps.jobs.Source(boundSessions(deps.client, "Job"))).
		WatchesRawSource(deps.pods.Source(boundSessions(deps.client, "Pod")))
	empty := func() *pamv1alpha1.ActivitySession { return &pamv1alpha1.ActivitySession{} }
	return complete(mgr, deps.onRelabelled(b, list), reconcile.AsReconciler(deps.client, r), lane.Options{
		Name:  "activitysession",
		Place: laneFor(deps.client, empty, sessionPlace(deps)), Running: sessionPasses, Reserved: reservedPasses,
	})
}

// maxSteps bounds how many phases a session may pass through in one pass; the longest way is shorter.
const maxSteps = 6

// Reconcile makes one pass over a session and writes down what it came to.
func (r *activitySessionReconciler) Reconcile(
	ctx context.Context, s *pamv1alpha1.ActivitySession,
) (ctrl.Result, error) {
	began := r.now()
	if endsSession(s, momentAt(ctx, r.deps, s, began)) {
		ctx = nps.Urgent(ctx)
	}
	if err := r.refresh(ctx, s); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before := s.DeepCopy()
	if !s.DeletionTimestamp.IsZero() {
		r.startOverIfTorn(s)
		out, released := r.remove(ctx, s)
		if released {
			return ctrl.Result{}, out.err
		}
		r.follow(ctx, s)
		return r.save(ctx, began, before, s, out)
	}
	out, err := r.advance(ctx, s)
	if errors.Is(err, errStale) { // nothing of what this pass believed is to be written
		return ctrl.Result{RequeueAfter: jitter(time.Second)}, nil
	}
	r.follow(ctx, s)
	if err != nil {
		out = sessionOutcome(err)
	}
	if out.reason == "" { // deleted by its TTL
		return ctrl.Result{}, nil
	}
	return r.save(ctx, began, before, s, out)
}

// refresh reads a session again that is not as the last pass left it, for passes follow each other quickly: one that
// went by a cache that lags would take a phase back. So it does where a request was sent that has no answer as far as
// the cache knows: it must not be sent twice.
func (r *activitySessionReconciler) refresh(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	last, known := r.written.Load(s.UID)
	if !awaitsAnswer(s) && !hinted(s) && (!known || last == s.ResourceVersion) {
		return nil
	}
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(s), s); err != nil {
		return err
	}
	r.written.Store(s.UID, s.ResourceVersion)
	return nil
}

// advance runs the handlers of the phases until one leaves the phase as it is.
func (r *activitySessionReconciler) advance(ctx context.Context, s *pamv1alpha1.ActivitySession) (outcome, error) {
	r.startOverIfTorn(s)
	if err := r.regain(ctx, s); err != nil {
		return outcome{}, err
	}
	if s.Status.Phase == "" {
		r.enter(s, pamv1alpha1.SessionPending, "")
	}
	for range maxSteps {
		phase := s.Status.Phase
		out, err := r.phases[phase](ctx, s)
		if err != nil || s.Status.Phase == phase {
			return out, err
		}
	}
	return wait(pamv1alpha1.ReasonProgressing, "the session moves on", time.Second), nil
}

// torn says that the status has lost the id of a session that it speaks of, in a restore for instance. It is then worth
// nothing, and the session is found again by its request id.
func torn(s *pamv1alpha1.ActivitySession) bool {
	switch s.Status.Phase {
	case "", pamv1alpha1.SessionPending:
		return false
	}
	return s.Status.SessionID == "" && !s.Status.Phase.Terminal()
}

func (r *activitySessionReconciler) startOverIfTorn(s *pamv1alpha1.ActivitySession) {
	if torn(s) {
		r.startOver(s)
	}
}

// startOver takes an object back to where nothing is known of its session, but that it may have been asked for.
func (r *activitySessionReconciler) startOver(s *pamv1alpha1.ActivitySession) {
	old := s.DeepCopy()
	s.Status = pamv1alpha1.ActivitySessionStatus{
		Conditions: old.Status.Conditions, ObservedGeneration: old.Status.ObservedGeneration,
		ConnectionSecretRef: old.Status.ConnectionSecretRef,
	}
	carryMark(s, old)
	r.enter(s, pamv1alpha1.SessionPending, "")
}

func (r *activitySessionReconciler) save(
	ctx context.Context, began time.Time, before, s *pamv1alpha1.ActivitySession, out outcome,
) (ctrl.Result, error) {
	setSessionConditions(s)
	noteMark(before, s)
	r.auditDenial(ctx, before, s, out)
	result, err := r.statusWriter().save(ctx, before, s, out)
	r.written.Store(s.UID, s.ResourceVersion)
	if err == nil {
		// Exactly, where other delays are spread.
		result.RequeueAfter = soonest(result.RequeueAfter, untilNext(s, began, r.moment(ctx, s)))
	}
	return result, err
}

// enter moves a session to a phase. A phase is never left backwards.
func (r *activitySessionReconciler) enter(
	s *pamv1alpha1.ActivitySession, phase pamv1alpha1.SessionPhase, message string,
) {
	enterPhase(s, phase, message, r.now())
}
