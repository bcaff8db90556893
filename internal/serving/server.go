// SPDX-License-Identifier: Apache-2.0

// Package serving has the servers of the manager's ports, which any pod may reach: for probes and for metrics. What a
// client can make them hold is bounded, whether or not it may read anything.
package serving

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

const (
	maxConnections = 64
	maxHeader      = 16 << 10
	maxStreams     = 4 // of an HTTP/2 connection
	headerTimeout  = 5 * time.Second
	answerTimeout  = 30 * time.Second
	idleTimeout    = 90 * time.Second // longer than a scraper waits, so that it keeps its connection
)

// New returns a server that listens already; with a TLS configuration it serves HTTPS.
func New(name string, l net.Listener, handler http.Handler, config *tls.Config, log logr.Logger) *manager.Server {
	l = bound(l, maxConnections)
	if config != nil {
		l = tls.NewListener(l, config)
	}
	return &manager.Server{
		Name: name, Listener: l, ShutdownTimeout: ptr.To(headerTimeout),
		Server: &http.Server{
			Handler:           handler,
			MaxHeaderBytes:    maxHeader,
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       headerTimeout, // no request has a body
			WriteTimeout:      answerTimeout,
			IdleTimeout:       idleTimeout,
			HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, MaxReadFrameSize: maxHeader},
			// At debug level: any client can cause these.
			ErrorLog: slog.NewLogLogger(logr.ToSlogHandler(log), slog.LevelDebug),
		},
	}
}
