// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

const (
	// minSecret is the shortest text that is cut out, in bytes: shorter ones would make holes in ordinary words.
	minSecret = 4
	// maxPassing bounds the texts that are forgotten one after the other, in bytes with all their forms. Tokens are
	// renewed for as long as a client lives, and the oldest are long void.
	maxPassing = 256 << 10
	// maxHeld bounds the texts that are not forgotten, in bytes with all their forms. Beyond it no text is shown at all.
	maxHeld = 16 << 20
)

// Secrets is a set of texts that must never be shown. Its zero value and nil hold none. It is safe for concurrent use.
type Secrets struct {
	mu sync.Mutex
	// held counts for each form who needs it, passing are the forms that may be forgotten, oldest first.
	held    map[string]int
	passing []string
	known   map[string]bool // of passing
	// heldBytes and passingBytes are how much there is of both.
	heldBytes, passingBytes int
	// index finds the forms in a text; nil when it is out of date.
	index *matcher
}

// Keep takes texts into the set for good: credentials.
func (s *Secrets) Keep(texts ...string) { s.Hold(texts...) }

// Hold takes texts into the set until release is called; then they are remembered for a while like those of Add.
func (s *Secrets) Hold(texts ...string) (release func()) {
	forms := formsOf(texts)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held = map[string]int{}
	}
	for _, form := range forms {
		if s.held[form]++; s.held[form] == 1 {
			s.heldBytes += len(form)
			s.index = nil
		}
	}
	return sync.OnceFunc(func() { s.release(forms) })
}

func (s *Secrets) release(forms []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, form := range forms {
		if s.held[form]--; s.held[form] > 0 {
			continue
		}
		delete(s.held, form)
		s.heldBytes -= len(form)
		s.remember(form)
	}
	s.forget()
}

// Add takes texts into the set, in the forms in which they may come back: as they are, in JSON, in a URL, in HTML. They
// are forgotten when many newer ones have come.
func (s *Secrets) Add(texts ...string) {
	forms := formsOf(texts)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, form := range forms {
		s.remember(form)
	}
	s.forget()
}

// remember adds a passing form. The caller holds the mutex.
func (s *Secrets) remember(form string) {
	if s.known[form] {
		return
	}
	if s.known == nil {
		s.known = map[string]bool{}
	}
	s.known[form] = true
	s.passing = append(s.passing, form)
	s.passingBytes += len(form)
	s.index = nil
}

// forget drops the oldest passing forms that are too much, but not the newest one. The caller holds the mutex.
func (s *Secrets) forget() {
	drop := 0
	for ; s.passingBytes > maxPassing && drop < len(s.passing)-1; drop++ {
		s.passingBytes -= len(s.passing[drop])
		delete(s.known, s.passing[drop])
		s.passing[drop] = ""
	}
	if drop > 0 {
		s.passing = s.passing[drop:] // an append that finds no room leaves the rest behind
		s.index = nil
	}
}

// Show makes a text of somebody else fit to be shown: without any secret, and as Shorten leaves it. Secrets are looked
// for before it is cut, lest half of one remain, and once more when nothing within them is hidden any more.
func (s *Secrets) Show(text string, maxBytes int) string {
	return Shorten(s.Redact(Shorten(s.Redact(text), maxBytes)), maxBytes)
}

// Redact returns the text without any secret: none of the set, and nothing that looks like one.
func (s *Secrets) Redact(text string) string {
	if text == "" {
		return text
	}
	if s != nil {
		m, overflow := s.matcher()
		if overflow {
			return Redacted
		}
		text = m.redact(text)
	}
	return scrub(text)
}

func (s *Secrets) matcher() (m *matcher, overflow bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heldBytes > maxHeld {
		return nil, true
	}
	if s.index == nil {
		forms := make([]string, 0, len(s.held)+len(s.passing))
		for form := range s.held {
			forms = append(forms, form)
		}
		s.index = newMatcher(append(forms, s.passing...))
	}
	return s.index, false
}

// formsOf are the texts in all the forms in which a server may write them.
func formsOf(texts []string) []string {
	var out []string
	known := map[string]bool{}
	for _, t := range texts {
		for _, form := range []string{
			t, jsonText(t, true), jsonText(t, false), asciiOnly(jsonText(t, false)), jsonText(jsonText(t, false), false),
			url.QueryEscape(t), url.PathEscape(t), html.EscapeString(t),
		} {
			if len(form) >= minSecret && !known[form] {
				known[form] = true
				out = append(out, form)
			}
		}
	}
	return out
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
