// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"fmt"
	"net/url"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// This file tells the owner of a connection what has gone wrong with it, what to change, and where. The clients know
// the cause and neither fields nor Secrets; the objects that use a connection say no more than that it is not ready.

// ofOwner is outcomeOf for a connection itself, whose owner sees what became of an attempt to connect.
func ofOwner(conn connectionObject, err error) outcome {
	out := outcomeOf(err)
	switch {
	case out.reason == pamv1alpha1.ReasonUnreachable && out.err != nil:
		out.message = withCause(whyUnreachable(conn, err), err)
		switch rest.CauseOf(err) {
		case rest.CauseUntrustedIssuer, rest.CauseOtherHost, rest.CauseExpiredCertificate, rest.CauseUnverified:
			out.state = stateStalled // it does not pass by itself
		}
	case out.reason == pamv1alpha1.ReasonUnauthorized:
		if advice := whyUnauthorized(conn, err); advice != "" {
			out.message = withCause(advice, err)
		}
	}
	return out
}

// ofUser is outcomeOf for an object that uses a connection, whose author can neither mend it nor see what it says.
func ofUser(obj connected, err error) outcome {
	out := outcomeOf(err)
	if out.reason == pamv1alpha1.ReasonUnauthorized {
		out.message += fmt.Sprintf("; ask the owner of connection %s to fix the credentials or rights of its account",
			connection.Target(obj.Connection(), obj.GetNamespace()))
	}
	return out
}

func withCause(advice string, err error) string {
	if advice == "" {
		return err.Error()
	}
	return fmt.Sprintf("%s (%v)", advice, err)
}

// whyUnreachable says why a connection gets no usable answer; empty where the error says it all.
func whyUnreachable(conn connectionObject, err error) string {
	at, product := hostOf(conn), productOf(conn)
	switch rest.CauseOf(err) {
	case rest.CauseUntrustedIssuer:
		return whyUntrusted(conn, rest.UntrustedIssuer(err))
	case rest.CauseOtherHost:
		return "the server's certificate is for another host: use a name that it is for in spec.url, or set " +
			"spec.tls.serverName"
	case rest.CauseExpiredCertificate:
		return "the server's certificate has expired or is not valid yet: its administrator has to renew it; check the " +
			"clocks, too"
	case rest.CauseUnverified:
		return "the server's certificate does not verify: its administrator has to replace it"
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
		return fmt.Sprintf("%s cut the connection without an answer: it may be restarting, or a firewall stands in between",
			at)
	case rest.CauseForeign:
		return fmt.Sprintf("what answers at %s is not the API of %s: check spec.url, and that no portal or proxy stands in "+
			"between", at, product)
	case rest.CauseServer:
		return fmt.Sprintf("the web server at %s answers, but %s behind it does not: it may be starting; if this lasts, "+
			"its administrator has to look at it", at, product)
	}
	return ""
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

// whyUnauthorized says which credentials are refused, or which right is missing; empty where the error says it all.
func whyUnauthorized(conn connectionObject, err error) string {
	appliance, ok := conn.(*pamv1alpha1.SPSConnection)
	if !ok || rest.As(err) == nil { // NPS tells more, and its place is in the error
		return ""
	}
	secret := fmt.Sprintf("Secret %s/%s (spec.credentialsSecretRef)",
		appliance.Namespace, appliance.Spec.CredentialsSecretRef.Name)
	switch {
	case !sps.IsCredentialsRefused(err):
		return fmt.Sprintf("the account in %s may not do this: an administrator of the appliance has to grant it the right",
			secret)
	case rest.IsForbidden(err):
		return fmt.Sprintf("the account in %s may not log in to the REST API: an administrator of the appliance has to "+
			"grant it the right \"REST server\"", secret)
	}
	// The answer is the same for a blocked address, whatever the credentials are (sps contract 1.13).
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
