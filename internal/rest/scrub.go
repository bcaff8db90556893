// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"regexp"
	"slices"
	"strings"
)

// Patterns of what looks like a secret although no client knows it. A server may quote what it was given, or what it
// gave to other clients. It is removed wherever a server's text is shown; removing a word too many is the lesser evil.
var (
	// filePattern is the start of what is cut to the end of the text: lines of an RDP file (docs/vendors/nps.md 7.1),
	// keys and certificates.
	filePattern = regexp.MustCompile(`(?i)(?:\b(?:alternate )?full address|\b(?:gateway)?username|\bdomain|` +
		`\bpassword(?: 51)?|\bgatewayhostname|\bloadbalanceinfo|\bgatewayaccesstoken|\bsignature|\bsignscope|\bserver port|` +
		`\balternate shell|\bremoteapplication\w+):[sib]:|-----BEGIN `)
	tokenPattern         = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,4}`)
	urlUserPattern       = regexp.MustCompile(`://[^\s"'<>]+@`)
	authorizationPattern = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization\\?["']?\s*[:=]\s*\\?["']?)[^\r\n"'\\,;]+`)
	bearerPattern        = regexp.MustCompile(`(?i)\b((?:bearer|basic|negotiate|ntlm)\s+)[A-Za-z0-9+/._~=-]{8,}`)
	// settingPattern is a name that suggests a secret, and its value: quoted, quoted within a quoted text, or up to a
	// blank.
	settingPattern = regexp.MustCompile(`(?i)([\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|` +
		`private[_-]?key|access[_-]?key|cookie|session[_-]?id)[\w.-]*\\*["']?\s*(?:=>|[:=])\s*)` +
		`(\\+"(?:[^"\\]|\\+[^"\\])*(?:\\+"|$)|"(?:[^"\\]|\\.)*(?:"|$)|'(?:[^'\\]|\\.)*(?:'|$)|` +
		`\[[^\]]*\]?|\{[^}]*\}?|[^\s,;&"'}\])]+)`)
	blobPattern = regexp.MustCompile(`[A-Za-z0-9+/_-]{40,}={0,2}`)
)

// maxScrubbed is how much of a text is examined, in bytes; the rest is dropped. Only part of it is ever shown.
const maxScrubbed = 16 << 10

// scrub removes what looks like a secret.
func scrub(text string) string {
	if len(text) > maxScrubbed {
		text = text[:maxScrubbed]
		text = text[:strings.LastIndexAny(text, " \r\n")+1] // part of a secret may not look like one
	}
	lower := strings.ToLower(text)
	if containsAny(lower, ":s:", ":i:", ":b:", "-----begin ") {
		if at := filePattern.FindStringIndex(text); at != nil {
			text = text[:at[0]] + Redacted
		}
	}
	for _, p := range patterns {
		if containsAny(lower, p.keywords...) {
			text = p.pattern.ReplaceAllString(text, p.replacement)
		}
	}
	if !containsLongWord(text) {
		return text
	}
	return blobPattern.ReplaceAllStringFunc(text, func(blob string) string {
		if looksLikeBase64(blob) {
			return Redacted
		}
		return blob
	})
}

// patterns match most secrets. Each match contains one of its keywords, and most texts contain none.
var patterns = []struct {
	pattern     *regexp.Regexp
	keywords    []string // in lower case
	replacement string
}{
	{tokenPattern, []string{"eyj"}, Redacted},
	{urlUserPattern, []string{"://"}, "://" + Redacted + "@"},
	{authorizationPattern, []string{"authorization"}, "${1}" + Redacted},
	{bearerPattern, []string{"bearer", "basic", "negotiate", "ntlm"}, "${1}" + Redacted},
	{
		settingPattern,
		[]string{"passw", "passphrase", "pwd", "secret", "token", "key", "cookie", "session"}, "${1}" + Redacted,
	},
}

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

// shortestBlob is the length at which a word may be base64, in bytes.
const shortestBlob = 40

func containsLongWord(text string) bool {
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

// looksLikeBase64 distinguishes base64 from paths, names and GUIDs of the same length: base64 has digits, and
// alternates constantly between upper case, lower case and digits.
func looksLikeBase64(blob string) bool {
	changes, digits, last := 0, 0, 'a'
	for _, c := range blob {
		kind := last // other characters do not count
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
			changes++
		}
		last = kind
	}
	oneCase := blob == strings.ToLower(blob) || blob == strings.ToUpper(blob)
	return digits*20 >= len(blob) && changes*5 >= 2*len(blob) && !oneCase
}
