// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"errors"
	"net/http"
	"strings"
)

// FencedError means that a change was not sent, because this process must not change anything any more.
type FencedError struct{ Err error }

// Error returns the fence's error.
func (e *FencedError) Error() string { return "nothing is changed: " + e.Err.Error() }

// Unwrap returns the fence's error.
func (e *FencedError) Unwrap() error { return e.Err }

// IsFenced reports whether a change was not sent; see FencedError.
func IsFenced(err error) bool {
	_, fenced := errors.AsType[*FencedError](err)
	return fenced
}

// checkFence asks the fence about a request. A roll-back in a session of our own needs no permission: it undoes this
// process's own work. The stored session may belong to the process that is in charge now.
func (s *loginSession) checkFence(req *http.Request) error {
	rollsBack := req.Method == http.MethodDelete && strings.TrimSuffix(req.URL.Path, "/") == "/api/transaction"
	if req.Method == http.MethodGet || req.Method == http.MethodHead || rollsBack && !s.stored {
		return nil
	}
	return s.logins.cfg.fence()
}

// fence returns nil if this process may change something.
func (cfg *Config) fence() error {
	if cfg.Fence == nil {
		return nil
	}
	if err := cfg.Fence(); err != nil {
		return &FencedError{Err: err}
	}
	return nil
}
