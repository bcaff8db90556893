// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// ClientCertificate is the certificate that a connection logs in with; the zero value is none.
type ClientCertificate struct {
	notBefore, notAfter time.Time
	secret              string
}

func clientCertificate(from source, pair tls.Certificate) ClientCertificate {
	if pair.Leaf == nil {
		return ClientCertificate{}
	}
	return ClientCertificate{notBefore: pair.Leaf.NotBefore, notAfter: pair.Leaf.NotAfter, secret: from.name.String()}
}

// Check fails with a *CertificateExpiredError if the certificate is not valid at a time. A server would refuse it, too,
// with less of an explanation, and might count it as a failed log-in.
func (c ClientCertificate) Check(now time.Time) error {
	switch {
	case c.notAfter.IsZero():
	case now.After(c.notAfter):
		return &CertificateExpiredError{fmt.Sprintf(
			"the client certificate in tls.crt of Secret %s expired at %s: put a new one, with its key, into the Secret",
			c.secret, c.notAfter.UTC().Format(time.RFC3339))}
	case now.Before(c.notBefore):
		return &CertificateExpiredError{fmt.Sprintf(
			"the client certificate in tls.crt of Secret %s is not valid before %s: put another one into the Secret, or "+
				"correct the clock of the operator's node", c.secret, c.notBefore.UTC().Format(time.RFC3339))}
	}
	return nil
}

// CertificateExpiredError says that a client certificate is not sent, because the time of its validity is over or has
// not begun.
type CertificateExpiredError struct{ Message string }

// Error says which Secret it is in, when it expired, and what to do.
func (e *CertificateExpiredError) Error() string { return e.Message }

// IsCertificateExpired says that a client certificate has to be replaced.
func IsCertificateExpired(err error) bool {
	_, ok := errors.AsType[*CertificateExpiredError](err)
	return ok
}
