// SPDX-License-Identifier: Apache-2.0

// Package session requests privileged sessions from NPS, follows them, hands them over in Secrets, and ends them:
// exactly one session for each ActivitySession.
package session

import (
	"context"
	"errors"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/controller/spent"
	"github.com/pam-operator/pam-operator/internal/lane"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/panics"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=activitysessions,verbs=get;list;watch;patch;delete
// +kubebuilder:rbac:groups=pam-operator.io,resources=activitysessions/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=create;update;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch

// SetupActivitySession adds the controller of ActivitySession to a manager.
func SetupActivitySession(mgr ctrl.Manager, deps loop.Deps) error {
	r := newReconciler(deps)
	list := &pamv1alpha1.ActivitySessionList{}
	b := ctrl.NewControllerManagedBy(mgr).Named("activitysession").
		For(&pamv1alpha1.ActivitySession{}, loop.OnSpec()).
		Watches(&pamv1alpha1.ActivitySession{}, deps.Requests.Watch()).
		Watches(&pamv1alpha1.NPSConnection{}, loop.DependentsOfConnection(deps.Client, list), loop.OnReadiness()).
		Watches(&pamv1alpha1.ActivitySession{}, waitingSessions(deps.Client), loop.OnLifeEnd()).
		Watches(&pamv1alpha1.ActivitySession{}, handler.Funcs{DeleteFunc: r.deleted}).
		WatchesRawSource(source.Channel(deps.Sessions, &handler.EnqueueRequestForObject{})).
		WatchesRawSource(deps.Secrets.Source(deps.Referring(list, loop.IndexSecrets))).
		WatchesRawSource(deps.Jobs.Source(boundSessions(deps, "Job"))).
		WatchesRawSource(deps.Pods.Source(boundSessions(deps, "Pod")))
	empty := func() *pamv1alpha1.ActivitySession { return &pamv1alpha1.ActivitySession{} }
	return loop.Complete(mgr, deps.OnRelabelled(b, list), loop.AsReconciler(deps, r), lane.Options{
		Name:  "activitysession",
		Place: loop.LaneFor(deps.Client, empty, sessionPlace(deps)), Running: sessionPasses, Reserved: loop.ReservedPasses,
	})
}

// reconciler takes a session from its request to its end. What it does in each phase is up to its parts.
type reconciler struct {
	*base

	marker   *marker
	follower *follower
	remover  *remover
	handlers phaseHandlers
}

func newReconciler(deps loop.Deps) *reconciler {
	b := newBase(deps)
	find := &finder{b}
	extras := &duplicates{b}
	secrets := &secretKeeper{b, &dataFetcher{b}}
	work := &workloads{deps.Live, b.now}
	known := spent.NewMemory(deps.Client, deps.Live)
	mark := &marker{b}
	look := &observer{b, find, extras, secrets}
	follow := &follower{
		base: b, observer: look, duplicates: extras, secrets: secrets, workloads: work, extender: &extender{b},
	}
	request := &requester{
		base: b, marker: mark, quota: &sessionQuota{client: deps.Client, memory: b.memory}, finder: find,
		duplicates: extras, observer: look, secrets: secrets, workloads: work, spent: known,
	}
	return &reconciler{
		base: b, marker: mark, follower: follow,
		remover: &remover{b, follow, request, secrets, known},
		handlers: phaseHandlers{
			request: request.request, await: follow.await, active: follow.active, ending: follow.ending,
			finished: follow.finished, unknown: follow.unknown,
		},
	}
}

// maxSteps bounds how many phases a session may enter in one reconcile; no way through them is longer.
const maxSteps = 6

// Reconcile takes a session as far as it goes, and writes its status.
func (r *reconciler) Reconcile(ctx context.Context, s *pamv1alpha1.ActivitySession) (ctrl.Result, error) {
	began := r.now()
	ctx = nps.OnBehalfOf(ctx, s.Namespace)
	if endsSession(s, momentAt(ctx, r.Deps, s, began)) {
		ctx = nps.Urgent(ctx)
	}
	if err := r.refresh(ctx, s); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	before, request := s.DeepCopy(), r.Requests.Of(s)
	out, err := r.advance(ctx, s)
	switch {
	case errors.Is(err, loop.ErrStale): // nothing that was found out may be written
		return ctrl.Result{RequeueAfter: loop.Jitter(time.Second)}, nil
	case err != nil:
		out = sessionOutcome(s, err)
	case out.Continues(): // the object is gone
		loop.CountTransition(before, s)
		r.auditEnd(ctx, before, s)
		return ctrl.Result{}, nil
	}
	r.follower.follow(ctx, s)
	if !out.Unanswered() || !s.DeletionTimestamp.IsZero() {
		request.Handle(s)
	}
	return r.save(ctx, began, before, s, out)
}

// refresh reads an object from the API server if it is not as the last reconcile left it. Reconciles follow each other
// quickly; one that relied on a cache that lags would take a phase back. So it does if a request was sent that, as far
// as the cache shows, was not answered: it must not be sent twice.
func (r *reconciler) refresh(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	last := r.memory.of(s.UID).written
	if !loop.AwaitsAnswer(s) && !hinted(s) && (last == "" || last == s.ResourceVersion) {
		return nil
	}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(s), s); err != nil {
		return err
	}
	r.wrote(s)
	return nil
}

