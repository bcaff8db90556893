// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp" //nolint:depguard // it serves what the table has
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	crmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"

	"github.com/pam-operator/pam-operator/internal/apiserver"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/health"
	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/serving"
)

// nowhere is the address of an endpoint that is turned off.
const nowhere = "0"

// hangsAfter is how long a trivial operation of the manager may take before the kubelet restarts it.
const hangsAfter = 30 * time.Second

// listen opens a port, which is served, and closed, by the manager.
func listen(ctx context.Context, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

func addProbes(ctx context.Context, mgr ctrl.Manager, s *settings, vitals loop.Vitals) error {
	if s.probeAddress == nowhere {
		return nil
	}
	ready := health.Ready{
		Caches: mgr.GetCache().WaitForCacheSync, Elected: mgr.Elected(), Unlisted: vitals.Unlisted,
	}
	mux := http.NewServeMux()
	for path, checks := range map[string]map[string]healthz.Checker{
		"/readyz":  {"synced": ready.Check},
		"/healthz": {"alive": health.Alive(vitals.Touch, hangsAfter)},
	} {
		handler := http.StripPrefix(path, &healthz.Handler{Checks: checks})
		mux.Handle(path, handler)
		mux.Handle(path+"/", handler) // one check by its name
	}
	l, err := listen(ctx, s.probeAddress)
	if err != nil {
		return err
	}
	return mgr.Add(serving.New("health probe", l, mux, nil, ctrl.Log.WithName("serving")))
}

const (
	// maxReviews is how many questions about readers of metrics the API server may be asked at the same time: any pod
	// can cause them.
	maxReviews = 2
	// maxScrapes is how many readers of metrics are served at the same time.
	maxScrapes = 4
)

// addMetrics serves the metrics. The configuration is for questions about their readers, and for nothing else.
func addMetrics(mgr ctrl.Manager, s *settings, config *rest.Config, exemplars bool) error {
	if s.metricsAddress == nowhere {
		return nil
	}
	options := promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: maxScrapes}
	if exemplars {
		metrics.WithExemplars(&options)
	}
	handler, certificate, err := protect(mgr, s, config, promhttp.HandlerFor(crmetrics.Registry, options))
	if err != nil {
		return fmt.Errorf("serve metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", handler)
	l, err := listen(context.Background(), s.metricsAddress)
	if err != nil {
		return err
	}
	return mgr.Add(serving.New("metrics", l, mux, certificate, ctrl.Log.WithName("serving")))
}

// protect lets only those read whom the API server allows to, over TLS, unless that is turned off.
func protect(
	mgr ctrl.Manager, s *settings, config *rest.Config, handler http.Handler,
) (http.Handler, *tls.Config, error) {
	if !s.metricsSecure {
		return handler, nil, nil
	}
	config.Wrap(apiserver.Limit(maxReviews, maxReviews))
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, nil, err
	}
	filter, err := filters.WithAuthenticationAndAuthorization(config, client)
	if err != nil {
		return nil, nil, err
	}
	if handler, err = filter(ctrl.Log.WithName("serving"), handler); err != nil {
		return nil, nil, err
	}
	certificate, watcher, err := serving.Certificate(s.metricsCertDir, s.http2)
	if err == nil && watcher != nil {
		err = mgr.Add(watcher)
	}
	return handler, certificate, err
}
