// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/verdict"
)

// The names under which Argo CD and Flux apply.
const (
	argocdManager = "argocd-controller"
	fluxManager   = "kustomize-controller"
)

// TestNoSampleEverDiffers applies every sample as Argo CD and Flux do, in turn, and looks for what each of them would
// call a difference: none, so no ignoreDifferences is ever needed.
func TestNoSampleEverDiffers(t *testing.T) {
	t.Parallel() // mostly waiting
	b := newSampleBed(t, theCluster(t), simnps.Options{})
	samples := b.render("samples")
	b.applyAsBoth(samples)
	b.current(samples)
	for _, o := range samples {
		if o.GetKind() == "Secret" {
			continue // the API server writes a Secret with stringData at every server-side apply
		}
		b.neverDiffers(t, o)
	}
	b.manager.stop(t)
}

// applyAsBoth applies objects as each of the two tools.
func (b *sampleBed) applyAsBoth(objects []*unstructured.Unstructured) {
	b.Helper()
	for _, tool := range []string{argocdManager, fluxManager} {
		for _, o := range objects {
			if _, err := b.apply(o, tool); err != nil {
				b.Fatalf("%s %s as %s: %v", o.GetKind(), o.GetName(), tool, err)
			}
		}
	}
}

// current waits until all objects of ours are what they should be.
func (b *sampleBed) current(objects []*unstructured.Unstructured) {
	b.Helper()
	for _, o := range objects {
		if isOurs(o) {
			b.eventually(func(g Gomega) { g.Expect(b.kstatus(g, o)).To(Equal("Current"), "%s %s", o.GetKind(), o.GetName()) })
		}
	}
}

// neverDiffers looks for what any tool would call a difference.
func (b *sampleBed) neverDiffers(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	t.Run(o.GetKind()+" "+o.GetName(), func(t *testing.T) {
		if o.GetKind() != "CronJob" { // the API server writes one at every server-side apply, although nothing differs
			b.unchangedByApplying(t, o)
		}
		b.sameInADryRun(t, o)
		if isOurs(o) {
			b.emptyPatch(t, o)
			b.onlyStatusIsOurs(t, o)
		}
	})
}

func (b *sampleBed) kstatus(g Gomega, o *unstructured.Unstructured) string {
	live, err := b.live(o)
	g.Expect(err).NotTo(HaveOccurred())
	status, err := verdict.KStatus(live)
	g.Expect(err).NotTo(HaveOccurred())
	return status
}

// unchangedByApplying applies an object again and again, which writes nothing. The manager may write its status
// meanwhile, so that this is tried a few times: what an apply changes, it changes every time.
func (b *sampleBed) unchangedByApplying(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	var before, after *unstructured.Unstructured
	for range 5 {
		var err error
		if before, err = b.live(o); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			for _, tool := range []string{argocdManager, fluxManager} {
				if after, err = b.apply(o, tool); err != nil {
					t.Fatal(err)
				}
			}
		}
		if before.GetResourceVersion() == after.GetResourceVersion() {
			return
		}
	}
	t.Errorf("applying it again changes it, -before +after:\n%s", cmp.Diff(before.Object, after.Object))
}

// sameInADryRun is Argo CD's server-side diff.
func (b *sampleBed) sameInADryRun(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	var diff string
	for range 5 {
		tried, err := b.apply(o, argocdManager, client.DryRunAll)
		if err != nil {
			t.Fatal(err)
		}
		live, err := b.live(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, each := range []*unstructured.Unstructured{tried, live} {
			each.SetManagedFields(nil)
		}
		if diff = cmp.Diff(live.Object, tried.Object); diff == "" {
			return
		}
	}
	t.Errorf("a dry run differs, -live +dry run:\n%s", diff)
}

// emptyPatch is the difference that Argo CD computes by itself without ServerSideApply.
func (b *sampleBed) emptyPatch(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	live, err := b.live(o)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	current, err := json.Marshal(live)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(manifest, manifest, current)
	if err != nil || string(patch) != "{}" {
		t.Errorf("the patch is %s, %v", patch, err)
	}
}

// ownFields are what the manager may own, as paths of managed fields.
var ownFields = []string{
	"f:status", "f:metadata f:finalizers", "f:metadata f:annotations f:pam-operator.io/request-id",
}

// onlyStatusIsOurs looks at who owns which field.
func (b *sampleBed) onlyStatusIsOurs(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	live, err := b.live(o)
	if err != nil {
		t.Fatal(err)
	}
	operator := 0
	for _, entry := range live.GetManagedFields() {
		if entry.Manager == argocdManager || entry.Manager == fluxManager {
			continue
		}
		operator++
		for _, path := range paths(t, entry) {
			below := func(own string) bool { return path == own || strings.HasPrefix(path, own+" ") }
			if !slices.ContainsFunc(ownFields, below) {
				t.Errorf("%s owns %s", entry.Manager, path)
			}
		}
	}
	if operator == 0 {
		t.Error("the manager owns nothing, not even the status")
	}
}

// paths are the fields of an entry that have no fields below them.
func paths(t *testing.T, entry metav1.ManagedFieldsEntry) []string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields); err != nil {
		t.Fatal(err)
	}
	return leaves("", fields)
}

func leaves(at string, fields map[string]any) []string {
	var out []string
	for name, below := range fields {
		path := strings.TrimSpace(at + " " + name)
		inner, _ := below.(map[string]any)
		switch {
		case name == ".": // the container itself; the manager that adds its first field owns it, too
		case len(inner) == 0:
			out = append(out, path)
		default:
			out = append(out, leaves(path, inner)...)
		}
	}
	return out
}
