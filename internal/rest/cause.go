// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// Cause is why a call brought no usable answer, as far as its error shows.
type Cause int

// The causes.
const (
	CauseUnknown Cause = iota
	// CauseUntrustedIssuer: the issuer of the server's certificate is not trusted; see UntrustedIssuer.
	CauseUntrustedIssuer
	// CauseOtherHost: the server's certificate is for other names.
	CauseOtherHost
	// CauseExpiredCertificate: the server's certificate has expired, or is not valid yet.
	CauseExpiredCertificate
	// CauseNoNames: the server's certificate has no subject alternative name, so it is for no host.
	CauseNoNames
	// CauseUnverified: the server's certificate fails verification for another reason, or cannot be parsed.
	CauseUnverified
	// CauseHandshake: the two sides agree on no TLS version or cipher suite, or the server wants a certificate of ours.
	CauseHandshake
	// CauseProxy: a proxy refused or failed to connect; see ProxyError.
	CauseProxy
	// CauseUnresolved: the host name does not resolve.
	CauseUnresolved
	// CauseNoTLS: what answers does not speak TLS.
	CauseNoTLS
	// CauseRefused: nothing listens there.
	CauseRefused
	// CauseTimeout: no answer in time.
	CauseTimeout
	// CauseCut: the connection was cut before the answer was complete.
	CauseCut
	// CauseForeign: the answer is not from the API.
	CauseForeign
	// CauseServer: the server reports that it cannot answer now (5xx).
	CauseServer
)

// CauseOf returns the cause of a call that brought no usable answer.
func CauseOf(err error) Cause {
	if _, ok := errors.AsType[*ProxyError](err); ok {
		return CauseProxy
	}
	if cause := causeOfTLS(err); cause != CauseUnknown {
		return cause
	}
	if cause := causeOfSilence(err); cause != CauseUnknown {
		return cause
	}
	answer := As(err)
	switch {
	case errors.Is(err, ErrMalformedAnswer), IsNotFound(err):
		return CauseForeign
	case answer != nil && answer.Status >= http.StatusInternalServerError:
		return CauseServer
	}
	return CauseUnknown
}

func causeOfTLS(err error) Cause {
	if cause := causeOfCertificate(err); cause != CauseUnknown {
		return cause
	}
	_, isNoTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case isNoTLS, errors.Is(err, http.ErrSchemeMismatch):
		return CauseNoTLS
	case remoteAlert(err) != "", says(err, "server selected unsupported protocol version"):
		return CauseHandshake
	}
	return CauseUnknown
}

// causeOfCertificate recognises what is wrong with the server's certificate.
func causeOfCertificate(err error) Cause {
	_, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	hostname, isHostname := errors.AsType[x509.HostnameError](err)
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, isUnverified := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case isUnknown:
		return CauseUntrustedIssuer
	case isHostname && hostname.Certificate != nil && len(hostname.Certificate.DNSNames)+
		len(hostname.Certificate.IPAddresses) == 0:
		return CauseNoNames
	case isHostname:
		return CauseOtherHost
	case isInvalid && invalid.Reason == x509.Expired:
		return CauseExpiredCertificate
	case isUnverified, says(err, "failed to parse certificate from server"):
		return CauseUnverified
	}
	return CauseUnknown
}

// says looks for the words of package tls, some of whose errors have no type.
func says(err error, words string) bool {
	return err != nil && strings.Contains(err.Error(), "tls: "+words)
}

func causeOfSilence(err error) Cause {
	_, isUnresolved := errors.AsType[*net.DNSError](err)
	timeout, isTimeout := errors.AsType[timeouter](err)
	switch {
	case isUnresolved:
		return CauseUnresolved
	case errors.Is(err, syscall.ECONNREFUSED):
		return CauseRefused
	case errors.Is(err, context.DeadlineExceeded), isTimeout && timeout.Timeout():
		return CauseTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return CauseCut
	}
	return CauseUnknown
}

// timeouter is a time-out of any layer.
type timeouter interface {
	error
	Timeout() bool
}

// UntrustedIssuer returns the name of the untrusted issuer; empty if the error does not include it.
func UntrustedIssuer(err error) string {
	unknown, ok := errors.AsType[x509.UnknownAuthorityError](err)
	if !ok || unknown.Cert == nil {
		return ""
	}
	return unknown.Cert.Issuer.String()
}

// hasCertificate reports whether a client has a certificate to log in with.
func hasCertificate(cfg *tls.Config) bool {
	return cfg != nil && (len(cfg.Certificates) > 0 || cfg.GetClientCertificate != nil)
}
