// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// readObjects returns the objects in a file of YAML documents, verbatim.
func readObjects(file string) ([]*unstructured.Unstructured, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), len(content))
	var objects []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		switch {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", file, err)
		case len(object.Object) > 0: // not only comments
			objects = append(objects, object)
		}
	}
}

// mustReadObjects is for building the tree of tests, before any test that could fail.
func mustReadObjects(file string) []*unstructured.Unstructured {
	objects, err := readObjects(file)
	if err != nil {
		panic(err)
	}
	return objects
}
