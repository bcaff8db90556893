// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"errors"
	"net/http"
	"strings"
)

// FencedError says that a change was not sent, because this process must not change anything any more.
type FencedError struct{ Err error }

// Error is what the fence said.
func (e *FencedError) Error() string { return "nothing is changed: " + e.Err.Error() }

// Unwrap returns what the fence said.
func (e *FencedError) Unwrap() error { return e.Err }

// IsFenced says that a change was not sent; see FencedError.
func IsFenced(err error) bool {
	_, fenced := errors.AsType[*FencedError](err)
	return fenced
}

// permits asks the fence about a request. A roll-back needs no permission: it takes back what this process did itself.
func (cfg *Config) permits(req *http.Request) error {
	reads := req.Method == http.MethodGet || req.Method == http.MethodHead
	rollsBack := req.Method == http.MethodDelete && strings.TrimSuffix(req.URL.Path, "/") == "/api/transaction"
	if cfg.Fence == nil || reads || rollsBack {
		return nil
	}
	if err := cfg.Fence(); err != nil {
		return &FencedError{Err: err}
	}
	return nil
}
