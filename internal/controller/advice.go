// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file tells the owner of a connection what has gone wrong with it, what to change, and where. The clients know the
// cause and neither fields nor Secrets; the objects that use a connection say no more than that it is not ready.

// ofOwner is outcomeOf for a connection itself, whose owner sees what became of an attempt to connect.
func ofOwner(conn connectionObject, err error) outcome {
	out := outcomeOf(err)
	switch {
	case out.reason == pamv1alpha1.ReasonUnreachable && out.err != nil:
		advice, lasts := whyUnreachable(conn, err)
		out.message = withCause(advice, err)
		if lasts {
			out.state = stateStalled
		}
	case out.reason == pamv1alpha1.ReasonUnauthorized:
		if advice := whyUnauthorized(conn, err); advice != "" {
			out.message = withCause(advice, err)
		}
	}
	return out
}

func withCause(advice string, err error) string {
	if advice == "" {
		return err.Error()
	}
	return fmt.Sprintf("%s (%v)", advice, err)
}

// ofUser is outcomeOf for an object that uses a connection, whose author can neither mend it nor see what it says.
func ofUser(obj connected, err error) outcome {
	out := outcomeOf(err)
	if out.reason == pamv1alpha1.ReasonUnauthorized {
		out.message += fmt.Sprintf("; the owner of connection %s has to see to the account's credentials and rights",
			connection.Target(obj.Connection(), obj.GetNamespace()))
	}
	return out
}

// whyUnreachable says why a connection gets no usable answer; empty where the error says it all. lasts says that it does
// not pass by itself.
func whyUnreachable(conn connectionObject, err error) (advice string, lasts bool) {
	if advice := whyNotVerified(conn, err); advice != "" {
		return advice, true
	}
	if advice := whyNotConnected(conn, err); advice != "" {
		return advice, false
	}
	answer := rest.As(err)
	switch {
	case answer == nil:
		return "", false
	case errors.Is(err, rest.ErrMalformedAnswer), answer.Status == http.StatusNotFound:
		return fmt.Sprintf("what answers at %s is not the API of %s: check spec.url, and that no portal or proxy stands in "+
			"between", conn.Address(), productOf(conn)), false
	case answer.Status >= http.StatusInternalServerError:
		return fmt.Sprintf("the web server at %s answers, but %s behind it does not: it may be starting; if this lasts, "+
			"its administrator has to look at it", conn.Address(), productOf(conn)), false
	}
	return "", false
}

// whyNotVerified says what is wrong with the server's certificate, and whose turn it is.
func whyNotVerified(conn connectionObject, err error) string {
	unknown, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, isHostname := errors.AsType[x509.HostnameError](err)
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, isUnverified := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case isUnknown:
		issuer := ""
		if unknown.Cert != nil {
			issuer = fmt.Sprintf(", %q,", unknown.Cert.Issuer)
		}
		return fmt.Sprintf("the issuer%s of the server's certificate is not trusted: add its certificate to %s; an "+
			"intermediate CA that the server does not send belongs there, too", issuer, trustOf(conn))
	case isHostname:
		return "the server's certificate is for another host: use a name that it is for in spec.url, or set " +
			"spec.tls.serverName"
	case isInvalid && invalid.Reason == x509.Expired:
		return "the server's certificate has expired or is not valid yet: its administrator has to renew it; check the " +
			"clocks, too"
	case isUnverified:
		return "the server's certificate does not verify: its administrator has to replace it"
	}
	return ""
}

// trustOf is where the certificates of trusted issuers come from.
func trustOf(conn connectionObject) string {
	settings := conn.TLSSettings()
	if settings == nil || settings.CABundleRef == nil {
		return "a ConfigMap, and name that in spec.tls.caBundleRef"
	}
	ref := settings.CABundleRef
	return fmt.Sprintf("%s %s/%s (spec.tls.caBundleRef)", ref.Kind, conn.GetNamespace(), ref.Name)
}

// whyNotConnected says how an attempt to connect has ended without an answer.
func whyNotConnected(conn connectionObject, err error) string {
	unresolved, isUnresolved := errors.AsType[*net.DNSError](err)
	_, isNoTLS := errors.AsType[tls.RecordHeaderError](err)
	timeout, isTimeout := errors.AsType[timeouter](err)
	switch {
	case isUnresolved:
		return fmt.Sprintf("the host name %s does not resolve: check spec.url, and the DNS of the cluster", unresolved.Name)
	case isNoTLS, errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Sprintf("what answers at %s does not speak TLS: check the port in spec.url", conn.Address())
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("nothing listens at %s: check spec.url, and that %s is running", hostOf(conn), productOf(conn))
	case errors.Is(err, context.DeadlineExceeded), isTimeout && timeout.Timeout():
		return fmt.Sprintf("%s did not answer in time: check firewalls and NetworkPolicies on the way, and the load of %s",
			hostOf(conn), productOf(conn))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Sprintf("%s cut the connection without an answer: it may be restarting, or a firewall stands in between",
			hostOf(conn))
	}
	return ""
}

// whyUnauthorized says which credentials are refused, or which right is missing; empty where the error says it all.
func whyUnauthorized(conn connectionObject, err error) string {
	appliance, ok := conn.(*pamv1alpha1.SPSConnection)
	answer := rest.As(err)
	if !ok || answer == nil { // NPS tells more, and its place is in the error
		return ""
	}
	secret := secretKeys(appliance, "the keys", appliance.Spec.CredentialsSecretRef, "spec.credentialsSecretRef")
	switch {
	case !sps.IsCredentialsRefused(err):
		return fmt.Sprintf("the account in %s may not do this: an administrator of the appliance has to grant it the right",
			secret)
	case answer.Status == http.StatusForbidden:
		return fmt.Sprintf("the account in %s may not log in to the REST API: an administrator of the appliance has to grant "+
			"it the right \"REST server\"", secret)
	}
	// The answer is the same for a blocked address, whatever the credentials are (sps contract 1.13).
	return fmt.Sprintf("the credentials in %s are refused: correct them there; after many refusals the appliance also "+
		"refuses correct ones for some minutes", secret)
}

// addressed is a connection as a caller of it sees it.
type addressed interface{ Address() string }

func hostOf(conn addressed) string {
	if u, err := url.Parse(conn.Address()); err == nil && u.Host != "" {
		return u.Host
	}
	return conn.Address()
}

func productOf(conn client.Object) string {
	if _, ok := conn.(*pamv1alpha1.NPSConnection); ok {
		return "NPS"
	}
	return "SPS"
}

// timeouter is a time-out of whatever layer.
type timeouter interface {
	error
	Timeout() bool
}
