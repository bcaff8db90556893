// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
)

const jsonType = "application/json; charset=utf-8"

// fields is a JSON object in a response.
type fields = map[string]any

// answer is a successful response. A nil body sends none.
type answer struct {
	status  int
	body    any
	cookies []*http.Cookie
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

// apiError is a refusal in the error format of docs/vendors/sps.md 2. raw sends text instead of JSON, like the
// front-end web server for requests that never reach the API.
type apiError struct {
	status  int
	kind    string
	message string
	details fields
	raw     bool
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.kind, e.message) }

func refused(status int, kind, format string, args ...any) *apiError {
	return &apiError{status: status, kind: kind, message: fmt.Sprintf(format, args...)}
}

func semanticError(format string, args ...any) *apiError {
	return refused(http.StatusBadRequest, "SemanticError", format, args...)
}

func syntacticError(format string, args ...any) *apiError {
	return refused(http.StatusBadRequest, "SyntacticError", format, args...)
}

func invalidQuery(format string, args ...any) *apiError {
	return refused(http.StatusBadRequest, "InvalidQuery", format, args...)
}

func notFound() *apiError {
	return refused(http.StatusNotFound, "NotFound", "The requested object does not exist")
}

func notPermitted() *apiError {
	return refused(http.StatusMethodNotAllowed, "MethodNotAllowed", "The method is not permitted here")
}

func noTransaction() *apiError {
	return refused(http.StatusConflict, "NoTransaction", "No open transaction is available")
}

func (e *apiError) write(w http.ResponseWriter, resource string) {
	if e.raw {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(e.status)
		_, _ = fmt.Fprintf(w, "<html><body><h1>%d %s</h1></body></html>\n", e.status, e.message)
		return
	}
	details := fields{"resource": resource} // the member's name is not known (docs/vendors/sps.md Q13)
	maps.Copy(details, e.details)
	writeJSON(w, e.status, fields{
		"error": fields{"type": e.kind, "message": e.message, "details": details},
		"meta":  fields{"href": resource},
	})
}

func (o answer) write(w http.ResponseWriter) {
	for _, c := range o.cookies {
		http.SetCookie(w, c)
	}
	if o.body == nil {
		w.WriteHeader(o.status)
		return
	}
	writeJSON(w, o.status, o.body)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

// link is the meta object of endpoints outside the configuration.
func link(href string) fields { return fields{"href": href, "parent": path.Dir(href)} }

// siblings link a node to its neighbours, null beyond the ends: nodes in order, a position, and the address of a node.
func siblings(row []string, at int, address func(string) string) fields {
	near := func(i int) any {
		if i < 0 || i >= len(row) {
			return nil
		}
		return address(row[i])
	}
	return fields{
		"first": near(0), "previous": near(at - 1), "href": near(at), "next": near(at + 1), "last": near(len(row) - 1),
	}
}
