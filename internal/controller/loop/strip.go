// SPDX-License-Identifier: Apache-2.0

package loop

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pam-operator/pam-operator/internal/audit"
)

// StripForCache removes from an object what the manager never reads: the managed fields, and the manifest that kubectl
// apply stores in an annotation. They take as much memory as all the rest. For our own kinds it keeps who wrote the
// spec last, for the audit trail, and when.
//
// The annotation stays, without its value. If it were missing, a patch that removes our own annotation would find that
// none are left, and would remove all annotations that the API server has.
func StripForCache(in any) (any, error) {
	o, err := meta.Accessor(in)
	if err != nil {
		return in, nil //nolint:nilerr // a tombstone holds an object that was stripped before
	}
	o.SetManagedFields(lastWriter(in, o))
	if annotations := o.GetAnnotations(); annotations[corev1.LastAppliedConfigAnnotation] != "" {
		annotations[corev1.LastAppliedConfigAnnotation] = ""
	}
	return in, nil
}

// lastWriter returns who wrote the spec last, and when, and nothing else.
func lastWriter(in any, o metav1.Object) []metav1.ManagedFieldsEntry {
	last := audit.LastWriter(o.GetManagedFields())
	if _, ours := in.(Object); !ours || last == nil {
		return nil
	}
	return []metav1.ManagedFieldsEntry{{Manager: last.Manager, Time: last.Time}}
}
