// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// ProxyError means that a proxy did not connect to the server, which was never reached.
type ProxyError struct {
	// Proxy is the proxy's host, without credentials.
	Proxy string
	// Status is its answer to CONNECT; 0 if it gave none.
	Status int
	// Err is why there is no answer; nil if there is one.
	Err error
}

// Error returns the proxy and its answer.
func (e *ProxyError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("through proxy %s: %v", e.Proxy, e.Err)
	}
	return fmt.Sprintf("proxy %s answered CONNECT with %d %s", e.Proxy, e.Status, http.StatusText(e.Status))
}

// Unwrap returns why there is no answer.
func (e *ProxyError) Unwrap() error { return e.Err }

// WantsCredentials reports whether the proxy demands others.
func (e *ProxyError) WantsCredentials() bool { return e.Status == http.StatusProxyAuthRequired }

// refusedByProxy tells the answers of a proxy from those of the server: net/http returns only the words of the status.
func refusedByProxy(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &ProxyError{Proxy: proxy.Host, Status: answer.StatusCode}
}

// throughProxy is the error of a request that was not sent, with the proxy that could not be reached or that did not
// connect in time, if there is one.
func (n Network) throughProxy(req *http.Request, err error) error {
	connecting, ok := errors.AsType[*net.OpError](err)
	isOfProxy := ok && connecting.Op == "proxyconnect" // as net/http says
	if !isOfProxy && causeOfSilence(err) != CauseTimeout || IsOpen(err) {
		return err
	}
	proxy, cause := n.Proxy(req)
	if cause != nil || proxy == nil {
		return err
	}
	return &ProxyError{Proxy: proxy.Host, Err: err}
}
