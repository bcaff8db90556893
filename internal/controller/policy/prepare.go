// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// prepareWrite puts the finalizer on an object before anything is written for it, and before a create the mark of one.
// Their optimistic lock proves that what is about to be done is done for the object as it is now. before is the object
// as the API server has it.
func (r *policyReconciler[T]) prepareWrite(ctx context.Context, before, obj T, create bool) error {
	version := obj.GetResourceVersion()
	err := r.ensureFinalizer(ctx, obj)
	if err == nil && create && !loop.Creating(obj) {
		err = r.markCreation(ctx, before, obj)
	}
	if err != nil || obj.GetResourceVersion() != version {
		return err
	}
	return r.requireCurrent(ctx, obj) // nothing was patched, so nothing has checked that yet
}

// ensureFinalizer adds the finalizer, and removes the mark of older versions with the same patch.
func (r *policyReconciler[T]) ensureFinalizer(ctx context.Context, obj T) error {
	return loop.PatchMetadata(ctx, r.Client, obj, func(o client.Object) {
		if !controllerutil.AddFinalizer(o, pamv1alpha1.Finalizer) {
			return
		}
		annotations := o.GetAnnotations()
		delete(annotations, loop.AnnotationCreating)
		o.SetAnnotations(annotations)
	})
}

// markCreation records in the status that an object is about to be created on its appliance. If the answer is lost,
// what then has its name is known to be ours. What was written is copied into before.
func (r *policyReconciler[T]) markCreation(ctx context.Context, before, obj T) error {
	base := loop.CopyOf(before)
	base.SetResourceVersion(obj.GetResourceVersion())
	marked := loop.CopyOf(base)
	status, to := obj.PolicyStatus(), marked.PolicyStatus()
	to.Key, to.Origin, to.Appliance = status.Key, status.Origin, status.Appliance
	to.PendingCreation = &pamv1alpha1.PendingCreation{
		Name: obj.NameOnAppliance(), Appliance: status.Appliance, AfterKey: status.Key,
	}
	lock := client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(ctx, marked, lock); err != nil {
		return fmt.Errorf("write the mark of a create: %w", err)
	}
	obj.SetResourceVersion(marked.GetResourceVersion())
	status.PendingCreation = marked.PolicyStatus().PendingCreation.DeepCopy()
	marked.PolicyStatus().DeepCopyInto(before.PolicyStatus())
	return nil
}

// requireCurrent fails if the cached object lags behind our own writes: it may lack the key that proves that what is
// there is ours.
func (r *policyReconciler[T]) requireCurrent(ctx context.Context, obj T) error {
	live := loop.CopyOf(obj)
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(obj), live); err != nil {
		return err
	}
	if live.GetResourceVersion() != obj.GetResourceVersion() {
		return loop.ErrStale
	}
	return nil
}
