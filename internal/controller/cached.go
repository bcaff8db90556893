// SPDX-License-Identifier: Apache-2.0

package controller

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pam-operator/pam-operator/internal/audit"
)

// Cached is what the manager's cache keeps of an object: all but who owns which field, and the manifest that kubectl
// apply leaves in an annotation. Nobody here reads these, and they take as much memory as all the rest. Of our own
// kinds it keeps who wrote the spec last, for the audit trail.
//
// The annotation stays without its value. Were it not there, a patch that takes away our own annotation would find that
// none are left, and take away all that the API server has.
func Cached(in any) (any, error) {
	o, err := meta.Accessor(in)
	if err != nil {
		return in, nil //nolint:nilerr // a tombstone holds what has been through here already
	}
	o.SetManagedFields(lastWriter(in, o))
	if annotations := o.GetAnnotations(); annotations[corev1.LastAppliedConfigAnnotation] != "" {
		annotations[corev1.LastAppliedConfigAnnotation] = ""
	}
	return in, nil
}

// lastWriter is the name of the one who wrote the spec last, and nothing else.
func lastWriter(in any, o metav1.Object) []metav1.ManagedFieldsEntry {
	last := audit.LastWriter(o.GetManagedFields())
	if _, ours := in.(object); !ours || last == nil {
		return nil
	}
	return []metav1.ManagedFieldsEntry{{Manager: last.Manager}}
}
