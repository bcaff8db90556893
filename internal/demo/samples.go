// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/installation"
)

// fieldManager owns the applied fields.
const fieldManager = "pam-demo"

// samples are the objects of config/samples. They stay as they were written, instead of becoming Go values, so that
// server-side apply owns exactly the fields that the files name.
type samples []*unstructured.Unstructured

// loadSamples reads the samples and fits them to the simulated appliances.
func (d *demo) loadSamples(context.Context) error {
	var err error
	if d.samples, err = readSamples(filepath.Join(d.Root, "config", "samples")); err != nil {
		return err
	}
	changes, err := d.samples.fit(d.appliances, d.account)
	for _, change := range changes {
		d.screen.detail("%s", change)
	}
	return err
}

// readSamples reads the files of a folder in the order of their names, without kustomization.yaml.
func readSamples(dir string) (samples, error) {
	files, err := filepath.Glob(filepath.Join(dir, "[0-9]*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no samples in %s: run the demo in the repository's folder", dir)
	}
	var all samples
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // G304: found in the folder that the user named
		if err != nil {
			return nil, err
		}
		objects, err := installation.Decode(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, objects...)
	}
	return all, nil
}

// ours are the samples of our own kinds, which are to become ready.
func (s samples) ours() []identity {
	var out []identity
	for _, o := range s {
		if o.GroupVersionKind().Group == pamv1alpha1.GroupVersion.Group {
			out = append(out, identify(o))
		}
	}
	return out
}

// ofKind are the samples of a kind.
func (s samples) ofKind(kind string) []identity {
	var out []identity
	for _, o := range s {
		if o.GetKind() == kind {
			out = append(out, identify(o))
		}
	}
	return out
}

// boundTo are the sessions that end with a workload, and their connection Secrets.
func (s samples) boundTo(workload identity) (sessions, secrets []identity) {
	for _, o := range s {
		to, _, _ := unstructured.NestedStringMap(o.Object, "spec", "boundTo")
		if to["kind"] != workload.kind || to["name"] != workload.name || o.GetNamespace() != workload.namespace {
			continue
		}
		sessions = append(sessions, identify(o))
		name, _, _ := unstructured.NestedString(o.Object, "spec", "connectionSecret", "name")
		secrets = append(secrets, identity{"Secret", o.GetNamespace(), cmp.Or(name, o.GetName())})
	}
	return sessions, secrets
}

// find returns the sample of a kind and name, or nil.
func (s samples) find(id identity) *unstructured.Unstructured {
	for _, o := range s {
		if id == identify(o) {
			return o
		}
	}
	return nil
}

// applySamples applies all samples at once, in their order; the manager finds out what waits for what. The watch starts
// first, so that no transition is missed.
func (d *demo) applySamples(ctx context.Context) error {
	d.board = newBoard(d.samples.ours())
	var err error
	if d.updates, err = watch(ctx, d.plane.Config); err != nil {
		return err
	}
	if err := d.apply(ctx, d.samples); err != nil {
		return err
	}
	d.screen.detail("%d objects, %d of them ours", len(d.samples), len(d.samples.ours()))
	return nil
}

// apply is server-side apply, which refuses fields that the schema does not know.
func (d *demo) apply(ctx context.Context, objects []*unstructured.Unstructured) error {
	for _, o := range objects {
		// Apply writes the answer into its argument.
		configuration := client.ApplyConfigurationFromUnstructured(o.DeepCopy())
		err := d.client.Apply(ctx, configuration, client.FieldOwner(fieldManager), client.ForceOwnership)
		if err != nil {
			return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}
