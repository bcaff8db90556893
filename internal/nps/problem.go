// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// problemDetails is the body of an ASP.NET error (nps contract 4.2). All of its members are optional.
type problemDetails struct {
	Title   string              `json:"title"`
	Detail  string              `json:"detail"`
	Errors  map[string][]string `json:"errors"`
	TraceID string              `json:"traceId"`
}

var htmlTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

const pageAnswer = "the answer is a page of the web server"

// isPage says that an answer is not from the API but from what stands in front of it, whatever its status.
func isPage(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), "<") }

// decodeError finds the server's own words. They may be problem details, a text, a page of the front end, or nothing
// but a header. NPS has no codes of errors besides the status.
func decodeError(header http.Header, body []byte) string {
	var problem problemDetails
	text := strings.TrimSpace(decodeText(body))
	switch {
	case json.Unmarshal(body, &problem) == nil && problem.text() != "":
		return problem.text()
	case text == "":
		return header.Get("WWW-Authenticate")
	case isPage(text):
		if title := htmlTitle.FindStringSubmatch(text); title != nil {
			return title[1]
		}
		return pageAnswer
	}
	return text
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
