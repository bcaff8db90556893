// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// AnnotationCreating formerly marked a creation. It is no longer read, because any author of the object could set it,
// and is removed when the metadata is written anyway.
const AnnotationCreating = "pam-operator.io/creating"

// PatchMetadata changes finalizers and annotations under an optimistic lock, if there is a difference, and copies the
// result to obj without touching the status in memory. It writes nothing else: the cache lacks what others have
// written.
func PatchMetadata(ctx context.Context, c client.Client, obj client.Object, change func(client.Object)) error {
	patched := CopyOf(obj)
	change(patched)
	changes := metadataChanges(obj, patched)
	if len(changes) == 0 {
		return nil
	}
	changes["resourceVersion"] = obj.GetResourceVersion()
	patch, err := json.Marshal(map[string]any{"metadata": changes})
	if err != nil {
		return err
	}
	if err := c.Patch(ctx, patched, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("write metadata: %w", err)
	}
	if _, err := StripForCache(patched); err != nil {
		return err
	}
	obj.SetFinalizers(patched.GetFinalizers())
	obj.SetAnnotations(patched.GetAnnotations())
	obj.SetResourceVersion(patched.GetResourceVersion())
	return nil
}

// metadataChanges are the members of a merge patch.
func metadataChanges(before, after client.Object) map[string]any {
	out, annotations := map[string]any{}, map[string]any{}
	if !slices.Equal(before.GetFinalizers(), after.GetFinalizers()) {
		out["finalizers"] = after.GetFinalizers()
	}
	was, is := before.GetAnnotations(), after.GetAnnotations()
	for name, value := range is {
		if old, ok := was[name]; !ok || old != value {
			annotations[name] = value
		}
	}
	for name := range was {
		if _, ok := is[name]; !ok {
			annotations[name] = nil
		}
	}
	if len(annotations) > 0 {
		out["annotations"] = annotations
	}
	return out
}

// SetAnnotation sets an annotation of an object in memory.
func SetAnnotation(o client.Object, key, value string) {
	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	o.SetAnnotations(annotations)
}

// DeletingFor is how long ago an object's deletion was requested.
func DeletingFor(obj client.Object) time.Duration { return time.Since(obj.GetDeletionTimestamp().Time) }

// CopyOf returns a deep copy.
func CopyOf[T runtime.Object](obj T) T {
	return obj.DeepCopyObject().(T) //nolint:errcheck // a copy has the same type
}

// IsReleased reports whether we are done with an object: it was deleted, and only another controller's finalizer keeps
// it in the cluster.
func IsReleased(obj client.Object) bool {
	return !obj.GetDeletionTimestamp().IsZero() && !HasFinalizer(obj)
}

// HasFinalizer reports whether an object has our finalizer.
func HasFinalizer(obj client.Object) bool {
	for _, f := range obj.GetFinalizers() {
		if f == pamv1alpha1.Finalizer {
			return true
		}
	}
	return false
}

// DeletionWaits is the beginning of a message about an object whose deletion waits.
const DeletionWaits = "deletion waits"