// advance runs the handlers of the phases until one leaves the phase as it is. The outcome continues if the object is
// gone.
func (r *reconciler) advance(ctx context.Context, s *pamv1alpha1.ActivitySession) (out loop.Outcome, err error) {
	defer panics.Catch(&err)
	if err := r.mend(ctx, s); err != nil {
		return loop.Outcome{}, err
	}
	if !s.DeletionTimestamp.IsZero() {
		return r.remover.remove(ctx, s), nil
	}
	if err := r.marker.regain(ctx, s); err != nil {
		return loop.Outcome{}, err
	}
	if s.Status.Phase == "" {
		r.enter(s, pamv1alpha1.SessionPending, "")
	}
	if out, err := r.waitElsewhere(ctx, s); err != nil || !out.Continues() {
		return out, err
	}
	for range maxSteps {
		phase := s.Status.Phase
		out, err := rowOf(phase).handle(r.handlers)(ctx, s)
		if err != nil || s.Status.Phase == phase {
			return out, err
		}
	}
	return nextPhase(), nil
}

// mend takes an object back to Pending whose status is that of another one, or has lost its session. What another one
// has is neither used nor ended.
func (r *reconciler) mend(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	if loop.NamesAnother(s) {
		if err := r.remover.secrets.remove(ctx, s); err != nil {
			return err
		}
		r.claims.forget(s.UID)
		carryMark(s, &pamv1alpha1.ActivitySession{})
		r.startOver(s)
	}
	if torn(s) {
		r.startOver(s)
	}
	return nil
}

// save writes the status, and says when the session is reconciled again.
func (r *reconciler) save(
	ctx context.Context, began time.Time, before, s *pamv1alpha1.ActivitySession, out loop.Outcome,
) (ctrl.Result, error) {
	setSessionConditions(s)
	noteMark(before, s)
	r.auditDenial(ctx, before, s, out)
	result, err := r.StatusWriter().Save(ctx, before, s, out)
	r.wrote(s)
	if err == nil {
		r.auditEnd(ctx, before, s)
		// Not jittered, unlike other delays.
		result.RequeueAfter = loop.Soonest(result.RequeueAfter, untilNext(s, began, r.moment(ctx, s)))
	}
	return result, err
}

// wrote remembers the version of an object that this process has written, or has read from the API server.
func (r *reconciler) wrote(s *pamv1alpha1.ActivitySession) {
	r.memory.update(s.UID, func(known *memo) { known.written = s.ResourceVersion })
}

// deleted forgets an object that is gone, even if its finalizer was removed by force.
func (r *reconciler) deleted(
	_ context.Context, e event.DeleteEvent, _ workqueue.TypedRateLimitingInterface[reconcile.Request],
) {
	if s, ok := e.Object.(*pamv1alpha1.ActivitySession); ok {
		r.remover.forget(s)
	}
}
