// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"net/http"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// words makes the server's own words fit to be shown: in a description of a session or a line of its log it may quote
// what it was given, or has given away.
type words struct {
	secrets *rest.Secrets
	// given are the parts of connection data that were fetched. They are a set of their own, so that many of them do not
	// push the client's credentials out.
	given rest.Secrets
}

// clean also cuts out what is no secret that the client knows, and looks like one.
func (w *words) clean(text string) string {
	return w.given.Show(w.secrets.Redact(text), maxWords)
}

// maxKnown is how many texts a cleaner remembers.
const maxKnown = 1000

// cleaner cleans texts of which many are the same.
func (w *words) cleaner() func(text string) string {
	known := map[string]string{}
	return func(text string) string {
		cleaned, ok := known[text]
		if ok {
			return cleaned
		}
		cleaned = w.clean(text)
		if len(text) <= maxWords && len(known) < maxKnown {
			known[text] = cleaned
		}
		return cleaned
	}
}

// ofError is decodeError without secrets.
func (w *words) ofError(_ http.Header, body []byte) rest.Words {
	return rest.Words{Message: w.clean(decodeError(body)), Hints: hintsIn(body)}
}

func (w *words) session(s Session) Session {
	s.StatusDescription = w.clean(s.StatusDescription)
	return s
}

// gave notes a secret that the server has given away.
func (w *words) gave(texts ...string) { w.given.Add(texts...) }
