// SPDX-License-Identifier: Apache-2.0

// Package deletion_test deletes what there is in every order, with managers that stop and start again in between, on a
// real control plane: deletion always ends, and then the appliance is clean or the leftover is reported.
package deletion_test

import (
	"bytes"
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.uber.org/zap/zapcore"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/test/builder"
)

// patience is how long a state is waited for. Hundreds of namespaces on two cores need some; a hang needs for ever.
const patience = 8 * time.Minute

var (
	plane     *controlplane.ControlPlane
	k8s       client.Client
	logs      logBuffer
	crdFolder = filepath.Join("..", "..", "config", "crd", "bases")
)

func TestDeletion(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)
	RunSpecs(t, "Deletion")
}

var _ = BeforeSuite(func() {
	ctrl.SetLogger(zap.New(zap.WriteTo(&logs), zap.UseDevMode(true), zap.StacktraceLevel(zapcore.PanicLevel)))
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	plane, err = controlplane.Start(ctx, controlplane.Options{CRDDirs: []string{crdFolder}, ControllerManager: true})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		cancel()
		Expect(plane.Stop()).To(Succeed())
	})
	Expect(pamv1alpha1.AddToScheme(scheme.Scheme)).To(Succeed())
	k8s, err = client.New(plane.Config, client.Options{Scheme: scheme.Scheme})
	Expect(err).NotTo(HaveOccurred())
	Expect(k8s.Create(ctx, builder.Namespace(managerNamespace))).To(Succeed())
})

// managerNamespace takes the records that no other namespace takes.
const managerNamespace = "pam-operator-system"

// startManager runs the controllers, and returns how to stop them, which may be done more than once.
func startManager(ctx context.Context, deadline time.Duration) (stop func()) {
	GinkgoHelper()
	return startManagerOf(ctx, deadline, never)
}

// startManagerOf also sets the deadline of deletions for which somebody would have to act.
func startManagerOf(ctx context.Context, deadline, blocked time.Duration) (stop func()) {
	GinkgoHelper()
	mgr, err := ctrl.NewManager(plane.Config, ctrl.Options{
		Scheme: scheme.Scheme, Metrics: metricsserver.Options{BindAddress: "0"},
		Client: client.Options{Cache: &client.CacheOptions{
			DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}, &corev1.Pod{}, &batchv1.Job{}},
		}},
		Controller: config.Controller{SkipNameValidation: new(true)}, // one manager after the other
	})
	Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(ctx)
	Expect(controller.Setup(ctx, mgr, controller.Options{
		UserAgent: "pam-operator/test", DeletionDeadline: deadline, BlockedDeletionDeadline: blocked,
		Concurrency: 200, LockedRetry: 200 * time.Millisecond, Namespace: managerNamespace,
	})).To(Succeed())
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		Eventually(stopped).Should(Receive(BeNil()))
	})
	DeferCleanup(stop)
	return stop
}

// logBuffer keeps what the controllers log.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// about returns the lines that hold a text.
func (b *logBuffer) about(text string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []byte
	for line := range bytes.Lines(b.text.Bytes()) {
		if bytes.Contains(line, []byte(text)) {
			out = append(out, line...)
		}
	}
	return string(out[max(0, len(out)-6000):])
}
