// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// readJSON decodes the body like ASP.NET's model binding: member names in any case, errors as validation problems.
func (c *call) readJSON(into any) error {
	media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" && media != "text/json" {
		return refuse(http.StatusUnsupportedMediaType, "")
	}
	if err := json.Unmarshal(c.body, into); err != nil {
		return invalid("$", "The JSON value could not be converted.")
	}
	return nil
}

// id reads a GUID from the path.
func (c *call) id() (string, error) {
	id, valid := parseGUID(c.params["id"])
	if !valid {
		return "", invalid("sessionId", invalidValue(c.params["id"]))
	}
	return id, nil
}

// queryReader reads typed values from the query and collects errors.
type queryReader struct {
	c    *call
	errs fieldErrors
}

func (c *call) queryReader() queryReader { return queryReader{c: c, errs: fieldErrors{}} }

func (q queryReader) text(name string) string { return q.c.query.Get(name) }

func (q queryReader) invalid(name string) {
	q.errs.add(name, invalidValue(q.text(name)))
}

func invalidValue(text string) string { return "The value '" + text + "' is not valid." }

// count reads a non-negative number.
func (q queryReader) count(name string, otherwise int) int {
	if q.text(name) == "" {
		return otherwise
	}
	n, err := strconv.Atoi(q.text(name))
	if err != nil || n < 0 {
		q.invalid(name)
	}
	return n
}

func (q queryReader) flag(name string) bool {
	if q.text(name) == "" {
		return false
	}
	v, err := strconv.ParseBool(q.text(name))
	if err != nil {
		q.invalid(name)
	}
	return v
}

func (q queryReader) guid(name string) string {
	if q.text(name) == "" {
		return ""
	}
	id, valid := parseGUID(q.text(name))
	if !valid {
		q.invalid(name)
	}
	return id
}

func (q queryReader) time(name string) time.Time {
	if q.text(name) == "" {
		return time.Time{}
	}
	t, valid := parseTime(q.text(name))
	if !valid {
		q.invalid(name)
	}
	return t
}

// all reads a repeatable parameter.
func (q queryReader) all(name string) []string { return slices.Clone(q.c.query[name]) }

// parseTime reads ISO 8601, with or without a zone; the default is UTC.
func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.9999999", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
