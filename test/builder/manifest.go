// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Manifest renders objects as one manifest.
func Manifest(objects ...client.Object) (string, error) {
	var manifest strings.Builder
	for _, o := range objects {
		document, err := yaml.Marshal(o)
		if err != nil {
			return "", err
		}
		manifest.WriteString("---\n" + string(document))
	}
	return manifest.String(), nil
}
