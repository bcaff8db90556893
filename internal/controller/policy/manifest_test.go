// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/gitops"
	"github.com/pam-operator/pam-operator/test/builder"
)

const manifest = `{"kind":"RDPConnectionPolicy"}`

// appliedPolicy is a policy that kubectl apply made.
func appliedPolicy() *pamv1alpha1.RDPConnectionPolicy {
	return builder.RDPConnectionPolicy("rdp", builder.Annotation(corev1.LastAppliedConfigAnnotation, manifest),
		builder.Annotation(loop.AnnotationCreating, "a mark of old"))
}

// fromCache is that object as the cache shows it.
func fromCache(t *testing.T, c client.Client) *pamv1alpha1.RDPConnectionPolicy {
	t.Helper()
	live := &pamv1alpha1.RDPConnectionPolicy{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: builder.DefaultNamespace, Name: "rdp"}, live); err != nil {
		t.Fatal(err)
	}
	if got := live.Annotations[corev1.LastAppliedConfigAnnotation]; got != manifest {
		t.Fatalf("the manifest of kubectl is %q", got)
	}
	cached := live.DeepCopy()
	if _, err := loop.StripForCache(cached); err != nil {
		t.Fatal(err)
	}
	return cached
}

// Anyone may write 256 KiB of annotations, and more of labels.
func TestTheCacheKeepsNothingThatOthersWrite(t *testing.T) { //nolint:cyclop // a list of checks
	t.Parallel()
	p, now := appliedPolicy(), metav1.Now()
	p.Annotations["team"], p.Annotations[gitops.ArgoTracking] = strings.Repeat("x", 200<<10), "app:g/k:default/rdp"
	p.Annotations[pamv1alpha1.AnnotationSuspendReason] = strings.Repeat("y", 50<<10)
	p.Labels = map[string]string{"team": "a", gitops.FluxHelmRelease: "b"}
	p.ManagedFields = []metav1.ManagedFieldsEntry{
		{Manager: "kubectl", Time: &now, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)},
		{Manager: "manager", FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:finalizers":{}}}`)},
		{Manager: "manager", Subresource: "status", FieldsV1: metav1.NewFieldsV1(`{"f:status":{}}`)},
	}
	if _, err := loop.StripForCache(p); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]metav1.ManagedFieldsEntry{{Manager: "kubectl", Time: &now}}, p.ManagedFields); diff != "" {
		t.Errorf("who wrote the spec last, and when: %s", diff)
	}
	if len(p.Annotations) != 3 || p.Annotations[gitops.ArgoTracking] == "" ||
		len(p.Annotations[pamv1alpha1.AnnotationSuspendReason]) > 4<<10 {
		t.Errorf("kept %v", p.Annotations)
	}
	if diff := cmp.Diff(map[string]string{gitops.FluxHelmRelease: "b"}, p.Labels); diff != "" {
		t.Errorf("labels: %s", diff)
	}
	bare := builder.RDPConnectionPolicy("rdp")
	if _, err := loop.StripForCache(bare); err != nil || len(bare.Annotations) > 0 || bare.ManagedFields != nil {
		t.Errorf("%v, annotations %v, managed fields %v", err, bare.Annotations, bare.ManagedFields)
	}
	namespace := builder.Namespace("a")
	namespace.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	namespace.Labels, namespace.Annotations = map[string]string{"team": "a"}, map[string]string{"large": "x"}
	if _, err := loop.StripForCache(namespace); err != nil || namespace.ManagedFields != nil ||
		namespace.Annotations != nil || namespace.Labels["team"] != "a" {
		t.Errorf("%v, of what is not ours %+v", err, namespace.ObjectMeta)
	}
	if got, err := loop.StripForCache(toolscache.DeletedFinalStateUnknown{Key: "k"}); err != nil || got == nil {
		t.Errorf("%v, %v", got, err)
	}
}

// TestPatchesLeaveTheManifestOfKubectl goes through all that writes metadata, from the object as the cache shows it.
func TestPatchesLeaveTheManifestOfKubectl(t *testing.T) {
	t.Parallel()
	c := cachedPolicies(t, appliedPolicy())
	r := newReconciler[*pamv1alpha1.RDPConnectionPolicy](loop.Deps{Client: c, Live: c}, nil)
	p := fromCache(t, c)
	before := p.DeepCopy()
	p.Status.Appliance = "https://sps.example.com"
	if err := r.prepareWrite(t.Context(), before, p, true); err != nil {
		t.Fatal(err)
	}
	p = fromCache(t, c)
	_, marked := p.Annotations[loop.AnnotationCreating]
	if before.Status.PendingCreation == nil || !loop.HasFinalizer(p) || !loop.Creating(p) || marked {
		t.Fatalf("finalizers %v, annotations %v, status %+v", p.Finalizers, p.Annotations, p.Status)
	}
	if _, released := r.release(t.Context(), p, ""); !released {
		t.Error("it was not released")
	}
	if p = fromCache(t, c); loop.HasFinalizer(p) {
		t.Errorf("finalizers %v", p.Finalizers)
	}
}

// TestTheCacheKeepsWhatPeopleAskFor by an annotation of the API.
func TestTheCacheKeepsWhatPeopleAskFor(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		pamv1alpha1.AnnotationRequestID, pamv1alpha1.AnnotationRequestedAt, pamv1alpha1.AnnotationRefreshRequestedAt,
		pamv1alpha1.AnnotationReconcileRequestedAt, pamv1alpha1.AnnotationSuspendReason,
	} {
		s := builder.ActivitySession("s", builder.Annotation(name, "two  blanks"))
		if _, err := loop.StripForCache(s); err != nil || s.Annotations[name] != "two  blanks" {
			t.Errorf("%s: %q, %v", name, s.Annotations[name], err)
		}
	}
}
