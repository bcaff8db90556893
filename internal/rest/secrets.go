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

// Redacted replaces a secret.
const Redacted = "[redacted]"

const (
	// minSecret is the shortest text that is redacted, in bytes: shorter ones would make holes in ordinary words.
	minSecret = 4
	// maxEvictable bounds the texts that are evicted, oldest first, in bytes with all their forms. Tokens are renewed
	// for as long as a client lives, and the oldest expired long ago.
	maxEvictable = 256 << 10
	// maxPinned bounds the texts that are not evicted, in bytes with all their forms. Beyond it no text is shown at
	// all.
	maxPinned = 16 << 20
)

// Secrets is a set of texts that must never be shown. The zero value and nil are empty sets. It is safe for concurrent
// use.
type Secrets struct {
	mu sync.Mutex
	// pinned counts how often each form is pinned; evictable are the forms that may be evicted, oldest first.
	pinned    map[string]int
	evictable []string
	known     map[string]bool // the evictable ones
	// pinnedBytes and evictableBytes are the size of both.
	pinnedBytes, evictableBytes int
	// index finds the forms in a text; nil if out of date.
	index *matcher
}

// Pin adds texts to the set until unpin is called; from then on they are evictable, like those of Add.
func (s *Secrets) Pin(texts ...string) (unpin func()) {
	forms := formsOf(texts)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pinned == nil {
		s.pinned = map[string]int{}
	}
	for _, form := range forms {
		if s.pinned[form]++; s.pinned[form] == 1 {
			s.pinnedBytes += len(form)
			s.index = nil
		}
	}
	return sync.OnceFunc(func() { s.unpin(forms) })
}

func (s *Secrets) unpin(forms []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, form := range forms {
		if s.pinned[form]--; s.pinned[form] > 0 {
			continue
		}
		delete(s.pinned, form)
		s.pinnedBytes -= len(form)
		s.addEvictable(form)
	}
	s.evict()
}

// Add adds texts to the set, in the forms in which they may be echoed: unchanged, in JSON, in a URL, in HTML. They are
// evicted when many newer ones have been added.
func (s *Secrets) Add(texts ...string) {
	forms := formsOf(texts)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, form := range forms {
		s.addEvictable(form)
	}
	s.evict()
}

// addEvictable adds an evictable form. The caller holds the mutex.
func (s *Secrets) addEvictable(form string) {
	if s.known[form] {
		return
	}
	if s.known == nil {
		s.known = map[string]bool{}
	}
	s.known[form] = true
	s.evictable = append(s.evictable, form)
	s.evictableBytes += len(form)
	s.index = nil
}

// evict drops the oldest evictable forms beyond the limit, but never the newest one. The caller holds the mutex.
func (s *Secrets) evict() {
	drop := 0
	for ; s.evictableBytes > maxEvictable && drop < len(s.evictable)-1; drop++ {
		s.evictableBytes -= len(s.evictable[drop])
		delete(s.known, s.evictable[drop])
		s.evictable[drop] = ""
	}
	if drop > 0 {
		s.evictable = s.evictable[drop:] // the next reallocation by append frees the front
		s.index = nil
	}
}

// Show prepares a foreign text for display: without any secret, and as Shorten returns it. Secrets are redacted before
// it is shortened, lest part of one remain, and again afterwards, because Shorten removes characters that can hide one.
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
	if s.pinnedBytes > maxPinned {
		return nil, true
	}
	if s.index == nil {
		forms := make([]string, 0, len(s.pinned)+len(s.evictable))
		for form := range s.pinned {
			forms = append(forms, form)
		}
		s.index = newMatcher(append(forms, s.evictable...))
	}
	return s.index, false
}

// formsOf returns the texts in all the forms in which a server may write them.
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

// jsonText returns t as it appears between the quotes of a JSON string. Go's encoder escapes <, > and &, most others do
// not.
func jsonText(t string, escapeHTML bool) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(escapeHTML)
	if err := enc.Encode(t); err != nil || b.Len() < 3 {
		return t
	}
	return b.String()[1 : b.Len()-2] // without two quotes and a line feed
}

// asciiOnly escapes non-ASCII characters as JSON does. Python's encoder, for one, does so by default.
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
