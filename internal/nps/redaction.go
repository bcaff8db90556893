// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"net/http"
	"regexp"

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

// What is no secret that the client knows, and looks like one: tokens, and users in URLs, up to the last @ of a word.
var (
	anyToken   = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?`)
	anyURLUser = regexp.MustCompile(`://[^\s"'<>]+@`)
)

func (w *words) clean(text string) string {
	if text == "" {
		return text
	}
	text = w.given.Redact(w.secrets.Redact(text))
	text = anyToken.ReplaceAllLiteralString(text, rest.Redacted)
	return anyURLUser.ReplaceAllLiteralString(text, "://"+rest.Redacted+"@")
}

// cleaner cleans texts of which many are the same.
func (w *words) cleaner() func(text string) string {
	known := map[string]string{}
	return func(text string) string {
		cleaned, ok := known[text]
		if !ok {
			cleaned = w.clean(text)
			known[text] = cleaned
		}
		return cleaned
	}
}

// ofError is decodeError without secrets.
func (w *words) ofError(header http.Header, body []byte) (code, message string) {
	return "", w.clean(decodeError(header, body)) // NPS has no codes of errors besides the status
}

func (w *words) session(s Session) Session {
	s.StatusDescription = w.clean(s.StatusDescription)
	return s
}

// gave notes a secret that the server has given away.
func (w *words) gave(texts ...string) { w.given.Add(texts...) }
