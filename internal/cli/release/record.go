// SPDX-License-Identifier: Apache-2.0

package release

import (
	"bytes"
	"fmt"
	"os"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// unrecorded are the annotations that are no part of what somebody wants.
var unrecorded = []string{
	"kubectl.kubernetes.io/last-applied-configuration", pamv1alpha1.AnnotationRequestID,
	pamv1alpha1.AnnotationReconcileRequestedAt, pamv1alpha1.AnnotationRefreshRequestedAt,
}

// Record writes objects to a file as manifests that bring them back. A file that exists is not overwritten. Sessions
// and terminations are left out: applied again, they would ask for something anew.
func Record(file string, objects []kinds.Object) error {
	var text bytes.Buffer
	ordered := slices.Clone(objects)
	slices.Reverse(ordered) // as they can be created
	for _, o := range ordered {
		if _, policy := o.(kinds.PolicyObject); !policy && !isConnection(o) {
			continue
		}
		manifest, err := manifestOf(o)
		if err != nil {
			return fmt.Errorf("write %s: %w", cluster.RefOf(o), err)
		}
		text.WriteString("---\n")
		text.Write(manifest)
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // G304: the user named it
	if err != nil {
		return fmt.Errorf("record what is released: %w", err)
	}
	if _, err := out.Write(text.Bytes()); err != nil {
		_ = out.Close()
		return fmt.Errorf("record what is released: %w", err)
	}
	return out.Close()
}

// manifestOf is what somebody wrote of an object.
func manifestOf(o kinds.Object) ([]byte, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{Object: map[string]any{"spec": content["spec"]}}
	u.SetGroupVersionKind(pamv1alpha1.GroupVersion.WithKind(cluster.KindOf(o).Name))
	u.SetNamespace(o.GetNamespace())
	u.SetName(o.GetName())
	u.SetLabels(o.GetLabels())
	annotations := map[string]string{}
	for key, value := range o.GetAnnotations() {
		if !slices.Contains(unrecorded, key) {
			annotations[key] = value
		}
	}
	if len(annotations) > 0 {
		u.SetAnnotations(annotations)
	}
	return yaml.Marshal(u.Object)
}
