// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pam-operator/pam-operator/internal/login"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// CredentialsReason is which part of a log-in was refused.
type CredentialsReason string

// The reasons. NPS does not document how it refuses a log-in (docs/vendors/nps.md 13 Q1, Q3), so each is the most
// likely interpretation of the step, the status and the text of the answer.
const (
	ReasonWrongPassword CredentialsReason = "WrongPassword"
	ReasonWrongCode     CredentialsReason = "WrongCode"
	ReasonAccountLocked CredentialsReason = "AccountLocked"
	ReasonCertificate   CredentialsReason = "CertificateNotAccepted"
	ReasonSerialNumber  CredentialsReason = "SerialNumberMismatch"
	ReasonAPIKey        CredentialsReason = "WrongAPIKey"
	ReasonEmptyAnswer   CredentialsReason = "NoToken"
	// ReasonThrottled means that nothing was sent because of earlier refusals, which Answer describes.
	ReasonThrottled CredentialsReason = "Throttled"
)

// LogInTerms are how NPS punishes failed log-ins: five lock the account for five minutes, and each further one for
// another five (docs/vendors/nps.md 1.2).
var LogInTerms = login.Terms{Block: 5 * time.Minute, PerAccount: true, Failures: 2, Window: time.Hour, Reserve: 2}

var advice = map[CredentialsReason]string{ //nolint:gosec // words about credentials, not credentials
	ReasonWrongPassword: "user name or password is wrong; correct them in the connection's Secret",
	ReasonWrongCode: "the second factor was refused; check totpSecret or mfaCode and the clocks of the NPS server " +
		"and of this cluster, and that the user's connector is neither SAML nor OIDC",
	ReasonAccountLocked: "the account is locked; NPS locks it after five failed log-ins, unlock it or wait",
	ReasonCertificate: "the client certificate was not accepted; check that it is trusted by the machine store of the " +
		"NPS server, that the application has its serial number, and that the application is in an access policy",
	ReasonSerialNumber: "the serial number of the client certificate is not the application's; " +
		"correct it for the application in NPS, or set serialNumber to the value recorded in NPS",
	ReasonAPIKey: "name or API key of the application is wrong, or it lacks its role; " +
		"only the most recently generated key is valid",
	ReasonEmptyAnswer: "the server answered without a token; check that the url leads to NPS and the kind of log-in " +
		"fits the user",
}

// CredentialsError is a log-in that the server refused. Because servers lock accounts after repeated failures, the
// error is remembered and returned without another attempt until Until; a new Client with corrected credentials tries
// at once.
type CredentialsError struct {
	Reason CredentialsReason
	// Until is when the next log-in will be attempted, by the local clock.
	Until time.Time
	// Answer is the server's message, redacted; may be empty.
	Answer string
}

// Error returns what was refused, how to fix it, and when the next attempt will be.
func (e *CredentialsError) Error() string {
	var b strings.Builder
	if e.Reason == ReasonThrottled {
		fmt.Fprintf(&b, "not signing in: %s", e.Answer)
	} else {
		fmt.Fprintf(&b, "log-in refused (%s): %s", e.Reason, advice[e.Reason])
	}
	if e.Answer != "" && e.Reason != ReasonThrottled {
		fmt.Fprintf(&b, "; the server said: %s", e.Answer)
	}
	if !e.Until.IsZero() {
		fmt.Fprintf(&b, "; not tried again before %s", e.Until.UTC().Format(time.RFC3339))
	}
	return b.String()
}

// Unwrap presents every refused log-in as a 401, whatever its actual status, so that rest.IsUnauthorized holds.
func (e *CredentialsError) Unwrap() error {
	return &rest.Error{Method: http.MethodPost, Path: "/", Status: http.StatusUnauthorized, Message: e.Answer}
}

// refused turns an answer that means "these credentials are wrong" into a CredentialsError, with the reason that the
// step suggests; other errors stay unchanged.
func refused(err error, reason CredentialsReason) error {
	e := rest.As(err)
	if e == nil {
		return err
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		if strings.Contains(e.Hints, hintLocked) {
			reason = ReasonAccountLocked
		}
	case http.StatusLocked:
		reason = ReasonAccountLocked
	default:
		return err
	}
	return &CredentialsError{Reason: reason, Answer: answer(e)}
}

// refusedApplication is refused for an application user, whose answers are more specific
// (docs/vendors/nps.md 2, 13 Q3).
func refusedApplication(err error) error {
	e := rest.As(err)
	switch {
	case e == nil:
		return err
	case rest.IsCertificateRefused(err):
		return &CredentialsError{Reason: ReasonCertificate, Answer: answer(e)}
	case strings.Contains(e.Hints, hintSerial):
		return refused(err, ReasonSerialNumber)
	case e.Status == http.StatusForbidden || strings.Contains(e.Hints, hintCertificate):
		return refused(err, ReasonCertificate)
	}
	return refused(err, ReasonAPIKey)
}

func answer(e *rest.Error) string {
	if e.Status == 0 {
		return e.Message
	}
	return strings.TrimSuffix(fmt.Sprintf("%d %s: %s", e.Status, http.StatusText(e.Status), e.Message), ": ")
}
