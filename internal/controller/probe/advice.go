// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"net/url"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file explains a connection's failure to its owner: what to change, and where. The clients know the cause, but
// neither fields nor Secrets. The objects that use the connection only report that it is not ready.

// ofOwner is OutcomeOf for a connection itself, whose owner may see the result of an attempt to connect.
func ofOwner(conn connectionObject, err error) loop.Outcome {
	out := loop.OutcomeOf(err)
	switch {
	case out.Reason == pamv1alpha1.ReasonUnreachable && out.Err != nil:
		out.Message = withCause(whyUnreachable(conn, err), err)
		switch rest.CauseOf(err) {
		case rest.CauseUntrustedIssuer, rest.CauseOtherHost, rest.CauseExpiredCertificate, rest.CauseNoNames,
			rest.CauseUnverified, rest.CauseHandshake:
			out.State = loop.StateStalled // it will not go away by itself
		}
	case out.Reason == pamv1alpha1.ReasonUnauthorized:
		if advice := whyUnauthorized(conn, err); advice != "" {
			out.Message = withCause(advice, err)
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

// whyUnreachable says why a connection gets no usable answer; empty if the error is clear enough.
func whyUnreachable(conn connectionObject, err error) string {
	at, product := hostOf(conn), productOf(conn)
	switch rest.CauseOf(err) {
	case rest.CauseUntrustedIssuer:
		return whyUntrusted(conn, rest.UntrustedIssuer(err))
	case rest.CauseOtherHost:
		return "the server's certificate is for another host: use one of its names in spec.url, or set " +
			"spec.tls.serverName"
	case rest.CauseExpiredCertificate:
		return "the server's certificate has expired or is not valid yet: its administrator has to renew it; also check " +
			"the clocks"
	case rest.CauseNoNames:
		return "the server's certificate names no host (it has no subject alternative name): its administrator has to " +
			"replace it by one with the name in spec.url"
	case rest.CauseUnverified:
		return "the server's certificate does not verify: its administrator has to replace it"
	case rest.CauseHandshake:
		return "the server ended the TLS handshake: it has to offer TLS 1.2 or later with an ECDHE cipher suite, and must " +
			"not demand a client certificate that this connection does not have; nothing was sent"
	case rest.CauseProxy:
		return whyProxy(at, err)
	case rest.CauseUnresolved:
		return fmt.Sprintf("the host of %s does not resolve: check spec.url, and the DNS of the cluster", at)
	case rest.CauseNoTLS:
		return fmt.Sprintf("what answers at %s does not speak TLS: check the port in spec.url", at)
	case rest.CauseRefused:
		return fmt.Sprintf("nothing listens at %s: check spec.url, and that %s is running", at, product)
	case rest.CauseTimeout:
		return fmt.Sprintf("%s did not answer in time: check firewalls and NetworkPolicies on the way, and the load of %s",
			at, product)
	case rest.CauseCut:
		return fmt.Sprintf("%s cut the connection without an answer: it may be restarting, or a firewall is in between",
			at)
	case rest.CauseForeign:
		return fmt.Sprintf("what answers at %s is not the API of %s: check spec.url, and that no portal or proxy is in "+
			"between", at, product)
	case rest.CauseServer:
		return fmt.Sprintf("the web server at %s answers, but %s behind it does not: it may be starting; if this lasts, "+
			"its administrator has to check it", at, product)
	}
	return ""
}

// whyProxy says what to do about a proxy that refuses or fails to connect.
func whyProxy(at string, err error) string {
	refused, ok := errors.AsType[*rest.ProxyError](err)
	switch {
	case ok && refused.Err != nil:
		return fmt.Sprintf("%s was not reached through the proxy %s (HTTPS_PROXY of the manager): check that the proxy runs "+
			"and can reach the host, or add the host to NO_PROXY", at, refused.Proxy)
	case ok && refused.WantsCredentials():
		return fmt.Sprintf("the proxy %s demands credentials: correct those in HTTPS_PROXY of the manager; %s was not "+
			"reached", refused.Proxy, at)
	}
	return fmt.Sprintf("the proxy of the manager (HTTPS_PROXY) refused to connect to %s, which was not reached: have the "+
		"proxy allow it, or add the host to NO_PROXY", at)
}

// whyUntrusted says where the certificate of an issuer is missing.
func whyUntrusted(conn connectionObject, issuer string) string {
	where := "a ConfigMap, and name that in spec.tls.caBundleRef"
	if settings := conn.TLSSettings(); settings != nil && settings.CABundleRef != nil {
		ref := settings.CABundleRef
		where = fmt.Sprintf("%s %s/%s (spec.tls.caBundleRef)", ref.Kind, conn.GetNamespace(), ref.Name)
	}
	if issuer != "" {
		issuer = fmt.Sprintf(", %q,", issuer)
	}
	return fmt.Sprintf("the issuer%s of the server's certificate is not trusted: add its certificate to %s; an "+
		"intermediate CA that the server does not send belongs there, too", issuer, where)
}

// whyUnauthorized says which credentials are refused, or which right is missing; empty if the error is clear enough.
func whyUnauthorized(conn connectionObject, err error) string {
	appliance, ok := conn.(*pamv1alpha1.SPSConnection)
	if !ok || rest.As(err) == nil { // NPS says more, and withAdvice has added the field
		return ""
	}
	secret := fmt.Sprintf("Secret %s/%s (spec.credentialsSecretRef)",
		appliance.Namespace, appliance.Spec.CredentialsSecretRef.Name)
	refusal, refused := errors.AsType[*sps.CredentialsError](err)
	switch {
	case refused && refusal.HeldBack():
		return fmt.Sprintf("the credentials in %s were not sent: too many log-ins of other connections at this address were "+
			"refused, and more would block it; they are tried again by themselves", secret)
	case !sps.IsCredentialsRefused(err):
		return fmt.Sprintf("the account in %s may not do this: an administrator of the appliance has to grant it the right",
			secret)
	case rest.IsForbidden(err):
		return fmt.Sprintf("the account in %s may not log in to the REST API: an administrator of the appliance has to "+
			"grant it the right \"REST server\"", secret)
	}
	// The answer is the same for a blocked address, whatever the credentials are (docs/vendors/sps.md 1.13).
	return fmt.Sprintf("the credentials in %s are refused: correct them there; after many refusals the appliance also "+
		"refuses correct ones for some minutes", secret)
}

func hostOf(conn connectionObject) string {
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
