// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/audit"
	"github.com/pam-operator/pam-operator/internal/gitops"
)

// StripForCache removes from an object what the manager never reads: the managed fields, and the annotations and labels
// of others, of which anyone may write hundreds of kilobytes. For our own kinds it keeps who wrote the spec last, for
// the audit trail, and when.
//
// So whatever is computed from a cached object must not be written as a whole: see PatchMetadata.
func StripForCache(in any) (any, error) {
	o, err := meta.Accessor(in)
	if err != nil {
		return in, nil //nolint:nilerr // a tombstone holds an object that was stripped before
	}
	o.SetManagedFields(lastWriter(in, o))
	o.SetAnnotations(only(o.GetAnnotations(), readAnnotations))
	if _, ours := in.(Object); ours {
		o.SetLabels(only(o.GetLabels(), gitops.Labels()))
	}
	return in, nil
}

// readAnnotations are those that the controllers read or write.
var readAnnotations = append(gitops.Annotations(), pamv1alpha1.AnnotationRequestID, pamv1alpha1.AnnotationRequestedAt,
	pamv1alpha1.AnnotationRefreshRequestedAt, pamv1alpha1.AnnotationReconcileRequestedAt,
	pamv1alpha1.AnnotationSuspendReason, AnnotationCreating)

// maxCachedValue is how much of a value is kept, in bytes. Nothing that we or the tools write is as long.
const maxCachedValue = 2 << 10

func only(values map[string]string, names []string) map[string]string {
	var out map[string]string
	for _, name := range names {
		value, ok := values[name]
		if !ok {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		if len(value) > maxCachedValue {
			value = strings.Clone(value[:maxCachedValue])
		}
		out[name] = value
	}
	return out
}

// lastWriter returns who wrote the spec last, and when, and nothing else.
func lastWriter(in any, o metav1.Object) []metav1.ManagedFieldsEntry {
	last := audit.LastWriter(o.GetManagedFields())
	if _, ours := in.(Object); !ours || last == nil {
		return nil
	}
	return []metav1.ManagedFieldsEntry{{Manager: last.Manager, Time: last.Time}}
}
