// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/manifest"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// read reads all manifests.
func (o *adoptOptions) read(namespace string) (adoptions, error) {
	var out adoptions
	from := map[cluster.ID]string{}
	for _, name := range o.files {
		files, err := manifest.Files(name)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			manifests, err := o.readFile(file, namespace)
			if err != nil {
				return nil, err
			}
			for _, m := range manifests {
				a := newAdoption(m)
				if other, twice := from[a.ref.ID()]; twice {
					return nil, fmt.Errorf("%s and %s both have %s/%s: leave out one of them",
						other, file, a.ref.Namespace, a.ref)
				}
				from[a.ref.ID()] = file
				out = append(out, a)
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there are no manifests in %s", strings.Join(o.files, ", "))
	}
	return out, nil
}

func (o *adoptOptions) readFile(file, namespace string) ([]*unstructured.Unstructured, error) {
	documents, err := manifest.Read(file, o.In)
	if err != nil {
		return nil, err
	}
	out := make([]*unstructured.Unstructured, 0, len(documents))
	for _, document := range documents {
		m, err := decodeManifest(document)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if m.GetNamespace() == "" {
			m.SetNamespace(namespace)
		}
		out = append(out, m)
	}
	return out, nil
}

// decodeManifest reads a document, which must be ours and adoptable.
func decodeManifest(document string) (*unstructured.Unstructured, error) {
	m := &unstructured.Unstructured{}
	if err := utilyaml.Unmarshal([]byte(document), &m.Object); err != nil {
		return nil, err
	}
	kind, ours := kinds.Named(m.GetKind())
	if m.GetAPIVersion() != pamv1alpha1.GroupVersion.String() || !ours || !kind.IsPolicy() {
		return nil, fmt.Errorf("%s %s %q cannot be adopted: only policies, users and groups of %s can",
			m.GetAPIVersion(), m.GetKind(), m.GetName(), pamv1alpha1.GroupVersion)
	}
	if m.GetName() == "" {
		return nil, fmt.Errorf("a %s lacks metadata.name", m.GetKind())
	}
	return m, nil
}
