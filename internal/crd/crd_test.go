// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/openapi"
	"k8s.io/client-go/openapi/openapitest"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

var version = pamv1alpha1.GroupVersion

// TestEveryFieldOfEveryKindIsCompared removes one field after another from the generated definitions.
func TestEveryFieldOfEveryKindIsCompared(t *testing.T) {
	t.Parallel()
	kinds, definitions := ourScheme(t).KnownTypes(version), generated(t)
	if missing := Missing(kinds, version, document(t, definitions)); len(missing) > 0 {
		t.Fatalf("the generated definitions lack %q", missing)
	}
	for kind, definition := range definitions {
		one := map[string]reflect.Type{kind: kinds[kind]}
		fields := 0
		eachField(kind, definition, func(path string) {
			fields++
			missing := Missing(one, version, document(t, map[string]map[string]any{kind: definition}))
			if diff := cmp.Diff([]string{path}, missing); diff != "" {
				t.Errorf("without %s (-want +got):\n%s", path, diff)
			}
		})
		if fields < 10 {
			t.Errorf("%s has %d fields", kind, fields)
		}
	}
	delete(definitions, "LocalUser")
	if diff := cmp.Diff([]string{"LocalUser"}, Missing(kinds, version, document(t, definitions))); diff != "" {
		t.Errorf("without a kind (-want +got):\n%s", diff)
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	whole, definitions := document(t, generated(t)), generated(t)
	for kind := range definitions {
		if kind != "SPSConnection" && kind != "NPSConnection" {
			delete(definitions, kind)
		}
	}
	forbidden := apierrors.NewForbidden(version.WithResource("").GroupResource(), "", nil)
	for name, tt := range map[string]struct {
		client openapi.Client
		want   string // in the error; empty if there is none
	}{
		"the definitions of this version": {serving(t, whole), ""},
		"older ones": {
			serving(t, document(t, definitions)),
			"missing: ActivitySession, ApplianceExport, LocalUser, LocalUserGroup, RDPConnectionPolicy and 1 more",
		},
		"none": {
			&openapitest.FakeClient{PathsMap: map[string]openapi.GroupVersion{}},
			"missing: ActivitySession, ApplianceExport, LocalUser, LocalUserGroup, NPSConnection and 3 more",
		},
		"no right to read the document": {&openapitest.FakeClient{ForcedErr: forbidden}, ""},
		"a document that does not come": {&openapitest.FakeClient{ForcedErr: errors.New("no answer")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := await(t.Context(), tt.client, ourScheme(t), version, 10*time.Millisecond)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (!errors.Is(err, ErrOutdated) || !strings.HasSuffix(err.Error(), tt.want)):
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	ended, end := context.WithCancel(t.Context())
	end()
	none := &openapitest.FakeClient{PathsMap: map[string]openapi.GroupVersion{}}
	if err := Await(ended, none, ourScheme(t), version); !errors.Is(err, context.Canceled) {
		t.Errorf("after an order to stop: %v", err)
	}
}

func ourScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := pamv1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return scheme
}

// generated are the schemas of config/crd, by kind.
func generated(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no definitions: ", err)
	}
	schemas := map[string]map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var definition map[string]any
		if err := yaml.Unmarshal(text, &definition); err != nil {
			t.Fatal(err)
		}
		kind, _, _ := unstructured.NestedString(definition, "spec", "names", "kind")
		versions, _, _ := unstructured.NestedSlice(definition, "spec", "versions")
		version, _ := versions[0].(map[string]any)
		schemas[kind], _, _ = unstructured.NestedMap(version, "schema", "openAPIV3Schema")
	}
	return schemas
}

// document is what the API server publishes of definitions.
func document(t *testing.T, schemas map[string]map[string]any) *spec3.OpenAPI {
	t.Helper()
	doc := &spec3.OpenAPI{Version: "3.0.0", Components: &spec3.Components{Schemas: map[string]*spec.Schema{}}}
	for kind, definition := range schemas {
		text, err := json.Marshal(definition)
		if err != nil {
			t.Fatal(err)
		}
		s := &spec.Schema{}
		if err := json.Unmarshal(text, s); err != nil {
			t.Fatal(err)
		}
		s.AddExtension("x-kubernetes-group-version-kind", []any{
			map[string]any{"group": version.Group, "version": version.Version, "kind": kind},
		})
		doc.Components.Schemas["io.pam-operator."+kind] = s
	}
	return doc
}

func serving(t *testing.T, doc *spec3.OpenAPI) openapi.Client {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &openapitest.FakeClient{PathsMap: map[string]openapi.GroupVersion{
		"apis/" + version.String(): &openapitest.FakeGroupVersion{GVSpec: text},
	}}
}

// eachField calls without for every field at any depth, while it is not in the schema.
func eachField(path string, schema map[string]any, without func(path string)) {
	for _, elements := range []string{"items", "additionalProperties"} {
		if of, is := schema[elements].(map[string]any); is {
			eachField(path, of, without)
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Collect(maps.Keys(properties)) {
		field := properties[name]
		if deeper, is := field.(map[string]any); is {
			eachField(path+"."+name, deeper, without)
		}
		delete(properties, name)
		without(path + "." + name)
		properties[name] = field
	}
}
