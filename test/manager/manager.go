// SPDX-License-Identifier: Apache-2.0

// Package manager runs the controllers inside a Ginkgo suite, and keeps what they log.
package manager

import (
	"context"
	"strings"
	"sync"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"go.uber.org/zap/zapcore"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/pam-operator/pam-operator/internal/controller"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// New returns a manager with the options of the product, as changed by configure.
func New(config *rest.Config, configure func(*ctrl.Options)) ctrl.Manager {
	options := controller.ManagerOptions()
	options.Scheme, options.Metrics = scheme.Scheme, metricsserver.Options{BindAddress: "0"}
	configure(&options)
	mgr, err := ctrl.NewManager(config, options)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return mgr
}

// Start runs the controllers, and returns how to stop them, which may be done more than once. They stop at the latest
// when the spec or suite is cleaned up.
func Start(ctx context.Context, mgr ctrl.Manager, options loop.Options) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	options.UserAgent = "pam-operator/test"
	gomega.Expect(controller.Setup(ctx, mgr, options)).To(gomega.Succeed())
	stopped := make(chan error, 1)
	go func() { stopped <- mgr.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		gomega.Eventually(stopped).Should(gomega.Receive(gomega.BeNil()))
	})
	ginkgo.DeferCleanup(stop)
	return stop
}

// Log keeps what the controllers log. It is safe for concurrent use.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Capture makes it the log of the process.
func (l *Log) Capture() {
	ctrl.SetLogger(zap.New(zap.WriteTo(l), zap.UseDevMode(true), zap.StacktraceLevel(zapcore.PanicLevel)))
}

// Write adds to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns the whole log.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// shown bounds, in bytes, what a failure shows of the log.
const shown = 6000

// About returns the last of the lines that contain a text; all contain the empty one.
func (l *Log) About(text string) string {
	var b strings.Builder
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			b.WriteString(line)
		}
	}
	out := b.String()
	return out[max(0, len(out)-shown):]
}
