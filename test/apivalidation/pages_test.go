// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"context"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"

	"github.com/pam-operator/pam-operator/test/pages"
)

const docsDir = "../../docs"

// guides are the pages of docs.
func guides() (all []pages.Page) {
	files, err := filepath.Glob(filepath.Join(docsDir, "*.md"))
	if err != nil || len(files) == 0 {
		panic("docs has no pages")
	}
	for _, file := range files {
		page, err := pages.Read(file)
		if err != nil {
			panic(err)
		}
		all = append(all, page)
	}
	return all
}

var _ = Describe("what a reader copies from a page", Ordered, ContinueOnFailure, func() {
	var r *reader
	BeforeAll(func(ctx context.Context) {
		r = newReader(ctx)
		r.apply(ctx, "--filename", filepath.Join(samplesDir, "00_namespaces.yaml"))
		r.installRoles(ctx)
		r.run(ctx, `kubectl create namespace pam-operator-system
kubectl create deployment -n pam-operator-system pam-operator-controller-manager --image=manager`)
	})
	for _, page := range guides() {
		if len(page.Blocks) == 0 {
			continue
		}
		It("can be followed: "+page.Name, func(ctx context.Context) {
			r.run(ctx, `for namespace in pam-system payments; do
  kubectl-really delete pam,secrets,configmaps --all -n $namespace
done`)
			if !page.HasManifests() { // then it is about those that readers have
				r.apply(ctx, "--kustomize", samplesDir)
			}
			for _, b := range page.Blocks {
				By(b.Text)
				switch {
				case b.Manifest():
					r.applyText(ctx, b.Text)
				case b.Language == pages.Shell && b.Exemption == "":
					r.run(ctx, b.Script(leftToOthers))
				}
			}
		})
	}
})
