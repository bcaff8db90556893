// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"

	"github.com/pam-operator/pam-operator/internal/installation"
)

const group = "pam-operator.io"

func TestSchemasAcceptTheSamplesAndNoUnknownField(t *testing.T) {
	folder := t.TempDir()
	if err := run([]string{"../../config/crd/bases", folder}); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, sample := range samples(t) {
		if sample.GroupVersionKind().Group != group {
			continue
		}
		checked++
		schema := schemaOf(t, folder, sample)
		if result := check(schema, sample.Object); len(result) > 0 {
			t.Errorf("%s %s: %v", sample.GetKind(), sample.GetName(), result)
		}
		if err := unstructured.SetNestedField(sample.Object, true, "spec", "suspendd"); err != nil {
			t.Fatal(err)
		}
		if result := check(schema, sample.Object); len(result) == 0 || !strings.Contains(result[0].Error(), "suspendd") {
			t.Errorf("%s: a misspelt field is reported as %v", sample.GetKind(), result)
		}
	}
	if checked == 0 {
		t.Error("there are no samples")
	}
}

func TestAFolderWithoutDefinitionsIsRefused(t *testing.T) {
	if err := run([]string{t.TempDir(), t.TempDir()}); err == nil || !strings.Contains(err.Error(), "no definitions") {
		t.Errorf("got %v", err)
	}
}

func samples(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	files, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []*unstructured.Unstructured
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := installation.Decode(content)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, objects...)
	}
	return all
}

func schemaOf(t *testing.T, folder string, object *unstructured.Unstructured) *spec.Schema {
	t.Helper()
	kind := object.GroupVersionKind()
	content, err := os.ReadFile(filepath.Join(folder, group, strings.ToLower(kind.Kind)+"_"+kind.Version+".json"))
	if err != nil {
		t.Fatal(err)
	}
	schema := &spec.Schema{}
	if err := json.Unmarshal(content, schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

func check(schema *spec.Schema, object map[string]any) []error {
	return validate.NewSchemaValidator(schema, nil, "", strfmt.Default).Validate(object).Errors
}
