// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

// minSecret is the shortest text that is cut out, in bytes: shorter ones would make holes in ordinary words.
const minSecret = 4

// Secrets is a set of texts that must never be shown. Its zero value and nil hold none. It is safe for concurrent use.
type Secrets struct {
	mu    sync.RWMutex
	texts []string
}

// maxSecrets bounds the set; tokens are renewed for as long as a client lives, and the oldest are long void.
const maxSecrets = 1024

// Add takes texts into the set, in the forms in which they may come back: as they are, in JSON, in a URL, in HTML.
func (s *Secrets) Add(texts ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range texts {
		for _, form := range forms(t) {
			if len(form) >= minSecret && !slices.Contains(s.texts, form) {
				s.texts = append(s.texts, form)
			}
		}
	}
	if extra := len(s.texts) - maxSecrets; extra > 0 {
		// The first ones are the credentials themselves and stay.
		s.texts = slices.Delete(s.texts, maxSecrets/4, maxSecrets/4+extra)
	}
}

func forms(t string) []string {
	return []string{
		t, jsonText(t, true), jsonText(t, false), asciiOnly(jsonText(t, false)),
		url.QueryEscape(t), url.PathEscape(t), html.EscapeString(t),
	}
}

// jsonText is t as it stands between the quotes of a JSON string. Go's encoder escapes <, > and &, most others do not.
func jsonText(t string, escapeHTML bool) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(escapeHTML)
	if err := enc.Encode(t); err != nil || b.Len() < 3 {
		return t
	}
	return b.String()[1 : b.Len()-2] // two quotes and a line feed
}

// asciiOnly escapes what is not ASCII as JSON does. Python's encoder, for one, does so unless it is told otherwise.
func asciiOnly(t string) string {
	var b strings.Builder
	for _, r := range t {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, "\\u%04x", unit)
		}
	}
	return b.String()
}

// Redact returns the text with every secret replaced by Redacted, the longest first so that no tail of one is left.
func (s *Secrets) Redact(text string) string {
	if s == nil || text == "" {
		return text
	}
	s.mu.RLock()
	texts := slices.Clone(s.texts)
	s.mu.RUnlock()
	slices.SortFunc(texts, func(a, b string) int { return len(b) - len(a) })
	for _, t := range texts {
		text = strings.ReplaceAll(text, t, Redacted)
	}
	return text
}
