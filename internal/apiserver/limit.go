// SPDX-License-Identifier: Apache-2.0

// Package apiserver limits the manager's load on the Kubernetes API server.
package apiserver

import (
	"net/http"
	"strings"

	"golang.org/x/sync/semaphore"
)

// Limit bounds the concurrent requests, watches aside; further requests wait. Without it, a thousand objects at once
// would saturate the HTTP/2 connection and delay requests that must not wait, such as lease renewals. Events have a
// small limit of their own, so that status updates do not wait for them.
func Limit(requests, events int64) func(http.RoundTripper) http.RoundTripper {
	turns, ofEvents := semaphore.NewWeighted(requests), semaphore.NewWeighted(events)
	return func(next http.RoundTripper) http.RoundTripper {
		return &limited{next: next, turns: turns, ofEvents: ofEvents}
	}
}

type limited struct {
	next            http.RoundTripper
	turns, ofEvents *semaphore.Weighted
}

// RoundTrip sends the request once a slot is free, or fails with the error of its context.
func (l *limited) RoundTrip(req *http.Request) (*http.Response, error) {
	if watch := req.URL.Query().Get("watch"); watch == "true" || watch == "1" {
		return l.next.RoundTrip(req)
	}
	turns := l.turns
	if isEvents(req.URL.Path) {
		turns = l.ofEvents
	}
	if err := turns.Acquire(req.Context(), 1); err != nil {
		return nil, err
	}
	defer turns.Release(1)
	return l.next.RoundTrip(req)
}

// isEvents reports whether a path is that of the Events of a namespace, or of one of them.
func isEvents(path string) bool {
	_, after, found := strings.Cut(path, "/namespaces/")
	parts := strings.Split(after, "/")
	return found && len(parts) >= 2 && parts[1] == "events"
}

// WrappedRoundTripper returns the underlying transport, for callers that inspect its TLS settings.
func (l *limited) WrappedRoundTripper() http.RoundTripper { return l.next }
