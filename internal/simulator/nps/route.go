// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"net/http"
	"slices"
	"strings"
)

// access is what an endpoint requires from its caller.
type access int

const (
	anonymous   access = iota // nothing
	firstStage                // a token of either stage
	mfaRequired               // a full token of a caller with roles, the vendor's policy MfaRequired
)

// route is one endpoint. Segments in braces are parameters.
type route struct {
	method   string
	segments []string
	access   access
	serve    func(*Server, *call) (answer, error)
}

func newRoute(method, path string, a access, serve func(*Server, *call) (answer, error)) route {
	return route{method: method, segments: split(strings.ToLower(path)), access: a, serve: serve}
}

func split(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

func isParameter(segment string) bool { return strings.HasPrefix(segment, "{") }

// match returns the parameters if the path matches. Segments are compared case-insensitively (docs/vendors/nps.md 9).
func (rt *route) match(path []string) (map[string]string, bool) {
	if len(path) != len(rt.segments) {
		return nil, false
	}
	params := map[string]string{}
	for i, want := range rt.segments {
		switch {
		case isParameter(want):
			params[strings.Trim(want, "{}")] = path[i]
		case !strings.EqualFold(want, path[i]):
			return nil, false
		}
	}
	return params, true
}

// literalFirst orders routes so that the first match is the right one: a literal segment wins over a parameter, from
// the left (docs/vendors/nps.md 9).
func literalFirst(a, b route) int {
	return slices.CompareFunc(a.segments, b.segments, func(x, y string) int {
		switch {
		case isParameter(x) == isParameter(y):
			return strings.Compare(x, y)
		case isParameter(y):
			return -1
		}
		return 1
	})
}

// find returns the route of a request with its parameters, or the status if there is none: 404 or 405.
func (s *Server) find(r *http.Request) (*route, map[string]string, int) {
	path, status := split(r.URL.Path), http.StatusNotFound
	for i := range s.routes {
		rt := &s.routes[i]
		params, fits := rt.match(path)
		switch {
		case fits && rt.method == r.Method:
			return rt, params, 0
		case fits:
			status = http.StatusMethodNotAllowed
		}
	}
	return nil, nil, status
}
