// SPDX-License-Identifier: Apache-2.0

package changefeed_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gleak"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/pam-operator/pam-operator/internal/changefeed"
)

var _ = Describe("A watch that breaks", func() {
	It("goes on where it ended", func(ctx SpecContext) {
		f, line := newFeed(ctx)
		heard, s := listen(ctx, f), secret(newNamespace(ctx), "s")
		Expect(k8s.Create(ctx, s)).To(Succeed())
		Eventually(heard).Should(Receive(Equal(named(s))))

		release := line.hold()
		Expect(k8s.Delete(ctx, s)).To(Succeed())
		Expect(heard).NotTo(Receive())
		release()
		Eventually(heard).Should(Receive(Equal(named(s))))
		Expect(line.begun()).To(Equal(1), "nothing is listed again")
	})

	It("is listed again where it cannot go on, and then anything may have changed", func(ctx SpecContext) {
		f, line := newFeed(ctx)
		heard, namespace := listen(ctx, f), newNamespace(ctx)
		kept, changed, deleted := secret(namespace, "kept"), secret(namespace, "changed"), secret(namespace, "deleted")
		before := map[string]uint64{}
		for _, s := range []client.Object{kept, changed, deleted} {
			Expect(k8s.Create(ctx, s)).To(Succeed())
			Eventually(heard).Should(Receive(Equal(named(s))))
			before[s.GetName()] = f.Of(s)
		}

		release := line.hold()
		touch(ctx, changed)
		Expect(k8s.Delete(ctx, deleted)).To(Succeed())
		created := secret(namespace, "created")
		Expect(k8s.Create(ctx, created)).To(Succeed())
		Expect(heard).NotTo(Receive())
		line.forget()
		release()

		Eventually(heard).Should(Receive(Equal(types.NamespacedName{Name: anything})))
		Expect(exists(ctx, f, named(deleted))).To(BeFalse())
		Expect(exists(ctx, f, named(created))).To(BeTrue())
		Expect(version(ctx, f, kept)).To(Equal(before["kept"]))
		Expect(version(ctx, f, changed)).To(And(Equal(f.Of(changed)), Not(Equal(before["changed"]))))

		touch(ctx, kept)
		Eventually(heard).Should(Receive(Equal(named(kept))), "it watches again")
		Expect(line.begun()).To(Equal(2))
	})

	It("says so for its own namespace only", func(ctx SpecContext) {
		a := newNamespace(ctx)
		f, line := newFeed(ctx, a)
		heard, s := listen(ctx, f), secret(a, "s")
		Expect(k8s.Create(ctx, s)).To(Succeed())
		Eventually(heard).Should(Receive(Equal(named(s))))
		release := line.hold()
		line.forget()
		release()
		Eventually(heard).Should(Receive(Equal(types.NamespacedName{Namespace: a, Name: anything})))
	})
})

var _ = Describe("A right that is missing", func() {
	It("is logged and asked for again, at the start and later", func(ctx SpecContext) {
		const user = "reader"
		config, _, err := plane.AddUser(user)
		Expect(err).NotTo(HaveOccurred())
		c, line := connect(config)
		f := changefeed.New(c, secrets)
		log := gbytes.NewBuffer()
		start(ctrl.LoggerInto(ctx, zap.New(zap.WriteTo(log))), f)
		Eventually(log).Should(gbytes.Say(`Failed to watch.*metadata of secrets.*secrets is forbidden`))

		revoke := grant(ctx, user, "secrets")
		heard, s := listen(ctx, f), secret(newNamespace(ctx), "s")
		Expect(k8s.Create(ctx, s)).To(Succeed())
		Eventually(heard).Should(Receive(Equal(named(s))))

		revoke()
		refused := line.refusals()
		line.hold()()
		Eventually(line.refusals).Should(BeNumerically(">", refused))
		Expect(k8s.Delete(ctx, s)).To(Succeed())
		grant(ctx, user, "secrets")
		Eventually(heard).WithTimeout(2 * patience).Should(Receive(Equal(types.NamespacedName{Name: anything})))
	})

	It("ends a manager after the time that its controllers wait for their sources", func(ctx SpecContext) {
		config, _, err := plane.AddUser("nobody")
		Expect(err).NotTo(HaveOccurred())
		c, line := connect(config)
		f := changefeed.New(c, secrets)
		mgr, err := ctrl.NewManager(config, ctrl.Options{Metrics: metricsserver.Options{BindAddress: "0"}})
		Expect(err).NotTo(HaveOccurred())
		Expect(mgr.Add(f)).To(Succeed())
		Expect(ctrl.NewControllerManagedBy(mgr).Named("impatient").WatchesRawSource(f.Source(handler.Funcs{})).
			WithOptions(controller.Options{CacheSyncTimeout: time.Second}).
			Complete(reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
				return reconcile.Result{}, nil
			}))).To(Succeed())
		err = mgr.Start(ctx)
		Expect(err).To(MatchError(ContainSubstring("failed to wait for impatient caches to sync metadata of secrets")))
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(line.refusals()).To(BeNumerically(">", 0))
	})
})

// grant lets every user list and watch a resource, until the spec ends or revoke is called.
func grant(ctx context.Context, user, resource string) (revoke func()) {
	GinkgoHelper()
	meta := metav1.ObjectMeta{GenerateName: user + "-"}
	role := &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{resource}, Verbs: []string{"list", "watch"}},
	}}
	Expect(k8s.Create(ctx, role)).To(Succeed())
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}
	Expect(k8s.Create(ctx, binding)).To(Succeed())
	return func() {
		GinkgoHelper()
		Expect(k8s.Delete(ctx, binding)).To(Succeed())
		Expect(k8s.Delete(ctx, role)).To(Succeed())
	}
}

var _ = Describe("A source", func() {
	It("takes a deadline for an error, and a stop for none", func(ctx SpecContext) {
		c, _ := connect(plane.Config)
		s := changefeed.New(c, secrets).Source(handler.Funcs{}) // never started
		late, cancel := context.WithDeadline(ctx, time.Now())
		defer cancel()
		Expect(s.WaitForSync(late)).To(MatchError(context.DeadlineExceeded))
		stopped, cancel := context.WithCancel(ctx)
		cancel()
		Expect(s.WaitForSync(stopped)).To(Succeed())
	})

	It("leaves nothing running when its manager stops", func(ctx SpecContext) {
		c, _ := connect(plane.Config)
		f := changefeed.NewVersioned(c, secrets)
		_, err := c.Resource(secrets).List(ctx, metav1.ListOptions{Limit: 1}) // the connection stays open, as in production
		Expect(err).NotTo(HaveOccurred())
		before := gleak.Goroutines()
		stop := start(ctx, f)
		listen(ctx, f)
		stop()
		Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before))
	})
})
