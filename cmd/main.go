// SPDX-License-Identifier: Apache-2.0

// The manager of pam-operator: flags and wiring.
package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // so that --kubeconfig works with the log-ins of clouds
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/apiserver"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller"
	"github.com/pam-operator/pam-operator/internal/health"
	"github.com/pam-operator/pam-operator/internal/leadership"
	"github.com/pam-operator/pam-operator/internal/memory"
	"github.com/pam-operator/pam-operator/internal/network"
	vendorrest "github.com/pam-operator/pam-operator/internal/rest"
)

// version is set by the build.
var version = "dev"

// settings are the flags.
type settings struct {
	metricsAddress  string
	metricsSecure   bool
	metricsCertDir  string
	probeAddress    string
	pprofAddress    string
	leaderElect     bool
	leaseNamespace  string
	leaseDuration   time.Duration
	renewDeadline   time.Duration
	retryPeriod     time.Duration
	watchNamespaces string
	namespaceLabels bool
	http2           bool
	concurrency     int
	deletionWait    time.Duration
	blockedWait     time.Duration
	recoveryWindow  time.Duration
	answerMemory    int64
	targets         targets
	minPoll         time.Duration
	maxRequests     int
	showVersion     bool
	log             zap.Options
}

func main() {
	s := flags()
	if s.showVersion {
		fmt.Println(version)
		return
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&s.log)))
	if err := run(s); err != nil {
		ctrl.Log.WithName("setup").Error(err, "the manager stops")
		os.Exit(1)
	}
}

func flags() *settings {
	s := &settings{}
	flag.StringVar(&s.metricsAddress, "metrics-bind-address", "0",
		"Where metrics are served, such as :8443; 0 serves none.")
	flag.BoolVar(&s.metricsSecure, "metrics-secure", true,
		"Serve metrics over TLS, and only to those whom the API server lets read /metrics.")
	flag.StringVar(&s.metricsCertDir, "metrics-cert-dir", "",
		"Folder with tls.crt and tls.key for the metrics, read again when they change; empty makes a certificate.")
	flag.StringVar(&s.probeAddress, "health-probe-bind-address", ":8081", "Where /healthz and /readyz are served.")
	flag.StringVar(&s.pprofAddress, "pprof-bind-address", "0",
		"Where profiles are served, without asking who wants them: use 127.0.0.1:6060 or the like; 0 serves none.")
	flag.BoolVar(&s.leaderElect, "leader-elect", true,
		"Let one manager of several lead. Switch it off only where no other manager can run for the same objects.")
	flag.StringVar(&s.leaseNamespace, "leader-election-namespace", "",
		"Namespace of the lease; empty means the manager's own, which it has in a cluster only.")
	flag.DurationVar(&s.leaseDuration, "leader-elect-lease-duration", 15*time.Second,
		"How long the others wait after a leader's last sign of life before one of them leads.")
	flag.DurationVar(&s.renewDeadline, "leader-elect-renew-deadline", 10*time.Second,
		"How long a leader tries to renew its lease before it stops. Less than the lease duration.")
	flag.DurationVar(&s.retryPeriod, "leader-elect-retry-period", 2*time.Second,
		"How long to wait between two tries to get or renew the lease.")
	flag.StringVar(&s.watchNamespaces, "watch-namespaces", "",
		"Namespaces to look at, separated by commas; empty means all. Those of the connections must be among them. Roles "+
			"in these namespaces are then all the rights that are needed.")
	flag.BoolVar(&s.namespaceLabels, "namespace-labels", true,
		"Read the labels of namespaces. Without them no namespace is read, and connections may not select any by labels.")
	flag.BoolVar(&s.http2, "enable-http2", false, "Serve metrics over HTTP/2, too.")
	flag.IntVar(&s.concurrency, "policy-concurrency", 1000,
		"How many RDP connection policies wait for a commit at the same time. At least the largest maxChanges.")
	flag.DurationVar(&s.deletionWait, "deletion-deadline", time.Hour,
		"How long an object that is being deleted waits for an appliance that does not answer, before it is let go.")
	flag.DurationVar(&s.blockedWait, "blocked-deletion-deadline", 24*time.Hour,
		"How long an object that is being deleted waits for somebody to act, before it is let go: while it or its "+
			"connection is suspended, the appliance refuses or is locked, or the connection does not permit the object.")
	flag.DurationVar(&s.recoveryWindow, "session-recovery-window", time.Minute,
		"How long the session of a request that got no answer is looked for before the request is sent again. A server "+
			"that takes longer makes a second session, which is then ended.")
	s.answerMemory = connection.DefaultAnswerMemory
	flag.Func("max-answer-memory", "How much memory the answers of all appliances and servers may take together, such as "+
		"96Mi, the default. One that takes most of it loses.", s.setAnswerMemory)
	flag.Var(&s.targets, network.Flag[len("--"):], "Where connections may lead: host names with * for any letters, "+
		"addresses and CIDRs, each with :port or without, separated by commas; may be repeated. Empty allows everything but "+
		"loopback, link-local, multicast and metadata addresses and the API server, which must be named by an address or "+
		"CIDR of their own; the API server with its port.")
	flag.DurationVar(&s.minPoll, "min-poll-interval", 500*time.Millisecond,
		"The shortest interval of polling that an NPSConnection may set; a shorter one counts as this.")
	flag.IntVar(&s.maxRequests, "max-requests-per-second", 200,
		"The highest limits.requestsPerSecond that an NPSConnection may set; a higher one counts as this.")
	flag.BoolVar(&s.showVersion, "version", false, "Print the version and stop.")
	s.log.StacktraceLevel = zapcore.PanicLevel // an appliance that is down is no fault of the code
	s.log.BindFlags(flag.CommandLine)
	flag.Parse()
	s.log.Level = noBodies(s.log.Level)
	return s
}

