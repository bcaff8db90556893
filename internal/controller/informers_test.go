// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"net/http"
	"path"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// informers are the resources that the manager keeps: an informer streams what is there when it starts, a feed does
// not.
var informers sync.Map

func noteInformers(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		records := r.URL.Query().Get("labelSelector") == pamv1alpha1.LabelLeftover // these are ours
		if r.URL.Query().Get("sendInitialEvents") == "true" && !records {
			informers.Store(path.Base(r.URL.Path), true)
		}
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// expectNoForeignInformers fails if anything has read foreign objects through the manager's cache, which would keep
// them all from then on.
func expectNoForeignInformers() {
	GinkgoHelper()
	var kept []any
	informers.Range(func(resource, _ any) bool {
		kept = append(kept, resource)
		return true
	})
	allowed := []string{"namespaces"}
	for _, kind := range kinds.All() {
		allowed = append(allowed, kind.Resource)
	}
	Expect(kept).To(HaveEach(BeElementOf(allowed)))
}
