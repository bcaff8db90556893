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

// permits asks the fence about a request. A roll-back in a session of its own needs no permission: it takes back what
// this process did itself. The stored session may be that of whoever is in charge by now.
func (s *session) permits(req *http.Request) error {
	rollsBack := req.Method == http.MethodDelete && strings.TrimSuffix(req.URL.Path, "/") == "/api/transaction"
	if req.Method == http.MethodGet || req.Method == http.MethodHead || rollsBack && !s.stored {
		return nil
	}
	return s.logins.cfg.fence()
}

// fence is nil if this process may change something.
func (cfg *Config) fence() error {
	if cfg.Fence == nil {
		return nil
	}
	if err := cfg.Fence(); err != nil {
		return &FencedError{Err: err}
	}
	return nil
}
