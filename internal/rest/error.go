// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxMessage bounds what of a server's words goes into an error, in bytes. Errors end up in conditions and events.
const maxMessage = 1024

// maxCode bounds a vendor's name of an error, in bytes.
const maxCode = 128

// ErrMalformedAnswer is the cause of an Error whose answer arrived but could not be understood.
var ErrMalformedAnswer = errors.New("malformed answer")

// TimeoutError is the cause of a call that was given up because its answer did not come in time.
type TimeoutError struct{ After time.Duration }

// Error says how long the answer was waited for.
func (e *TimeoutError) Error() string { return fmt.Sprintf("no answer within %s", e.After) }

// Timeout makes it a time-out to those who ask by the interface of package net.
func (e *TimeoutError) Timeout() bool { return true }

// IsTimeout says that a call was given up because its answer did not come in time.
func IsTimeout(err error) bool {
	_, ok := errors.AsType[*TimeoutError](err)
	return ok
}

// Error is a call that did not succeed. Its text never holds a query, a header or a secret.
type Error struct {
	Method string
	// Path is the path of the request, without its query.
	Path string
	// Status is the HTTP status of the answer, 0 if there was none.
	Status int
	// Code is the vendor's name of the error, if the answer had one.
	Code string
	// Message is the vendor's or the transport's own words, bounded and redacted.
	Message string
	// Hints are words that the answer contains; see Words. They are not shown.
	Hints string
	// RetryAfter is what the server asked for, 0 if it did not.
	RetryAfter time.Duration
	// Sent says that the request was written to the network, so that the server may have acted on it.
	Sent bool
	// Err is the cause where there was no answer, or an answer that could not be understood.
	Err error
}

// Error says what was asked, what came back, and the server's own words.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.Method, e.Path)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d", e.Status)
		if e.Code == "" {
			b.WriteString(" " + http.StatusText(e.Status))
		}
	}
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// As finds the Error in err, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// IsNotFound says that the server answered 404.
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// IsConflict says that the server answered 409.
func IsConflict(err error) bool { return hasStatus(err, http.StatusConflict) }

// IsUnauthorized says that the server did not accept who we are (401).
func IsUnauthorized(err error) bool { return hasStatus(err, http.StatusUnauthorized) }

// IsForbidden says that the server knows who we are and does not let us (403).
func IsForbidden(err error) bool { return hasStatus(err, http.StatusForbidden) }

// IsRejected says that the server understood the request and refuses its content: repeating it unchanged is useless
// until something is mended on one of the two sides.
func IsRejected(err error) bool {
	e := As(err)
	if e == nil || e.Status < 400 || e.Status > 499 {
		return false
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout,
		http.StatusConflict, http.StatusLocked, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return true
}

// IsOutcomeUnknown says that a request that changes something may have been carried out although no good answer came
// back: it must be looked up before it is repeated. Only a request that was never written, or one that the server
// refused expressly, is known to have done nothing.
func IsOutcomeUnknown(err error) bool {
	e := As(err)
	switch {
	case e == nil || !e.Sent:
		return false
	case e.Err != nil || e.Status == 0 || e.Status >= 500 || e.Status < 400:
		return true
	}
	return e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooManyRequests
}

// IsCertificateRefused says that the server ended the TLS handshake because of our certificate, or the lack of one. The
// type of its alert is not exported, hence the look at its text: the alerts about certificates have the word in it, and
// a handshake failure is what TLS 1.2 says of one that is missing.
func IsCertificateRefused(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return false
	}
	alert := op.Err.Error()
	return strings.Contains(alert, "certificate") || strings.Contains(alert, "handshake failure")
}

func hasStatus(err error, status int) bool {
	e := As(err)
	return e != nil && e.Status == status
}

// retryAfter reads the header in its form of seconds; the form of a date is not worth its clock.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 3600 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
