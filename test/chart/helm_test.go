// SPDX-License-Identifier: Apache-2.0

// Package chart proves what the Helm chart renders, with the Helm that "make helm" builds, and that a real API server
// accepts it.
package chart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/pam-operator/pam-operator/internal/installation"
)

// The release of most tests: with these two, the chart gives its objects the names that config/default gives them.
const (
	release   = "pam-operator"
	namespace = "pam-operator-system"
)

var (
	root     = filepath.Join("..", "..")
	chartDir = filepath.Join(root, "charts", "pam-operator")
)

// helm is one version of Helm.
type helm struct{ binary, home string }

func helm4(t *testing.T) helm { t.Helper(); return newHelm(t, "helm") }
func helm3(t *testing.T) helm { t.Helper(); return newHelm(t, "helm3") }

func newHelm(t *testing.T, name string) helm {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "bin", name+"-*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d files bin/%s-*, want one: run \"make helm\" (%v)", len(found), name, err)
	}
	binary, err := filepath.Abs(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return helm{binary, t.TempDir()}
}

// run runs Helm without anything that the user has configured.
func (h helm) run(ctx context.Context, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, h.binary, arguments...)
	cmd.Env = []string{"HOME=" + h.home, "PATH=" + os.Getenv("PATH"), "KUBECONFIG=" + os.DevNull}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", errors.Join(err, errors.New(stdout.String()+stderr.String()))
	}
	return stdout.String(), nil
}

// template renders the chart, or says why that fails.
func (h helm) template(ctx context.Context, chart string, arguments ...string) (string, error) {
	return h.run(ctx, append([]string{"template", release, chart, "--namespace", namespace}, arguments...)...)
}

// render renders the chart into objects.
func (h helm) render(t *testing.T, arguments ...string) []*unstructured.Unstructured {
	t.Helper()
	text, err := h.template(t.Context(), chartDir, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, text)
}

func decode(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := installation.Decode([]byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return objects
}

// withValues are the arguments for these values.
func withValues(t *testing.T, values map[string]any) []string {
	t.Helper()
	content, err := yaml.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--values", file}
}

// ciFile are the arguments for one of the values files of the chart.
func ciFile(name string) []string {
	return []string{"--values", filepath.Join(chartDir, "ci", name+"-values.yaml")}
}

// ciNames are the values files of the chart.
func ciNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chartDir, "ci", "*-values.yaml"))
	if err != nil || len(files) < 7 {
		t.Fatalf("%d values files, %v", len(files), err)
	}
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), "-values.yaml"))
	}
	return names
}

// changedChart is a copy of the chart with further files below files/.
func changedChart(t *testing.T, further string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pam-operator")
	if err := os.CopyFS(dir, os.DirFS(chartDir)); err != nil {
		t.Fatal(err)
	}
	if further != "" {
		for _, name := range []string{"alerts.yaml", "dashboards"} { // what the chart has got meanwhile
			if err := os.RemoveAll(filepath.Join(dir, "files", name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.CopyFS(filepath.Join(dir, "files"), os.DirFS(further)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// identify is what tells an object from others of a rendering.
func identify(o *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
}

// find returns the object of a kind whose name ends so.
func find(t *testing.T, objects []*unstructured.Unstructured, kind, suffix string) *unstructured.Unstructured {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() == kind && strings.HasSuffix(o.GetName(), suffix) {
			return o
		}
	}
	t.Fatalf("no %s *%s", kind, suffix)
	return nil
}
