// SPDX-License-Identifier: Apache-2.0

// Package apiserver bounds what the manager asks of the Kubernetes API server.
package apiserver

import (
	"net/http"

	"golang.org/x/sync/semaphore"
)

// Limit lets so many requests be under way at the same time; the others wait for their turn. Watches do not count. A
// thousand objects that come at once would otherwise have a thousand requests under way: more than one connection
// carries, so that those which must not wait, such as the renewal of the lease, wait with all others.
func Limit(requests int64) func(http.RoundTripper) http.RoundTripper {
	turns := semaphore.NewWeighted(requests)
	return func(next http.RoundTripper) http.RoundTripper { return &limited{next: next, turns: turns} }
}

type limited struct {
	next  http.RoundTripper
	turns *semaphore.Weighted
}

// RoundTrip sends the request when it is its turn, or fails with the error of its context.
func (l *limited) RoundTrip(req *http.Request) (*http.Response, error) {
	if watch := req.URL.Query().Get("watch"); watch == "true" || watch == "1" {
		return l.next.RoundTrip(req)
	}
	if err := l.turns.Acquire(req.Context(), 1); err != nil {
		return nil, err
	}
	defer l.turns.Release(1)
	return l.next.RoundTrip(req)
}

// WrappedRoundTripper is the transport beneath, for those who look for its TLS settings.
func (l *limited) WrappedRoundTripper() http.RoundTripper { return l.next }
