// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// specs are the schemas of the specs of our kinds.
func specs() map[string]apiextensionsv1.JSONSchemaProps {
	files, err := filepath.Glob(filepath.Join("..", "..", "config", "crd", "bases", "*.yaml"))
	Expect(err).NotTo(HaveOccurred())
	out := map[string]apiextensionsv1.JSONSchemaProps{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		crd := &apiextensionsv1.CustomResourceDefinition{}
		Expect(yaml.Unmarshal(content, crd)).To(Succeed())
		out[crd.Spec.Names.Kind] = crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	}
	return out
}

// secretReferences are the paths of fields that may name a Secret to be read.
func secretReferences(schema apiextensionsv1.JSONSchemaProps, path string) []string {
	var out []string
	for name, field := range schema.Properties {
		at := path + "." + name
		if strings.HasSuffix(name, "SecretRef") || name == "caBundleRef" {
			out = append(out, at)
			continue
		}
		out = append(out, secretReferences(field, at)...)
	}
	return out
}
