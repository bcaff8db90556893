// SPDX-License-Identifier: Apache-2.0

package changefeed_test

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"

	"github.com/pam-operator/pam-operator/internal/changefeed"
)

var _ = Describe("A feed", func() {
	It("tells by its name of what is created, changed or deleted", func(ctx SpecContext) {
		f, _ := newFeed(ctx)
		heard := listen(ctx, f)
		s := secret(newNamespace(ctx), "s")
		for _, change := range []func() error{
			func() error { return k8s.Create(ctx, s) },
			func() error { s.Data["key"] = []byte("another value"); return k8s.Update(ctx, s) },
			func() error { return k8s.Delete(ctx, s) },
		} {
			Expect(change()).To(Succeed())
			Eventually(heard).Should(Receive(Equal(named(s))))
		}
		Expect(heard).NotTo(Receive())
	})

	It("says nothing of what is there when it starts, however late a controller comes", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		Expect(k8s.Create(ctx, secret(namespace, "before"))).To(Succeed())
		f, _ := newFeed(ctx)
		early := listen(ctx, f)
		late, after := listen(ctx, f), secret(namespace, "after")
		Expect(k8s.Create(ctx, after)).To(Succeed())
		for _, heard := range []<-chan types.NamespacedName{early, late} {
			Eventually(heard).Should(Receive(Equal(named(after))))
		}
	})

	It("lists and watches once, however many controllers listen", func(ctx SpecContext) {
		f, line := newFeed(ctx)
		for range 3 {
			listen(ctx, f)
		}
		Eventually(line.watched).Should(Equal([]string{"secrets"}))
		Expect(line.begun()).To(Equal(1))
	})

	It("looks at the namespaces it is told to, and at no other", func(ctx SpecContext) {
		a, b, other := newNamespace(ctx), newNamespace(ctx), newNamespace(ctx)
		f, line := newFeed(ctx, a, b)
		heard := listen(ctx, f)
		for _, namespace := range []string{other, a, b} {
			Expect(k8s.Create(ctx, secret(namespace, "s"))).To(Succeed())
		}
		in := func(namespace string) types.NamespacedName { return named(secret(namespace, "s")) }
		Eventually(heard).Should(Receive(BeElementOf(in(a), in(b))))
		Eventually(heard).Should(Receive(BeElementOf(in(a), in(b))))
		Expect(line.watched()).To(ConsistOf("namespaces/"+a+"/secrets", "namespaces/"+b+"/secrets"))

		Expect(exists(ctx, f, in(a))).To(BeTrue())
		_, _, err := f.Version(ctx, in(other))
		Expect(err).To(MatchError(ContainSubstring("namespace " + other + " is not watched")))
	})
})

var _ = Describe("A version", func() {
	It("changes with the object, and is the one of the object that is read", func(ctx SpecContext) {
		f, _ := newFeed(ctx)
		heard, s := listen(ctx, f), secret(newNamespace(ctx), "s")
		Expect(exists(ctx, f, named(s))).To(BeFalse())

		Expect(k8s.Create(ctx, s)).To(Succeed())
		Eventually(heard).Should(Receive(Equal(named(s))))
		first := version(ctx, f, s)
		Expect(f.Of(reread(ctx, s))).To(Equal(first))

		touch(ctx, s)
		Eventually(heard).Should(Receive(Equal(named(s))))
		second := version(ctx, f, s)
		Expect(second).NotTo(Equal(first))
		Expect(f.Of(reread(ctx, s))).To(Equal(second))

		Expect(k8s.Delete(ctx, s)).To(Succeed())
		Eventually(heard).Should(Receive(Equal(named(s))))
		Expect(exists(ctx, f, named(s))).To(BeFalse(), "it is known before the listeners are notified")
	})

	It("differs between objects that have had the same name and version", func() {
		c, _ := connect(plane.Config)
		f := changefeed.NewVersioned(c, secrets)
		of := func(uid types.UID, version string) uint64 {
			return f.Of(&metav1.ObjectMeta{UID: uid, ResourceVersion: version})
		}
		Expect(of("a", "1")).To(Equal(of("a", "1")))
		Expect(of("a", "1")).NotTo(Equal(of("b", "1")))
		Expect(of("a", "11")).NotTo(Equal(of("a1", "1")))
	})

	It("is waited for until there has been a list", func(ctx SpecContext) {
		c, _ := connect(plane.Config)
		f := changefeed.NewVersioned(c, secrets)
		impatient, cancel := context.WithCancel(ctx)
		cancel()
		_, _, err := f.Version(impatient, types.NamespacedName{Namespace: "default", Name: "s"})
		Expect(err).To(MatchError(context.Canceled))
		start(ctx, f)
		_, found, err := f.Version(ctx, types.NamespacedName{Namespace: "default", Name: "s"})
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(BeFalse())
	})
})

var _ = Describe("A list", Ordered, func() {
	const (
		page  = 500 // as client-go requests it
		extra = 7
	)
	var namespace string

	BeforeAll(func(ctx SpecContext) {
		namespace = newNamespace(ctx)
		const atATime = 20
		var failed error
		workqueue.ParallelizeUntil(ctx, atATime, page+extra, func(i int) {
			if err := k8s.Create(ctx, configMap(namespace, i)); err != nil {
				failed = err
			}
		})
		Expect(failed).NotTo(HaveOccurred())
	})

	// complete asserts that every object is known.
	complete := func(ctx context.Context, f *changefeed.Versioned) {
		GinkgoHelper()
		for i := range page + extra {
			Expect(exists(ctx, f, named(configMap(namespace, i)))).To(BeTrue(), "number %d", i)
		}
	}

	It("comes in pages", func(ctx SpecContext) {
		c, line := connect(plane.Config)
		f := changefeed.NewVersioned(c, configMaps, namespace)
		start(ctx, f)
		complete(ctx, f)
		queries := line.listed()
		Expect(queries).To(HaveLen(2))
		for _, query := range queries {
			Expect(query.Get("limit")).To(Equal(fmt.Sprint(page)))
			Expect(query.Get("resourceVersion")).To(BeEmpty(), "an API server may ignore the limit for any other")
		}
		Expect(queries[1].Get("continue")).NotTo(BeEmpty())
		Eventually(line.watched).Should(HaveLen(1), "the stream of an initial list would be a watch more")
	})

	It("comes in shorter pages where the objects are large", func(ctx SpecContext) {
		const n, size = 60, 200 << 10 // twelve MB of annotations
		large := newNamespace(ctx)
		for i := range n {
			c := configMap(large, i)
			c.Annotations = map[string]string{"large": strings.Repeat("x", size)}
			Expect(k8s.Create(ctx, c)).To(Succeed())
		}
		c, line := connect(plane.Config)
		f := changefeed.NewVersioned(c, configMaps, large)
		start(ctx, f)
		for i := range n {
			Expect(exists(ctx, f, named(configMap(large, i)))).To(BeTrue(), "number %d", i)
		}
		Expect(line.longest()).To(BeNumerically("<", 3<<20), "bytes were read of one page")
	})

	It("begins anew if the API server forgets it half-way", func(ctx SpecContext) {
		c, line := connect(plane.Config)
		line.expirePage = true
		f := changefeed.NewVersioned(c, configMaps, namespace)
		start(ctx, f)
		complete(ctx, f)
		Expect(line.begun()).To(Equal(2))
		for _, query := range line.listed() {
			Expect(query.Get("limit")).To(Equal(fmt.Sprint(page)))
		}
	})
})

func configMap(namespace string, i int) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("c-%04d", i)}}
}
