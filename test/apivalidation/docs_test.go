// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

const kindPages = "../../docs/kinds"

var (
	heading     = regexp.MustCompile(`(?m)^## (.*)$`)
	yamlExample = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	runbookLink = regexp.MustCompile("\\[`([A-Za-z]+)`\\]\\(\\.\\./runbook\\.md#([a-z]+)\\)")
)

var _ = Describe("pages of the kinds", func() {
	for _, crd := range crds {
		kind := crd.Spec.Names.Kind
		Describe(kind, func() {
			var page string
			BeforeEach(func() {
				content, err := os.ReadFile(filepath.Join(kindPages, strings.ToLower(kind)+".md"))
				Expect(err).NotTo(HaveOccurred())
				page = string(content)
			})

			It("has the fixed sections", func() {
				var sections []string
				for _, match := range heading.FindAllStringSubmatch(page, -1) {
					sections = append(sections, match[1])
				}
				Expect(sections).To(Equal([]string{
					"What it is", "Example", "Fields that need explaining", "Working with it", "What can go wrong", "Status",
				}))
			})

			It("shows examples that are accepted", func(ctx context.Context) {
				examples := yamlExample.FindAllStringSubmatch(page, -1)
				Expect(examples).NotTo(BeEmpty())
				for _, example := range examples {
					object := fromJSON(toJSON(example[1]))
					Expect(object.GetKind()).To(Equal(kind))
					object.SetNamespace("default") // the example's namespace need not exist here
					Expect(cluster.Create(ctx, object, client.DryRunAll)).To(Succeed())
				}
			})

			It("links reasons to their entries in the runbook", func() {
				links := runbookLink.FindAllStringSubmatch(page, -1)
				Expect(links).NotTo(BeEmpty())
				for _, link := range links {
					Expect(pamv1alpha1.AllReasons()).To(ContainElement(link[1]))
					Expect(link[2]).To(Equal(strings.ToLower(link[1])))
				}
			})
		})
	}
})
