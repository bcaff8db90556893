// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// problemDetails is the body of an ASP.NET error (docs/vendors/nps.md 4.2). All of its members are optional.
type problemDetails struct {
	Title   string              `json:"title"`
	Detail  string              `json:"detail"`
	Errors  map[string][]string `json:"errors"`
	TraceID string              `json:"traceId"`
}

// Replacements for answers that are not from the API. Their text is not shown: it may come from another server.
const (
	pageAnswer  = "the answer is a page of the web server"
	otherAnswer = "the answer is not an error of the API; its text is not shown, see the server's own log"
)

// isPage reports whether an answer is from a front end rather than the API, whatever its status.
func isPage(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), "<") }

// decodeError extracts the server's message from problem details. An answer may also be a text, a page of the front
// end, or empty. NPS has no error codes besides the status.
func decodeError(body []byte) string {
	var problem problemDetails
	text := strings.TrimSpace(decodeText(body))
	switch {
	case json.Unmarshal(body, &problem) == nil && problem.text() != "":
		return problem.text()
	case text == "":
		return ""
	case isPage(text):
		return pageAnswer
	}
	return otherAnswer
}

// Keywords of an answer that suggest why a log-in was refused (docs/vendors/nps.md 13 Q1, Q3).
const (
	hintLocked      = "locked"
	hintSerial      = "serial"
	hintCertificate = "certificate"
)

// hintsIn finds the keywords anywhere in an answer.
func hintsIn(body []byte) string {
	text := strings.ToLower(string(body))
	var hints []string
	for word, hint := range map[string]string{
		"locked": hintLocked, "lockout": hintLocked, "serial": hintSerial, "certificate": hintCertificate,
	} {
		if strings.Contains(text, word) {
			hints = append(hints, hint)
		}
	}
	slices.Sort(hints)
	return strings.Join(slices.Compact(hints), " ")
}

func (p problemDetails) text() string {
	var parts []string
	for _, part := range []string{p.Title, p.Detail} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(p.Errors)) {
		parts = append(parts, fmt.Sprintf("%s: %s", field, strings.Join(p.Errors[field], " ")))
	}
	if p.TraceID != "" {
		parts = append(parts, "traceId "+p.TraceID)
	}
	return strings.Join(parts, "; ")
}
