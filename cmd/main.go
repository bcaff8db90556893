// SPDX-License-Identifier: Apache-2.0

// The manager of pam-operator.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	crmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/apiserver"
	"github.com/pam-operator/pam-operator/internal/controller"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/crd"
	"github.com/pam-operator/pam-operator/internal/leadership"
	"github.com/pam-operator/pam-operator/internal/memory"
	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/network"
	vendorrest "github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/tracing"
)

// version and revision, the commit, are set by the build.
var (
	version  = "dev"
	revision = "unknown"
)

func main() {
	s, err := parse(flag.CommandLine, os.Args[1:])
	if err != nil {
		os.Exit(2) // not reached: a bad flag ends the process
	}
	if s.showVersion {
		fmt.Println(version)
		return
	}
	ctrl.SetLogger(newLogger(&s.log))
	if err := run(s); err != nil {
		ctrl.Log.WithName("setup").Error(err, "the manager stops")
		os.Exit(1)
	}
}

// maxRequests is how many requests to the API server may be in flight, watches aside: enough to keep it busy, and fewer
// than the 250 that one HTTP/2 connection carries, which leaves room for the leases.
const maxRequests = 100

// maxEvents is how many Events may be in flight. They can wait; statuses cannot.
const maxEvents = 4

func run(s *settings) error {
	if err := errors.Join(s.contradiction(), memory.Pace(os.Getenv)); err != nil {
		return err
	}
	metrics.Build(version, revision)
	traces, err := tracing.Start(context.Background(), s.tracing, version, ctrl.Log.WithName("tracing"))
	if err != nil {
		return err
	}
	defer traces.Close()
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	config.QPS = -1 // maxRequests limits us, and so does the API server's priority and fairness
	mgr, fence, err := newManager(s, config, traces.Tracer() != nil)
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	if err := awaitDefinitions(ctx, mgr); err != nil {
		return err
	}
	if err := addControllers(ctx, mgr, s, fence, traces.Tracer()); err != nil {
		return err
	}
	for _, r := range runnables(fence) {
		if err := mgr.Add(r); err != nil {
			return err
		}
	}
	ctrl.Log.WithName("setup").Info("starting", "version", version)
	return mgr.Start(ctx)
}

// newManager returns a manager without controllers, and the fence of its lease; nil if it leads without one.
func newManager(s *settings, config *rest.Config, exemplars bool) (ctrl.Manager, *leadership.Fence, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), pamv1alpha1.AddToScheme(scheme)); err != nil {
		return nil, nil, err
	}
	opts := options(s, scheme)
	fence, err := lead(s, &opts, rest.CopyConfig(config)) // a copy, so that lease renewals never wait for a slot
	if err != nil {
		return nil, nil, err
	}
	reviews := rest.CopyConfig(config)
	config.Wrap(apiserver.Limit(maxRequests, maxEvents))
	mgr, err := ctrl.NewManager(config, opts)
	if err != nil {
		return nil, nil, fmt.Errorf("create the manager: %w", err)
	}
	return mgr, fence, addMetrics(mgr, s, reviews, exemplars)
}

// awaitDefinitions fails if the cluster has other CRDs than this version: those may be managed apart from the manager.
func awaitDefinitions(ctx context.Context, mgr ctrl.Manager) error {
	client, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return err
	}
	ctx = logr.NewContext(ctx, ctrl.Log.WithName("setup"))
	return crd.Await(ctx, client.OpenAPIV3(), mgr.GetScheme(), pamv1alpha1.GroupVersion)
}

// addControllers adds the controllers to the manager, and the probes that report on them.
func addControllers(
	ctx context.Context, mgr ctrl.Manager, s *settings, fence *leadership.Fence, tracer trace.Tracer,
) error {
	guard, err := network.New(ctx, s.targets, apiServers(mgr.GetConfig(), os.Getenv)...)
	if err != nil {
		return err
	}
	vitals := loop.Vitals{}
	if err := controller.Setup(ctx, mgr, loop.Options{
		AnswerMemory: s.answerMemory, Network: vendorrest.Network{Dial: guard.Dial, Proxy: guard.Proxy},
		UserAgent: "pam-operator/" + version, DeletionDeadline: s.deletionWait, Concurrency: s.concurrency,
		BlockedDeletionDeadline: s.blockedWait, Namespace: s.ownNamespace(),
		RecoveryWindow: s.recoveryWindow, Namespaces: s.namespaces(), Fence: held(fence),
		IgnoreNamespaceLabels: !s.namespaceLabels, Vitals: &vitals, Metrics: crmetrics.Registry,
		MinPollInterval: s.minPoll, MaxRequestsPerSecond: s.maxRequests, Tracer: tracer,
	}); err != nil {
		return err
	}
	return addProbes(ctx, mgr, s, vitals)
}

const leaseName = "pam-operator.io"

// lead sets up leader election by a lease, and returns the fence that knows when the manager may no longer lead; nil if
// it leads without a lease.
func lead(s *settings, opts *ctrl.Options, config *rest.Config) (*leadership.Fence, error) {
	if !s.leaderElect {
		return nil, nil
	}
	lock, err := leadership.NewLock(config, opts.Scheme, leadership.Lease{
		Namespace: s.leaseNamespace, Name: leaseName, RenewDeadline: s.renewDeadline,
	})
	if err != nil {
		return nil, err
	}
	fence := leadership.NewFence(nil)
	opts.LeaderElectionResourceLockInterface = fence.Guard(lock)
	return fence, nil
}

// held returns the check to make before acting; nil if there is no fence.
func held(fence *leadership.Fence) func() error {
	if fence == nil {
		return nil
	}
	return fence.Held
}

// runnables are what the manager runs besides the controllers.
func runnables(fence *leadership.Fence) []manager.Runnable {
	if fence == nil {
		return nil
	}
	return []manager.Runnable{fence}
}

func options(s *settings, scheme *runtime.Scheme) ctrl.Options {
	out := controller.ManagerOptions()
	out.Scheme = scheme
	out.Metrics.BindAddress, out.HealthProbeBindAddress = nowhere, nowhere // addMetrics and addProbes serve them
	out.PprofBindAddress = s.pprofAddress
	out.LeaderElection = s.leaderElect
	out.LeaderElectionID = leaseName // for metrics; lead makes the lock
	out.LeaderElectionReleaseOnCancel = true
	out.LeaseDuration, out.RenewDeadline, out.RetryPeriod = &s.leaseDuration, &s.renewDeadline, &s.retryPeriod
	for _, name := range s.namespaces() {
		if out.Cache.DefaultNamespaces == nil {
			out.Cache.DefaultNamespaces = map[string]cache.Config{}
		}
		out.Cache.DefaultNamespaces[name] = cache.Config{}
	}
	return out
}

// ownNamespaceFile holds the namespace of the Pod.
const ownNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// ownNamespace is the manager's own namespace, or else that of its lease; empty if unknown.
func (s *settings) ownNamespace() string {
	if name := os.Getenv("POD_NAMESPACE"); name != "" {
		return name
	}
	if s.leaseNamespace != "" {
		return s.leaseNamespace
	}
	text, err := os.ReadFile(ownNamespaceFile)
	if err != nil {
		return "" // not in a pod
	}
	return strings.TrimSpace(string(text))
}

// namespaces are the namespaces to watch; none means all.
func (s *settings) namespaces() []string {
	var out []string
	for name := range strings.SplitSeq(s.watchNamespaces, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}
