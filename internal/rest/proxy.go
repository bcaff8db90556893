// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// ProxyError means that a proxy did not connect to the server, which was never reached.
type ProxyError struct {
	// Proxy is the proxy's host, without credentials.
	Proxy string
	// Status is its answer to CONNECT.
	Status int
}

// Error returns the proxy and its answer.
func (e *ProxyError) Error() string {
	return fmt.Sprintf("proxy %s answered CONNECT with %d %s", e.Proxy, e.Status, http.StatusText(e.Status))
}

// WantsCredentials reports whether the proxy demands others.
func (e *ProxyError) WantsCredentials() bool { return e.Status == http.StatusProxyAuthRequired }

// refusedByProxy tells the answers of a proxy from those of the server: net/http returns only the words of the status.
func refusedByProxy(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &ProxyError{Proxy: proxy.Host, Status: answer.StatusCode}
}
