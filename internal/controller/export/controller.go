// SPDX-License-Identifier: Apache-2.0

// Package export writes down what appliances have, as objects that adopt it.
//
// Read first export.go (one export, from the inventory to ConfigMaps). How an object of an appliance becomes one of
// ours is in package policy, because the mapping is the same in both directions.
package export

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/gate"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/lane"
	"github.com/pam-operator/pam-operator/internal/panics"
)

// +kubebuilder:rbac:groups=pam-operator.io,resources=applianceexports,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=pam-operator.io,resources=applianceexports/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;create

// parallel is how many exports are written at the same time, each of another connection: an export needs memory for one
// part, and time of the processor.
const parallel = 2

// reconciler writes exports, once for each object.
type reconciler struct {
	loop.Deps

	now     func() time.Time
	writing gate.Gate
}

// SetupApplianceExport adds the controller of ApplianceExport to a manager.
func SetupApplianceExport(mgr ctrl.Manager, deps loop.Deps) error {
	r := &reconciler{Deps: deps, now: time.Now, writing: gate.New(parallel)}
	list := &pamv1alpha1.ApplianceExportList{}
	b := ctrl.NewControllerManagedBy(mgr).Named("applianceexport").
		For(&pamv1alpha1.ApplianceExport{}, loop.OnSpec()).
		Watches(&pamv1alpha1.ApplianceExport{}, deps.Requests.Watch()).
		Watches(&pamv1alpha1.SPSConnection{}, loop.DependentsOfConnection(deps.Client, list), loop.OnReadiness())
	empty := func() *pamv1alpha1.ApplianceExport { return &pamv1alpha1.ApplianceExport{} }
	place := func(e *pamv1alpha1.ApplianceExport) lane.Place { return lane.Place{Lane: loop.LaneOf(e)} }
	return loop.Complete(mgr, b, loop.AsReconciler(deps, r), lane.Options{
		Name: "applianceexport", Place: loop.LaneFor(deps.Client, empty, place), Running: 1,
	})
}

// Reconcile makes one pass and writes its outcome into the status.
func (r *reconciler) Reconcile(ctx context.Context, e *pamv1alpha1.ApplianceExport) (ctrl.Result, error) {
	if !e.DeletionTimestamp.IsZero() { // the garbage collector takes the result away
		return ctrl.Result{}, nil
	}
	before, request := e.DeepCopy(), r.Requests.Of(e)
	out, err := r.pass(ctx, e)
	if err != nil {
		out = loop.OfUser(e, err)
	}
	if out.Continues() { // deleted by its TTL
		return ctrl.Result{}, nil
	}
	out = r.overdue(e, out)
	if !out.Unanswered() {
		request.Handle(e)
	}
	result, err := r.StatusWriter().Save(ctx, before, e, out)
	r.audit(ctx, before, e)
	return result, err
}

// runAgain is how soon a pass follows the one that shows that the export has begun.
const runAgain = 50 * time.Millisecond

func (r *reconciler) pass(ctx context.Context, e *pamv1alpha1.ApplianceExport) (out loop.Outcome, err error) {
	defer panics.Catch(&err)
	if isFinished(e) {
		return r.finished(ctx, e)
	}
	if e.Status.Phase == "" {
		e.Status.Phase = pamv1alpha1.ExportPending
	}
	if e.Suspended() {
		return loop.Suspended("suspended; nothing has been read"), nil
	}
	_, on, err := r.Pool.Appliance(ctx, e.Connection(), e.Namespace, connection.Use{Exports: true})
	if err != nil {
		return loop.Outcome{}, err
	}
	if e.Status.Phase == pamv1alpha1.ExportPending {
		e.Status.Phase, e.Status.StartTime = pamv1alpha1.ExportRunning, &metav1.Time{Time: r.now()}
		return loop.Wait(pamv1alpha1.ReasonProgressing, "the appliance is being read", runAgain), nil
	}
	result, err := r.export(ctx, e, on)
	if err != nil {
		return loop.Outcome{}, err
	}
	return r.complete(e, result), nil
}

// overdue fails an export at its deadline, whatever it waits for, and has it looked at again by then.
func (r *reconciler) overdue(e *pamv1alpha1.ApplianceExport, out loop.Outcome) loop.Outcome {
	if isFinished(e) {
		return out
	}
	out, expired := loop.ActiveDeadline(e.CreationTimestamp, e.Spec.ActiveDeadlineSeconds, r.now(), out)
	if expired != "" {
		return r.fail(e, expired)
	}
	return out
}

// kindsOf are the kinds that are exported, in an order in which their objects can be created.
func kindsOf(e *pamv1alpha1.ApplianceExport) []kinds.Kind {
	if len(e.Spec.Kinds) == 0 {
		return kinds.Policies()
	}
	var out []kinds.Kind
	for _, kind := range kinds.Policies() {
		for _, wanted := range e.Spec.Kinds {
			if string(wanted) == kind.Name {
				out = append(out, kind)
			}
		}
	}
	return out
}
