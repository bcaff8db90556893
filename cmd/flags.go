// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"time"

	"go.uber.org/zap/zapcore"
	"k8s.io/client-go/tools/leaderelection"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/network"
	"github.com/pam-operator/pam-operator/internal/tracing"
)

// settings are the values of the command-line flags.
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
	tracing         tracing.Settings
	showVersion     bool
	log             zap.Options
}

// parse reads the flags from arguments.
func parse(flags *flag.FlagSet, arguments []string) (*settings, error) {
	s := &settings{answerMemory: connection.DefaultAnswerMemory}
	s.defineServing(flags)
	s.defineLeaderElection(flags)
	s.defineNamespaces(flags)
	s.defineReconciling(flags)
	s.defineLimits(flags)
	s.defineTracing(flags)
	flags.BoolVar(&s.showVersion, "version", false, "Print the version and exit.")
	s.log.StacktraceLevel = zapcore.PanicLevel // an unreachable appliance is not a bug
	s.log.BindFlags(flags)
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	flags.Visit(func(f *flag.Flag) { s.tracing.RatioGiven = s.tracing.RatioGiven || f.Name == tracing.RatioFlag })
	s.log.Level = noBodies(s.log.Level)
	return s, nil
}

func (s *settings) defineServing(flags *flag.FlagSet) {
	flags.StringVar(&s.metricsAddress, "metrics-bind-address", "0",
		"Address of the metrics endpoint, such as :8443; 0 turns it off.")
	flags.BoolVar(&s.metricsSecure, "metrics-secure", true,
		"Serve metrics over TLS, and only to clients that the API server allows to read /metrics.")
	flags.StringVar(&s.metricsCertDir, "metrics-cert-dir", "",
		"Folder with tls.crt and tls.key for the metrics endpoint, reloaded when they change; if empty, a self-signed "+
			"certificate is created.")
	flags.BoolVar(&s.http2, "enable-http2", false, "Also serve metrics over HTTP/2.")
	flags.StringVar(&s.probeAddress, "health-probe-bind-address", ":8081", "Address of /healthz and /readyz.")
	flags.StringVar(&s.pprofAddress, "pprof-bind-address", "0",
		"Address of the profiling endpoint, which has no authentication: use a loopback address such as 127.0.0.1:6060; 0 "+
			"turns it off.")
}

func (s *settings) defineLeaderElection(flags *flag.FlagSet) {
	flags.BoolVar(&s.leaderElect, "leader-elect", true,
		"Let only one of several managers act. Turn it off only if no other manager can run for the same objects.")
	flags.StringVar(&s.leaseNamespace, "leader-election-namespace", "",
		"Namespace of the lease; if empty, that of the manager's Pod. Required outside a cluster.")
	flags.DurationVar(&s.leaseDuration, "leader-elect-lease-duration", 15*time.Second,
		"How long a standby manager waits after the leader's last renewal before taking over.")
	flags.DurationVar(&s.renewDeadline, "leader-elect-renew-deadline", 10*time.Second,
		"How long the leader tries to renew its lease before it stops. Must be shorter than the lease duration.")
	flags.DurationVar(&s.retryPeriod, "leader-elect-retry-period", 2*time.Second,
		"Interval between attempts to acquire or renew the lease. The renew deadline must be more than 1.2 times as long.")
}

// contradiction says which flags cannot be together; nil if all can. The limits are those of leader election.
func (s *settings) contradiction() error {
	switch {
	case !s.leaderElect:
		return nil
	case s.leaseDuration <= s.renewDeadline:
		return fmt.Errorf("--leader-elect-lease-duration=%s must be longer than --leader-elect-renew-deadline=%s",
			s.leaseDuration, s.renewDeadline)
	case float64(s.renewDeadline) <= leaderelection.JitterFactor*float64(s.retryPeriod):
		return fmt.Errorf("--leader-elect-renew-deadline=%s must be longer than %v times --leader-elect-retry-period=%s",
			s.renewDeadline, leaderelection.JitterFactor, s.retryPeriod)
	case s.retryPeriod <= 0:
		return fmt.Errorf("--leader-elect-retry-period=%s must be longer than 0", s.retryPeriod)
	}
	return nil
}

func (s *settings) defineNamespaces(flags *flag.FlagSet) {
	flags.StringVar(&s.watchNamespaces, "watch-namespaces", "",
		"Comma-separated namespaces to watch, including those of the connections; if empty, all. With this flag the manager "+
			"needs no more than Roles in these namespaces.")
	flags.BoolVar(&s.namespaceLabels, "namespace-labels", true,
		"Read the labels of namespaces. If false, Namespace objects are not read, and connections cannot select namespaces "+
			"by label.")
}

func (s *settings) defineReconciling(flags *flag.FlagSet) {
	flags.IntVar(&s.concurrency, "policy-concurrency", 1000,
		"How many RDP connection policies can wait for a commit at the same time. At least the largest maxChanges.")
	flags.DurationVar(&s.deletionWait, "deletion-deadline", time.Hour,
		"How long the deletion of an object waits for an unresponsive appliance before it is completed without it.")
	flags.DurationVar(&s.blockedWait, "blocked-deletion-deadline", 24*time.Hour,
		"How long the deletion of an object waits for someone to act before it is completed without the appliance, because "+
			"the object or its connection is suspended, the appliance refuses or is locked, or the connection does not "+
			"permit the object.")
	flags.DurationVar(&s.recoveryWindow, "session-recovery-window", time.Minute,
		"How long the session of an unanswered request is searched for before the request is sent again. If the server "+
			"takes longer, it creates a second session, which is then ended.")
}

func (s *settings) defineLimits(flags *flag.FlagSet) {
	flags.Func("max-answer-memory", "Memory limit for the responses of all appliances and servers together, such as "+
		"192Mi, the default. The connections of one namespace may have half of it, and one connection a quarter.",
		s.setAnswerMemory)
	flags.Var(&s.targets, network.Flag[len("--"):], "Comma-separated targets that connections may use: host names, with "+
		"* as a wildcard, addresses and CIDRs, each with or without :port; can be repeated. If empty, everything is "+
		"allowed except loopback, link-local, multicast and metadata addresses and the API server; these must be listed "+
		"explicitly by address or CIDR, the API server with its port.")
	flags.DurationVar(&s.minPoll, "min-poll-interval", 500*time.Millisecond,
		"Shortest polling interval that an NPSConnection can set; shorter values are raised to it.")
	flags.IntVar(&s.maxRequests, "max-requests-per-second", 200,
		"Highest limits.requestsPerSecond that an NPSConnection can set; higher values are lowered to it.")
}

func (s *settings) defineTracing(flags *flag.FlagSet) {
	flags.StringVar(&s.tracing.Endpoint, tracing.EndpointFlag, "",
		"host:port of a collector that takes traces by OTLP over gRPC. If empty, the variables of OpenTelemetry decide, "+
			"such as OTEL_EXPORTER_OTLP_ENDPOINT; without them nothing is traced.")
	flags.BoolVar(&s.tracing.Insecure, tracing.InsecureFlag, false, "Send traces without TLS.")
	flags.Float64Var(&s.tracing.Ratio, tracing.RatioFlag, tracing.DefaultRatio,
		"Part of all reconciles that is traced, from 0 to 1.")
}
