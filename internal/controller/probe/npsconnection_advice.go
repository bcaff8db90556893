// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/nps"
)

// withAdvice adds to a refused log-in which field or key of this connection was refused. The client knows the cause,
// but neither fields nor Secrets.
func withAdvice(conn *pamv1alpha1.NPSConnection, err error) error {
	refusal, ok := errors.AsType[*nps.CredentialsError](err)
	if !ok {
		return err
	}
	if place := adviceFor(conn, refusal.Reason); place != "" {
		return fmt.Errorf("%w. Look at %s", refusal, place) // without the call that needed the log-in, which does not matter
	}
	return err
}

// adviceFor names the field or key that holds the refused part of a log-in; empty if there is none.
func adviceFor(conn *pamv1alpha1.NPSConnection, reason nps.CredentialsReason) string {
	auth := conn.Spec.Auth
	if reason == nps.ReasonEmptyAnswer { // also an answer to a wrong password or code (docs/vendors/nps.md 13 Q1)
		place := "spec.url and spec.auth.type"
		if auth.User != nil {
			place = secretKeys(conn, "keys username, password, and totpSecret or mfaCode", auth.User.CredentialsSecretRef,
				"spec.auth.user.credentialsSecretRef") + ", and then at " + place
		}
		return place
	}
	if auth.User != nil {
		const field = "spec.auth.user.credentialsSecretRef"
		keys := map[nps.CredentialsReason]string{
			nps.ReasonWrongPassword: "keys username and password",
			nps.ReasonWrongCode:     "key totpSecret or mfaCode",
			nps.ReasonAccountLocked: "key username",
		}
		return secretKeys(conn, keys[reason], auth.User.CredentialsSecretRef, field)
	}
	if auth.ApplicationUser == nil {
		return ""
	}
	return adviceForApplication(conn, reason)
}

func adviceForApplication(conn *pamv1alpha1.NPSConnection, reason nps.CredentialsReason) string {
	const field = "spec.auth.applicationUser."
	app := conn.Spec.Auth.ApplicationUser
	certificate := secretKeys(conn, "key tls.crt", app.CertificateSecretRef, field+"certificateSecretRef")
	keys := map[nps.CredentialsReason]string{
		nps.ReasonAPIKey:        "keys login and apiKey",
		nps.ReasonAccountLocked: "key login",
	}
	switch reason {
	case nps.ReasonCertificate:
		if app.SerialNumber != nil { // NPS may answer a wrong one like a certificate that it does not accept
			return field + "serialNumber, and then at " + certificate
		}
		return certificate
	case nps.ReasonSerialNumber:
		return field + "serialNumber, or " + certificate
	}
	return secretKeys(conn, keys[reason], app.CredentialsSecretRef, field+"credentialsSecretRef")
}

func secretKeys(
	conn *pamv1alpha1.NPSConnection, keys string, secret pamv1alpha1.SecretReference, field string,
) string {
	if keys == "" {
		return ""
	}
	return fmt.Sprintf("%s of Secret %s/%s (%s)", keys, conn.Namespace, secret.Name, field)
}
