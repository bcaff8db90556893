// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

const (
	contentJSON    = "application/json; charset=utf-8"
	contentProblem = "application/problem+json; charset=utf-8"
	contentPlain   = "text/plain; charset=utf-8"
)

// answer is a response that can be written after the server's lock was released: body shares no mutable state.
type answer struct {
	status      int
	contentType string
	body        any    // written as JSON, unless nil
	text        string // written verbatim if body is nil
	header      http.Header
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

// refusal turns an endpoint's error into a response.
func refusal(err error) answer {
	if errors.Is(err, errNoToken) {
		h := http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}}
		return answer{status: http.StatusUnauthorized, header: h}
	}
	var p *problem
	if !errors.As(err, &p) {
		p = refuse(http.StatusInternalServerError, "")
	}
	return answer{status: p.Status, contentType: contentProblem, body: p}
}

// text returns a single string in the form that the switch and the request select.
func (c *call) text(s string) answer {
	format := c.switches.TextFormat
	if format == TextNegotiated {
		format = TextPlain
		if strings.Contains(c.r.Header.Get("Accept"), "json") {
			format = TextJSON
		}
	}
	if format == TextPlain {
		return answer{status: http.StatusOK, contentType: contentPlain, text: s}
	}
	return ok(s)
}

func (a answer) write(w http.ResponseWriter) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	body := []byte(a.text)
	if a.body != nil {
		if a.contentType == "" {
			a.contentType = contentJSON
		}
		var err error
		if body, err = json.Marshal(a.body); err != nil {
			http.Error(w, "answer cannot be encoded: "+err.Error(), http.StatusInternalServerError)
			return
		}
	}
	if a.contentType != "" {
		w.Header().Set("Content-Type", a.contentType)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body)
}
