// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// partsLeft is, by namespace, how many parts the API server accepts before it refuses one.
var partsLeft sync.Map

// createPart creates an object, unless it is the part of an export that is to be refused.
func createPart(ctx context.Context, c client.WithWatch, obj client.Object, options ...client.CreateOption) error {
	if left, ok := partsLeft.Load(obj.GetNamespace()); ok && obj.GetLabels()[pamv1alpha1.LabelExport] != "" {
		if count, ok := left.(*atomic.Int64); ok && count.Add(-1) == -1 {
			return errors.New("the API server does not answer")
		}
	}
	return c.Create(ctx, obj, options...)
}

// export creates an export, and returns it when it is complete.
func (s *site) export(
	ctx context.Context, name string, options ...builder.Option,
) *pamv1alpha1.ApplianceExport {
	GinkgoHelper()
	e := builder.ApplianceExport(name, append(s.in("sps"), options...)...)
	s.create(ctx, e)
	eventuallyReady(ctx, e)
	Expect(e.Status.Phase).To(Equal(pamv1alpha1.ExportCompleted))
	Expect(holds(ctx, e, pamv1alpha1.ConditionComplete)()).To(BeTrue())
	return e
}

func exporting(change func(*pamv1alpha1.ApplianceExportSpec)) builder.Option {
	return builder.With(func(e *pamv1alpha1.ApplianceExport) { change(&e.Spec) })
}

// exported are the objects that an export has written, in their order, by the sums that its status shows.
func exported(ctx context.Context, e *pamv1alpha1.ApplianceExport) []*unstructured.Unstructured {
	GinkgoHelper()
	var out []*unstructured.Unstructured
	for _, part := range e.Status.Parts {
		cm := &corev1.ConfigMap{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: part.Name}, cm)).To(Succeed())
		Expect(cm.Labels).To(HaveKeyWithValue(pamv1alpha1.LabelExport, e.Name))
		Expect(cm.Immutable).To(HaveValue(BeTrue()))
		Expect(cm.Data).To(HaveLen(int(*part.Objects)))
		sum, size := sha256.New(), 0
		for _, key := range slices.Sorted(maps.Keys(cm.Data)) {
			sum.Write([]byte(key + "\x00" + cm.Data[key] + "\x00"))
			size += len(key) + len(cm.Data[key])
			o := &unstructured.Unstructured{}
			Expect(yaml.UnmarshalStrict([]byte(cm.Data[key]), &o.Object)).To(Succeed())
			out = append(out, o)
			expectNoSecret(cm.Data[key])
		}
		Expect(hex.EncodeToString(sum.Sum(nil))).To(Equal(part.SHA256))
		Expect(size).To(BeNumerically("<=", 900<<10))
	}
	count := 0
	for _, of := range e.Status.Objects {
		count += int(*of.Count)
	}
	Expect(out).To(HaveLen(count))
	return out
}

// applied applies objects as a GitOps tool does, and returns them as Go values.
func applied(ctx context.Context, objects []*unstructured.Unstructured) []client.Object {
	GinkgoHelper()
	var out []client.Object
	for _, o := range objects {
		configuration := client.ApplyConfigurationFromUnstructured(o.DeepCopy())
		Expect(k8s.Apply(ctx, configuration, client.FieldOwner("git"), client.ForceOwnership)).To(Succeed(), o.GetName())
		typed, err := k8s.Scheme().New(o.GroupVersionKind())
		Expect(err).NotTo(HaveOccurred())
		object, ok := typed.(client.Object)
		Expect(ok).To(BeTrue())
		object.SetNamespace(o.GetNamespace())
		object.SetName(o.GetName())
		out = append(out, object)
	}
	return out
}

// configuration is all that the appliance has in the collections of our kinds.
func (s *site) configuration() map[string]any {
	return map[string]any{
		rdpConnections: s.sps.Objects(rdpConnections), spsUsers: s.sps.Objects(spsUsers),
		spsGroups: s.sps.Objects(spsGroups),
	}
}

// lacks returns the entry of status.notExported about a field of a kind; nil if there is none.
func lacks(e *pamv1alpha1.ApplianceExport, kind pamv1alpha1.PolicyKind, field, reason string) *pamv1alpha1.NotExported {
	for i := range e.Status.NotExported {
		entry := &e.Status.NotExported[i]
		if entry.Kind == kind && entry.Field == field && (reason == "" || strings.Contains(entry.Reason, reason)) {
			return entry
		}
	}
	return nil
}