// maxVerbosity is as much as the log tells at most: from 8 on, the client of the API server writes down the bodies of
// requests and answers, Secrets among them.
const maxVerbosity = 7

// noBodies is a level that tells no more than maxVerbosity; nil is the default one.
func noBodies(level zapcore.LevelEnabler) zapcore.LevelEnabler {
	if level == nil || !level.Enabled(-maxVerbosity-1) {
		return level
	}
	return zapcore.Level(-maxVerbosity)
}

// maxRequests is how many requests to the API server are under way at the same time, watches aside: enough to keep it
// busy, and fewer than the 250 that one HTTP/2 connection carries, the leases' share included.
const maxRequests = 100

// maxEvents is how many Events are written at the same time. They can wait; statuses cannot.
const maxEvents = 4

func run(s *settings) error {
	if err := memory.Pace(os.Getenv); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, pamv1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	config.QPS = -1 // a number at the same time bounds us, and the API server's own priority and fairness
	opts := options(s, scheme)
	fence, err := lead(s, &opts, rest.CopyConfig(config)) // the lease waits for nobody
	if err != nil {
		return err
	}
	config.Wrap(apiserver.Limit(maxRequests, maxEvents))
	mgr, err := ctrl.NewManager(config, opts)
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}
	ctx := ctrl.SetupSignalHandler()
	guard, err := network.New(ctx, s.targets, apiServers(config, os.Getenv)...)
	if err != nil {
		return err
	}
	vitals := controller.Vitals{}
	if err := controller.Setup(ctx, mgr, controller.Options{
		AnswerMemory: s.answerMemory, Network: vendorrest.Network{Dial: guard.Dial, Proxy: guard.Proxy},
		UserAgent: "pam-operator/" + version, DeletionDeadline: s.deletionWait, Concurrency: s.concurrency,
		BlockedDeletionDeadline: s.blockedWait, Namespace: s.ownNamespace(),
		Settle: s.recoveryWindow, Namespaces: s.namespaces(), Fence: held(fence),
		IgnoreNamespaceLabels: !s.namespaceLabels, Vitals: &vitals,
		MinPollInterval: s.minPoll, MaxRequestsPerSecond: s.maxRequests,
	}); err != nil {
		return err
	}
	if err := addProbes(mgr, vitals); err != nil {
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

const leaseName = "pam-operator.io"

// lead lets the manager lead by a lease, and returns what knows when it may not lead any more; nil if it leads without
// one.
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

// held is what forbids to act, if anything does.
func held(fence *leadership.Fence) func() error {
	if fence == nil {
		return nil
	}
	return fence.Held
}

// runnables are what the manager runs beside the controllers.
func runnables(fence *leadership.Fence) []manager.Runnable {
	if fence == nil {
		return []manager.Runnable{memory.Returner{}}
	}
	return []manager.Runnable{memory.Returner{}, fence}
}

// hangsAfter is how long the manager may take for what needs a moment; the kubelet then restarts it.
const hangsAfter = 30 * time.Second

func addProbes(mgr ctrl.Manager, vitals controller.Vitals) error {
	ready := health.Ready{
		Caches: mgr.GetCache().WaitForCacheSync, Elected: mgr.Elected(), Unlisted: vitals.Unlisted,
	}
	return errors.Join(
		mgr.AddReadyzCheck("synced", ready.Check),
		mgr.AddHealthzCheck("alive", health.Alive(vitals.Touch, hangsAfter)),
	)
}

func options(s *settings, scheme *runtime.Scheme) ctrl.Options {
	return ctrl.Options{
		Scheme:                        scheme,
		Metrics:                       metricsOptions(s),
		HealthProbeBindAddress:        s.probeAddress,
		PprofBindAddress:              s.pprofAddress,
		LeaderElection:                s.leaderElect,
		LeaderElectionID:              leaseName, // in metrics; the lock is made by lead
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &s.leaseDuration,
		RenewDeadline:                 &s.renewDeadline,
		RetryPeriod:                   &s.retryPeriod,
		Cache:                         cacheOptions(s),
		Client: client.Options{Cache: &client.CacheOptions{
			// Contents of Secrets are read when they are needed and kept nowhere; see docs/adr.
			DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}, &corev1.Pod{}, &batchv1.Job{}},
		}},
	}
}

func metricsOptions(s *settings) metricsserver.Options {
	out := metricsserver.Options{BindAddress: s.metricsAddress, SecureServing: s.metricsSecure, CertDir: s.metricsCertDir}
	if s.metricsSecure {
		out.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	if !s.http2 {
		out.TLSOpts = append(out.TLSOpts, func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} })
	}
	return out
}

func cacheOptions(s *settings) cache.Options {
	out := cache.Options{DefaultTransform: controller.Cached}
	for _, name := range s.namespaces() {
		if out.DefaultNamespaces == nil {
			out.DefaultNamespaces = map[string]cache.Config{}
		}
		out.DefaultNamespaces[name] = cache.Config{}
	}
	return out
}

// ownNamespaceFile says in a pod which namespace it is in.
const ownNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// ownNamespace is the manager's own, or that of its lease; empty if nobody says.
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

// namespaces are those to look at; none means all.
func (s *settings) namespaces() []string {
	var out []string
	for name := range strings.SplitSeq(s.watchNamespaces, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}
