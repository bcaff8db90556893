// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// Certificate is the certificate that a connection logs in with; the zero value means none.
type Certificate struct {
	notBefore, notAfter time.Time
	secret              string
}

// NewCertificate returns the certificate of a pair that was read from a Secret.
func NewCertificate(secret string, pair tls.Certificate) Certificate {
	if pair.Leaf == nil {
		return Certificate{}
	}
	return Certificate{notBefore: pair.Leaf.NotBefore, notAfter: pair.Leaf.NotAfter, secret: secret}
}

// Ends returns when the certificate expires; zero if there is none.
func (c Certificate) Ends() time.Time { return c.notAfter }

// Check fails with an *ExpiredError if the certificate is not valid at a time. A server would refuse it as well, with a
// poorer explanation, and might count it as a failed log-in.
func (c Certificate) Check(now time.Time) error {
	switch {
	case c.notAfter.IsZero():
	case now.After(c.notAfter):
		return &ExpiredError{fmt.Sprintf(
			"the client certificate in tls.crt of Secret %s expired at %s: replace it, and its key, in the Secret",
			c.secret, c.notAfter.UTC().Format(time.RFC3339))}
	case now.Before(c.notBefore):
		return &ExpiredError{fmt.Sprintf(
			"the client certificate in tls.crt of Secret %s is not valid before %s: replace it in the Secret, or "+
				"correct the clock of the operator's node", c.secret, c.notBefore.UTC().Format(time.RFC3339))}
	}
	return nil
}

// ExpiredError means that a client certificate was not sent because it has expired or is not valid yet.
type ExpiredError struct{ Message string }

// Error names the Secret, the time, and what to do.
func (e *ExpiredError) Error() string { return e.Message }

// IsExpired reports whether a client certificate must be replaced.
func IsExpired(err error) bool {
	_, ok := errors.AsType[*ExpiredError](err)
	return ok
}
