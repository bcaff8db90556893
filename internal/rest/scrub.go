// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"regexp"
	"slices"
	"strings"
)

// What no client knows, and what looks like a secret all the same. A server may quote what it was given, or has given
// away to somebody else. It is cut wherever a text of a server is shown; a word too much is the lesser evil.
var (
	// aFile begins what is cut to the end of the text: lines of an RDP file (nps contract 7.1), keys and certificates.
	aFile = regexp.MustCompile(`(?i)(?:\b(?:alternate )?full address|\b(?:gateway)?username|\bdomain|\bpassword(?: 51)?|` +
		`\bgatewayhostname|\bloadbalanceinfo|\bgatewayaccesstoken|\bsignature|\bsignscope|\bserver port|` +
		`\balternate shell|\bremoteapplication\w+):[sib]:|-----BEGIN `)
	aToken          = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}`)
	aURLUser        = regexp.MustCompile(`://[^\s"'<>]+@`)
	anAuthorization = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization\\?["']?\s*[:=]\s*\\?["']?)[^\r\n"'\\,;]+`)
	aBearer         = regexp.MustCompile(`(?i)\b((?:bearer|basic|negotiate|ntlm)\s+)[A-Za-z0-9+/._~=-]{8,}`)
	// aSetting is a name that says secret, and its value: quoted, quoted within a quoted text, or up to a blank.
	aSetting = regexp.MustCompile(`(?i)([\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|private[_-]?key|` +
		`access[_-]?key|cookie|session[_-]?id)[\w.-]*\\*["']?\s*(?:=>|[:=])\s*)` +
		`(\\+"(?:[^"\\]|\\+[^"\\])*(?:\\+"|$)|"(?:[^"\\]|\\.)*(?:"|$)|'(?:[^'\\]|\\.)*(?:'|$)|` +
		`\[[^\]]*\]?|\{[^}]*\}?|[^\s,;&"'}\])]+)`)
	aBlob = regexp.MustCompile(`[A-Za-z0-9+/_-]{40,}={0,2}`)
)

// maxScrubbed is how much of a text is looked at, in bytes; the rest is dropped. No more than a part of it is shown.
const maxScrubbed = 16 << 10

// scrub cuts out what looks like a secret.
func scrub(text string) string {
	if len(text) > maxScrubbed {
		text = text[:maxScrubbed]
		text = text[:strings.LastIndexAny(text, " \r\n")+1] // half a secret may not look like one
	}
	lower := strings.ToLower(text)
	if holdsAny(lower, ":s:", ":i:", ":b:", "-----begin ") {
		if at := aFile.FindStringIndex(text); at != nil {
			text = text[:at[0]] + Redacted
		}
	}
	for _, look := range looks {
		if holdsAny(lower, look.words...) {
			text = look.like.ReplaceAllString(text, look.instead)
		}
	}
	if !holdsLongWord(text) {
		return text
	}
	return aBlob.ReplaceAllStringFunc(text, func(blob string) string {
		if random(blob) {
			return Redacted
		}
		return blob
	})
}

// looks are what most secrets look like, with words of which one is in each of them: a great many texts have none.
var looks = []struct {
	like    *regexp.Regexp
	words   []string // in lower case
	instead string
}{
	{aToken, []string{"eyj"}, Redacted},
	{aURLUser, []string{"://"}, "://" + Redacted + "@"},
	{anAuthorization, []string{"authorization"}, "${1}" + Redacted},
	{aBearer, []string{"bearer", "basic", "negotiate", "ntlm"}, "${1}" + Redacted},
	{aSetting, []string{"passw", "passphrase", "pwd", "secret", "token", "key", "cookie", "session"}, "${1}" + Redacted},
}

func holdsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

// shortestBlob is the length from which on a word may be base64, in bytes.
const shortestBlob = 40

func holdsLongWord(text string) bool {
	length := 0
	for i := range len(text) {
		if length++; text[i] <= ' ' {
			length = 0
		}
		if length >= shortestBlob {
			return true
		}
	}
	return false
}

// random tells base64 from paths, names and GUIDs of the same length: it has digits, and upper case, lower case and
// digits take turns in it all the time.
func random(blob string) bool {
	turns, digits, last := 0, 0, 'a'
	for _, c := range blob {
		kind := last // of what is neither
		switch {
		case c >= 'A' && c <= 'Z':
			kind = 'A'
		case c >= 'a' && c <= 'z':
			kind = 'a'
		case c >= '0' && c <= '9':
			kind = '0'
			digits++
		}
		if kind != last {
			turns++
		}
		last = kind
	}
	oneCase := blob == strings.ToLower(blob) || blob == strings.ToUpper(blob)
	return digits*20 >= len(blob) && turns*5 >= 2*len(blob) && !oneCase
}
