// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

var _ = Describe("limits", func() {
	It("are those of testdata/limits.yaml", func() {
		content, err := os.ReadFile("testdata/limits.yaml")
		Expect(err).NotTo(HaveOccurred())
		var pinned map[string]map[string]string
		Expect(yaml.UnmarshalStrict(content, &pinned)).To(Succeed())
		Expect(cmp.Diff(pinned, declaredLimits())).To(BeEmpty(), "- is pinned, + is declared")
	})

	Describe("of a spec", func() {
		examples := map[string][]*unstructured.Unstructured{}
		for _, file := range mustGlob("testdata/accepted/*.yaml") {
			for _, object := range mustReadObjects(file) {
				examples[object.GetKind()] = append(examples[object.GetKind()], object)
			}
		}
		proveLimits("spec", examples, func(ctx context.Context, object *unstructured.Unstructured) error {
			return cluster.Create(ctx, object, client.DryRunAll)
		})
	})

	Describe("of a status", Ordered, func() {
		examples := map[string][]*unstructured.Unstructured{}
		for _, object := range mustReadObjects("testdata/status.yaml") {
			examples[object.GetKind()] = []*unstructured.Unstructured{object}
		}
		BeforeAll(func(ctx context.Context) {
			for _, objects := range examples {
				object := objects[0].DeepCopy()
				Expect(cluster.Create(ctx, object)).To(Succeed())
				DeferCleanup(cluster.Delete, object)
				objects[0].SetResourceVersion(object.GetResourceVersion())
				Expect(cluster.Status().Update(ctx, objects[0].DeepCopy(), client.DryRunAll)).To(Succeed(), "as it is")
			}
		})
		proveLimits("status", examples, func(ctx context.Context, object *unstructured.Unstructured) error {
			return cluster.Status().Update(ctx, object, client.DryRunAll)
		})
	})
})

// proveLimits tests every limit below part, the spec or the status: in an example that has the place, the limit is
// exceeded there and nowhere else.
func proveLimits(part string, examples map[string][]*unstructured.Unstructured,
	write func(context.Context, *unstructured.Unstructured) error,
) {
	for _, n := range allNodes() {
		if n.path != part && !strings.HasPrefix(n.path, part+".") {
			continue
		}
		for _, limit := range limitsOf(n) {
			for _, excess := range limit.excesses {
				It(fmt.Sprintf("refuse in %s %s, %s: %s", n.kind, n.path, limit.name, excess.name), func(ctx context.Context) {
					object, where := exampleWith(examples[n.kind], n.path)
					complaints, err := causes(write(ctx, excess.in(object, where)))
					Expect(err).NotTo(HaveOccurred())
					Expect(complaints).To(ContainElement(SatisfyAll(
						HaveField("Field", where.String()+excess.field),
						HaveField("Message", ContainSubstring(excess.message)),
					)))
				})
			}
		}
	}
}

// exampleWith returns a copy of the first example that has something at the place, and the exact place.
func exampleWith(examples []*unstructured.Unstructured, path string) (*unstructured.Unstructured, place) {
	GinkgoHelper()
	for _, example := range examples {
		if where, found := find(example.Object, strings.Split(path, ".")); found {
			return example.DeepCopy(), where
		}
	}
	Fail("no example has " + path)
	return nil, nil
}

// declaredLimits returns the schema's own constraints for every place of every kind.
func declaredLimits() map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, n := range allNodes() {
		if n.path == "" {
			all[n.kind] = map[string]string{}
		}
		var names []string
		for _, limit := range limitsOf(n) {
			names = append(names, limit.name)
		}
		if len(names) > 0 {
			all[n.kind][n.path] = strings.Join(names, ", ")
		}
	}
	return all
}
