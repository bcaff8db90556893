// SPDX-License-Identifier: Apache-2.0

package deletion_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// definitions are the CustomResourceDefinitions of the kinds that a site is made of.
func definitions(of ...kinds.Kind) []client.Object {
	var out []client.Object
	for _, kind := range of {
		out = append(out, &apiextensionsv1.CustomResourceDefinition{
			ObjectMeta: metav1.ObjectMeta{Name: kind.Resource + "." + pamv1alpha1.GroupVersion.Group},
		})
	}
	return out
}

var (
	ofPolicies    = kinds.Policies()
	ofConnections = []kinds.Kind{kinds.Of[*pamv1alpha1.SPSConnection]()}
	ofAll         = append(kinds.Policies(), ofConnections...)
)

// Deleting a CustomResourceDefinition deletes its objects and waits for them.
var _ = Describe("Deleting definitions while there are objects", func() {
	DescribeTable("ends", func(
		ctx context.Context, name string, of []kinds.Kind, o order, deadline time.Duration, want outcome,
	) {
		scheme := runtime.NewScheme()
		Expect(apiextensionsv1.AddToScheme(scheme)).To(Succeed())
		admin, err := client.New(plane.Config, client.Options{Scheme: scheme})
		Expect(err).NotTo(HaveOccurred())
		b := startBoxes(ctx, 1)
		stop := startManager(ctx, deadline)
		s := newSite(ctx, o, name, b, 0)
		Eventually(unready).WithArguments(ctx, []*site{s}).Should(BeEmpty())
		if o.down {
			b.down(0)
		}
		if o.restarts() {
			stop()
		}
		crds := definitions(of...)
		DeferCleanup(func() {
			_, err := envtest.InstallCRDs(plane.Config, envtest.CRDInstallOptions{Paths: []string{crdFolder}})
			Expect(err).NotTo(HaveOccurred())
		})
		for _, crd := range crds {
			Expect(admin.Delete(ctx, crd)).To(Succeed())
		}
		if o.restarts() {
			stop = startManager(ctx, deadline)
		}
		for _, crd := range crds {
			Eventually(func() bool {
				return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(crd), crd))
			}).Should(BeTrue(), crd.GetName())
		}
		s.remove(ctx, []what{object}) // those whose definition still exists
		for _, o := range s.objects {
			Eventually(func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(o), o) }).Should(Satisfy(isGone))
		}
		stop()
		Expect(s.left()).To(HaveLen(map[outcome]int{clean: 0, reported: len(s.objects)}[want]), logs.About(name))
		Expect(s.records(ctx)).To(HaveLen(len(s.left())), logs.About(name))
	},
		Entry("of all kinds, and nothing is left", "crd-all", ofAll, order{}, never, clean),
		Entry("of all kinds while no manager runs, and nothing is left", "crd-restart", ofAll,
			order{after: []what{object}}, never, clean),
		Entry("of the objects, with an appliance that is down: all is reported", "crd-down", ofPolicies,
			order{down: true}, soon, reported),
		Entry("of the connection alone: it goes in time, and what is deleted later is reported", "crd-connection",
			ofConnections, order{}, soon, reported),
	)
})

// isGone reports whether an object, or its whole kind, does not exist.
func isGone(err error) bool { return err != nil && client.IgnoreNotFound(err) == nil }
