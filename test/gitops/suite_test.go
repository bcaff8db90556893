// SPDX-License-Identifier: Apache-2.0

// Package gitops proves what Argo CD and Flux make of our objects with config/argocd and config/flux. The objects are
// examples that the specs of internal/controller keep of every state in which the operator leaves one.
package gitops

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/test/verdict"
)

var update = flag.Bool("update", false, "write the verdicts: health_test.yaml, action_test.yaml, docs/gitops.md")

const (
	root           = "../.."
	customizations = root + "/config/argocd/resource_customizations/pam-operator.io"
	wildcard       = customizations + "/_"
)

// example is an object in a state.
type example struct {
	// file is the path below testdata.
	file   string
	object *unstructured.Unstructured
	state  verdict.State
}

// examples are all of them, by file.
func examples(t *testing.T) []example {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(wildcard, "testdata", "*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var all []example
	for _, file := range files {
		name, err := filepath.Rel(filepath.Join(wildcard, "testdata"), file)
		if err != nil {
			t.Fatal(err)
		}
		o := read(t, file)
		state, err := verdict.StateOf(o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, example{filepath.ToSlash(name), o, state})
	}
	if len(all) < 50 {
		t.Fatalf("%d examples", len(all))
	}
	return all
}

func judges(t *testing.T) verdict.Judges {
	t.Helper()
	j, err := verdict.NewJudges(root)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// read is the only object in a file.
func read(t *testing.T, file string) *unstructured.Unstructured {
	t.Helper()
	objects, err := installation.Decode([]byte(content(t, file)))
	if err != nil || len(objects) != 1 {
		t.Fatalf("%s: %d objects, %v", file, len(objects), err)
	}
	return objects[0]
}

func content(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// compare compares a generated file with what it should be, or writes it with -update.
func compare(t *testing.T, file, want string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := content(t, file); got != want {
		t.Errorf("%s is out of date: go test ./test/gitops -update, and look at the difference",
			strings.TrimPrefix(file, root+"/"))
	}
}
