// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/act"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

const (
	// adoptOwner owns the fields that `adopt -f` applies.
	adoptOwner = frame.FieldOwner + "-adopt"
	// applyAtOnce limits how many manifests are applied at the same time.
	applyAtOnce = 16
	// maxManifest bounds, in bytes, what is read of one file.
	maxManifest = 64 << 20
)

// apply applies the manifests by server-side apply.
func (o *adoptOptions) apply(ctx context.Context, c *cluster.Client, before commits) ([]kinds.Object, error) {
	manifests, err := o.read(c.Namespace)
	if err != nil {
		return nil, err
	}
	insisting := slices.ContainsFunc(manifests, insists)
	if err := o.Confirm(o.Yes || o.DryRun.Dry() || !insisting,
		"Some manifests have adoptionPolicy: Always, which changes the appliance. Go on?"); err != nil {
		return nil, err
	}
	if o.DryRun.Client() {
		return nil, o.wouldApply(manifests)
	}
	options := []client.ApplyOption{client.FieldOwner(adoptOwner)}
	if o.DryRun.Dry() {
		options = append(options, client.DryRunAll)
	}
	if o.Force {
		options = append(options, client.ForceOwnership)
	}
	for _, manifest := range manifests {
		before.read(ctx, c, connectionOfManifest(manifest))
	}
	objects := make([]kinds.Object, len(manifests))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(applyAtOnce)
	for i, manifest := range manifests {
		group.Go(func() (err error) {
			objects[i], err = applyOne(ctx, c, manifest, options)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if o.DryRun.Dry() {
		return nil, o.wouldApply(manifests)
	}
	return objects, nil
}

func (o *adoptOptions) wouldApply(manifests []*unstructured.Unstructured) error {
	results := make([]act.Result, 0, len(manifests))
	for _, m := range manifests {
		results = append(results, act.Result{
			Kind: m.GetKind(), Namespace: m.GetNamespace(), Name: m.GetName(), Result: "Applied",
		})
	}
	return o.would("applied", results)
}

func insists(m *unstructured.Unstructured) bool {
	policy, _, _ := unstructured.NestedString(m.Object, "spec", "adoptionPolicy")
	return policy == string(pamv1alpha1.AdoptionPolicyAlways)
}

// applyOne keeps the manifest as it was written, so that no field is lost that this plugin does not know, or made up.
func applyOne(
	ctx context.Context, c *cluster.Client, manifest *unstructured.Unstructured, options []client.ApplyOption,
) (kinds.Object, error) {
	name := manifest.GetKind() + " " + manifest.GetName()
	err := c.ApplyManifest(ctx, manifest, options...)
	if apierrors.IsConflict(err) {
		return nil, fmt.Errorf("%s is there already, and others applied fields of it: export with --unmanaged to leave it "+
			"out, or take these fields over with --force: %w", name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("apply %s: %w", name, err)
	}
	kind, _ := kinds.Named(manifest.GetKind())
	object := kind.New()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(manifest.Object, object); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return object, nil
}

// read reads all manifests.
func (o *adoptOptions) read(namespace string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, name := range o.files {
		files, err := filesOf(name)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			content, err := o.content(file)
			if err != nil {
				return nil, err
			}
			manifests, err := decodeManifests(content, namespace)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			out = append(out, manifests...)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there are no manifests in %s", strings.Join(o.files, ", "))
	}
	return out, nil
}

func (o *adoptOptions) content(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(o.In, maxManifest))
	}
	return os.ReadFile(file) //nolint:gosec // G304: the user named it
}

// filesOf are the manifests in a folder, or the file itself.
func filesOf(name string) ([]string, error) {
	if name == "-" {
		return []string{name}, nil
	}
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return []string{name}, err
	}
	var out []string
	for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
		files, err := filepath.Glob(filepath.Join(name, pattern))
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	slices.Sort(out)
	return out, nil
}

// decodeManifests reads documents, all of which must be ours and adoptable.
func decodeManifests(content []byte, namespace string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		m := &unstructured.Unstructured{}
		if err := utilyaml.Unmarshal(text, &m.Object); err != nil {
			return nil, err
		}
		if len(m.Object) == 0 { // only comments
			continue
		}
		kind, ours := kinds.Named(m.GetKind())
		if m.GetAPIVersion() != pamv1alpha1.GroupVersion.String() || !ours || !kind.IsPolicy() {
			return nil, fmt.Errorf("%s %s %q cannot be adopted: only policies, users and groups of %s can",
				m.GetAPIVersion(), m.GetKind(), m.GetName(), pamv1alpha1.GroupVersion)
		}
		if m.GetName() == "" {
			return nil, fmt.Errorf("a %s lacks metadata.name", m.GetKind())
		}
		if m.GetNamespace() == "" {
			m.SetNamespace(namespace)
		}
		out = append(out, m)
	}
}
