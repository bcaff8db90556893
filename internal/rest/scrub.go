// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"regexp"
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
	if at := aFile.FindStringIndex(text); at != nil {
		text = text[:at[0]] + Redacted
	}
	text = aToken.ReplaceAllLiteralString(text, Redacted)
	text = aURLUser.ReplaceAllLiteralString(text, "://"+Redacted+"@")
	text = anAuthorization.ReplaceAllString(text, "${1}"+Redacted)
	text = aBearer.ReplaceAllString(text, "${1}"+Redacted)
	text = aSetting.ReplaceAllString(text, "${1}"+Redacted)
	return aBlob.ReplaceAllStringFunc(text, func(blob string) string {
		if random(blob) {
			return Redacted
		}
		return blob
	})
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
