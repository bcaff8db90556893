// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
)

// errNoToken refuses a request whose bearer token is missing, expired, revoked or not ours.
var errNoToken = errors.New("no valid token")

// problem is a refusal in ASP.NET Core's format, ProblemDetails (docs/vendors/nps.md 4.2). All endpoints return it as
// their error.
type problem struct {
	Type    string              `json:"type"`
	Title   string              `json:"title"`
	Status  int                 `json:"status"`
	Detail  string              `json:"detail,omitempty"`
	TraceID string              `json:"traceId"`
	Errors  map[string][]string `json:"errors,omitempty"`
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

// problemSections are the sections of RFC 9110 that the type member points to.
var problemSections = map[int]string{
	http.StatusBadRequest:            "15.5.1",
	http.StatusUnauthorized:          "15.5.2",
	http.StatusForbidden:             "15.5.4",
	http.StatusNotFound:              "15.5.5",
	http.StatusRequestEntityTooLarge: "15.5.14",
	http.StatusUnsupportedMediaType:  "15.5.16",
	http.StatusInternalServerError:   "15.6.1",
}

// refuse creates a problem; detail may be empty.
func refuse(status int, detail string) *problem {
	p := &problem{Title: http.StatusText(status), Status: status, Detail: detail, TraceID: newTraceID()}
	if section := problemSections[status]; section != "" {
		p.Type = "https://tools.ietf.org/html/rfc9110#section-" + section
	}
	return p
}

func newTraceID() string {
	var b [24]byte
	_, _ = rand.Read(b[:])
	return "00-" + hex.EncodeToString(b[:16]) + "-" + hex.EncodeToString(b[16:]) + "-00"
}

// fieldErrors collects the errors in the members of a request.
type fieldErrors map[string][]string

func (e fieldErrors) add(field, message string) { e[field] = append(e[field], message) }

// problem returns nil if there are no errors.
func (e fieldErrors) problem() error {
	if len(e) == 0 {
		return nil
	}
	p := refuse(http.StatusBadRequest, "")
	p.Title, p.Errors = "One or more validation errors occurred.", e
	return p
}

// invalid is a validation problem with a single field.
func invalid(field, message string) error {
	e := fieldErrors{}
	e.add(field, message)
	return e.problem()
}
