// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxMessage bounds how much of a server's message an error includes, in bytes. Errors end up in conditions and events.
const maxMessage = 1024

// maxCode bounds a vendor's name of an error, in bytes.
const maxCode = 128

// ErrMalformedAnswer is the cause of an Error whose answer arrived but could not be understood.
var ErrMalformedAnswer = errors.New("malformed answer")

// TimeoutError is the cause of a call whose answer did not come in time.
type TimeoutError struct{ After time.Duration }

// Error returns how long the call waited.
func (e *TimeoutError) Error() string { return fmt.Sprintf("no answer within %s", e.After) }

// Timeout marks the error as a time-out, as package net does.
func (e *TimeoutError) Timeout() bool { return true }

// IsTimeout reports whether an answer did not come in time.
func IsTimeout(err error) bool {
	_, ok := errors.AsType[*TimeoutError](err)
	return ok
}

// Error is an unsuccessful call. Its text never contains a query, a header or a secret.
type Error struct {
	Method string
	// Path is the path of the request, without its query.
	Path string
	// Status is the HTTP status of the answer, 0 if there was none.
	Status int
	// Code is the vendor's name of the error, if the answer had one.
	Code string
	// Message is the vendor's or the transport's message, bounded and redacted.
	Message string
	// Hints are keywords found in the answer; see ErrorDetails. They are not shown.
	Hints string
	// RetryAfter is the delay that the server asked for, 0 if none.
	RetryAfter time.Duration
	// Sent is set if the request was written to the network, so that the server may have acted on it.
	Sent bool
	// ClientCertificate is set if the client had a certificate to log in with.
	ClientCertificate bool
	// Err is the cause if there was no answer, or one that could not be understood.
	Err error
}

// Error returns the request, the status, and the server's message.
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

// Said is the server's message, or what its status means.
func (e *Error) Said() string { return cmp.Or(e.Message, http.StatusText(e.Status)) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// As returns the Error in err, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// IsNotFound reports whether the server answered 404.
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// IsConflict reports whether the server answered 409.
func IsConflict(err error) bool { return hasStatus(err, http.StatusConflict) }

// IsUnauthorized reports whether the server did not accept our authentication (401).
func IsUnauthorized(err error) bool { return hasStatus(err, http.StatusUnauthorized) }

// IsForbidden reports whether the server authenticated us and denied access (403).
func IsForbidden(err error) bool { return hasStatus(err, http.StatusForbidden) }

// IsRejected reports whether the server understood the request and refused its content: repeating it unchanged is
// useless until something is fixed on either side.
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

// IsOutcomeUnknown reports whether a request that changes something may have been carried out without a usable answer:
// look up the result before repeating it. Only a request that was never written, or that the server explicitly refused,
// is known to have had no effect.
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

// IsCertificateRefused reports whether the server ended the TLS handshake because of our certificate. Only a client
// that has one can have it refused. The alerts about certificates contain the word, and TLS 1.2 may say only "handshake
// failure".
func IsCertificateRefused(err error) bool {
	alert := remoteAlert(err)
	return (strings.Contains(alert, "certificate") || strings.Contains(alert, "handshake failure")) &&
		As(err) != nil && As(err).ClientCertificate
}

// remoteAlert is the alert with which the server ended the TLS handshake; empty if it did not. The type of an alert is
// not exported, so only its text can be looked at.
func remoteAlert(err error) string {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return ""
	}
	return op.Err.Error()
}

func hasStatus(err error, status int) bool {
	e := As(err)
	return e != nil && e.Status == status
}

// retryAfter parses the header if it is in seconds; the date form is not worth handling.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 3600 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
