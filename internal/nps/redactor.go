// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"net/http"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// redactor prepares the server's text for display: a description of a session or a line of its log may quote what the
// server was given, or what it issued.
type redactor struct {
	secrets *rest.Secrets
	// issued are the parts of connection data that were fetched. They are a separate set, so that many of them do not
	// evict the client's credentials.
	issued rest.Secrets
}

// redact also removes what looks like a secret.
func (r *redactor) redact(text string) string {
	return r.issued.Show(r.secrets.Redact(text), maxMessage)
}

// maxKnown is how many texts memoized remembers.
const maxKnown = 1000

// memoized returns redact with a cache, for texts that are mostly repetitions.
func (r *redactor) memoized() func(text string) string {
	known := map[string]string{}
	return func(text string) string {
		redacted, ok := known[text]
		if ok {
			return redacted
		}
		redacted = r.redact(text)
		if len(text) <= maxMessage && len(known) < maxKnown {
			known[text] = redacted
		}
		return redacted
	}
}

// decodeError is the function decodeError with its result redacted.
func (r *redactor) decodeError(_ http.Header, body []byte) rest.ErrorDetails {
	return rest.ErrorDetails{Message: r.redact(decodeError(body)), Hints: hintsIn(body)}
}

func (r *redactor) redactSession(s Session) Session {
	s.StatusDescription = r.redact(s.StatusDescription)
	return s
}

// addIssued adds secrets that the server has issued.
func (r *redactor) addIssued(texts ...string) { r.issued.Add(texts...) }
