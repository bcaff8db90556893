// SPDX-License-Identifier: Apache-2.0

// Command schemas writes a JSON schema for each version of each custom resource definition in a folder, for editors and
// for tools that validate manifests without a cluster, such as kubeconform. Arguments: the folder, and the one to
// write to. A schema is in GROUP/KIND_VERSION.json, as in the public catalogs of schemas.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("usage: schemas FROM TO")
	}
	files, err := filepath.Glob(filepath.Join(arguments[0], "*.yaml"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no definitions in %s", arguments[0])
	}
	for _, file := range files {
		if err := convert(file, arguments[1]); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func convert(file, to string) error {
	content, err := os.ReadFile(file) //nolint:gosec // G304: the caller names the folder
	if err != nil {
		return err
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(content, &definition); err != nil {
		return err
	}
	folder := filepath.Join(to, definition.Spec.Group)
	if err := os.MkdirAll(folder, 0o750); err != nil { //nolint:gosec // G703: the caller names the folder
		return err
	}
	for _, version := range definition.Spec.Versions {
		schema, err := json.MarshalIndent(strict(version.Schema.OpenAPIV3Schema), "", "  ")
		if err != nil {
			return err
		}
		name := strings.ToLower(definition.Spec.Names.Kind) + "_" + version.Name + ".json"
		//nolint:gosec // G703: the caller names the folder
		if err := os.WriteFile(filepath.Join(folder, name), append(schema, '\n'), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// strict forbids unknown fields, as the API server does for kubectl: a misspelt field is the most common mistake.
func strict(schema *apiextensionsv1.JSONSchemaProps) *apiextensionsv1.JSONSchemaProps {
	if schema == nil {
		return nil
	}
	schema = schema.DeepCopy()
	forbidUnknown(schema)
	// The API server checks metadata by a schema of its own.
	if _, ok := schema.Properties["metadata"]; ok {
		schema.Properties["metadata"] = apiextensionsv1.JSONSchemaProps{Type: "object"}
	}
	return schema
}

func forbidUnknown(schema *apiextensionsv1.JSONSchemaProps) {
	open := schema.AdditionalProperties != nil ||
		schema.XPreserveUnknownFields != nil && *schema.XPreserveUnknownFields
	if len(schema.Properties) > 0 && !open {
		schema.AdditionalProperties = &apiextensionsv1.JSONSchemaPropsOrBool{}
	}
	for name, property := range schema.Properties {
		forbidUnknown(&property)
		schema.Properties[name] = property
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		forbidUnknown(schema.Items.Schema)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		forbidUnknown(schema.AdditionalProperties.Schema)
	}
}
