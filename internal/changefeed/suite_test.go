// SPDX-License-Identifier: Apache-2.0

package changefeed_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/pam-operator/pam-operator/internal/changefeed"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/test/builder"
)

// patience is how long to wait for a state; it is reached much sooner, or never.
const patience = 30 * time.Second

var (
	plane *controlplane.ControlPlane
	k8s   client.Client

	secrets    = corev1.SchemeGroupVersion.WithResource("secrets")
	configMaps = corev1.SchemeGroupVersion.WithResource("configmaps")
)

func TestChangefeed(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	RunSpecs(t, "Changefeed")
}

var _ = BeforeSuite(func(ctx context.Context) {
	var err error
	// The control plane outlives this node, and the node's context ends with it.
	plane, err = controlplane.Start(context.WithoutCancel(ctx), controlplane.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)
	k8s, err = client.New(plane.Config, client.Options{})
	Expect(err).NotTo(HaveOccurred())
})

var spaces atomic.Int64

// newNamespace creates a namespace for one spec.
func newNamespace(ctx context.Context) string {
	GinkgoHelper()
	name := fmt.Sprintf("space-%d", spaces.Add(1))
	Expect(k8s.Create(ctx, builder.Namespace(name))).To(Succeed())
	return name
}

func secret(namespace, name string) *corev1.Secret {
	return builder.Secret(name, map[string]string{"key": "value"}, builder.InNamespace(namespace))
}

func touch(ctx context.Context, o client.Object) {
	GinkgoHelper()
	o.SetLabels(map[string]string{"touched": fmt.Sprint(spaces.Add(1))})
	Expect(k8s.Update(ctx, o)).To(Succeed())
}

// connect returns a client for a user, and the line it uses.
func connect(config *rest.Config) (metadata.Interface, *line) {
	GinkgoHelper()
	l := &line{}
	config = rest.CopyConfig(config)
	config.Wrap(l.through)
	http, err := rest.HTTPClientFor(config)
	Expect(err).NotTo(HaveOccurred())
	c, err := changefeed.NewClient(config, http)
	Expect(err).NotTo(HaveOccurred())
	return c, l
}

// runnable is a feed from a manager's point of view.
type runnable interface {
	Start(ctx context.Context) error
	Source(h handler.EventHandler) source.SyncingSource
}

// start runs a feed until the spec ends, or stop is called.
func start(ctx context.Context, f runnable) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stopped := make(chan error, 1)
	go func() { stopped <- f.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		Eventually(stopped).Should(Receive(BeNil()))
	})
	DeferCleanup(stop)
	return stop
}

// anything is what a controller receives when any object may have changed.
const anything = "anything"

// listen returns what a controller receives from a feed, once that is in sync.
func listen(ctx context.Context, f runnable) <-chan types.NamespacedName {
	GinkgoHelper()
	heard := make(chan types.NamespacedName, 1000)
	s := f.Source(handler.Funcs{
		GenericFunc: func(_ context.Context, e event.GenericEvent, _ queue) {
			heard <- client.ObjectKeyFromObject(e.Object)
		},
		CreateFunc: func(_ context.Context, e event.CreateEvent, _ queue) {
			if e.IsInInitialList && e.Object.GetName() == "" {
				heard <- types.NamespacedName{Namespace: e.Object.GetNamespace(), Name: anything}
			}
		},
	})
	Expect(s.Start(context.WithoutCancel(ctx), nil)).To(Succeed())
	Expect(s.WaitForSync(ctx)).To(Succeed())
	return heard
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func named(o client.Object) types.NamespacedName { return client.ObjectKeyFromObject(o) }

func newFeed(ctx context.Context, namespaces ...string) (*changefeed.Versioned, *line) {
	GinkgoHelper()
	c, l := connect(plane.Config)
	f := changefeed.NewVersioned(c, secrets, namespaces...)
	start(ctx, f)
	return f, l
}

// version returns the version of an object that exists.
func version(ctx context.Context, f *changefeed.Versioned, o client.Object) uint64 {
	GinkgoHelper()
	v, ok, err := f.Version(ctx, named(o))
	Expect(err).NotTo(HaveOccurred())
	Expect(ok).To(BeTrue())
	return v
}

func exists(ctx context.Context, f *changefeed.Versioned, name types.NamespacedName) bool {
	GinkgoHelper()
	_, ok, err := f.Version(ctx, name)
	Expect(err).NotTo(HaveOccurred())
	return ok
}

// reread returns an object as the API server has it.
func reread(ctx context.Context, o client.Object) client.Object {
	GinkgoHelper()
	Expect(k8s.Get(ctx, named(o), o)).To(Succeed())
	return o
}
