// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// maxBody is the largest request body that is read, in bytes.
const maxBody = 8 << 20

// call is one request in progress.
type call struct {
	r *http.Request
	// path has no trailing slash: the API accepts both forms (docs/vendors/sps.md 2).
	path string
	// session is nil for anonymous requests.
	session *session
}

type handler func(*call) (answer, error)

// route defines the methods of a path. Without a session, only anonymous methods are served.
type route struct {
	anonymous bool
	methods   map[string]handler
}

func get(h handler) route { return route{methods: map[string]handler{http.MethodGet: h}} }

func anonymousGet(h handler) route {
	return route{anonymous: true, methods: map[string]handler{http.MethodGet: h}}
}

func (a *Appliance) allRoutes() map[string]route {
	return map[string]route{
		"/api": get(a.areas),
		"/api/authentication": {anonymous: true, methods: map[string]handler{
			http.MethodGet: a.logIn, http.MethodDelete: a.logOut,
		}},
		"/api/authentication/" + LoginTypes:   anonymousGet(a.loginTypes),
		"/api/authentication/" + LoginMethods: anonymousGet(a.loginMethods),
		"/api/info":                           anonymousGet(a.info),
		"/api/setup":                          anonymousGet(a.setup),
		"/api/health_status":                  get(a.health),
		"/api/health-status":                  get(a.health),
		"/api/firmware/slots":                 get(a.firmwareSlots),
		"/api/user/info":                      get(a.userInfo),
		"/api/transaction": {methods: map[string]handler{
			http.MethodGet: a.showTransaction, http.MethodPost: a.openTransaction,
			http.MethodPut: a.commitTransaction, http.MethodDelete: a.rollBackTransaction,
		}},
		"/api/transaction/changes":   get(a.showChanges),
		"/api/active-sessions":       {methods: map[string]handler{http.MethodDelete: a.terminate}},
		"/api/audit/sessions":        get(a.searchSessions),
		"/api/audit/sessions/_count": get(a.countSessions),
	}
}

func (a *Appliance) routeOf(path string) (route, bool) {
	if path == configurationRoot || strings.HasPrefix(path, configurationRoot+"/") {
		return route{methods: map[string]handler{
			http.MethodGet: a.read, http.MethodPost: a.create, http.MethodPut: a.replace, http.MethodDelete: a.remove,
		}}, true
	}
	if path == "/api/active-sessions" && !a.Switches().ActiveSessions {
		return route{}, false
	}
	if r, known := a.routes[path]; known {
		return r, true
	}
	return get(a.showSession), parentOf(path) == sessionsPath
}

func (a *Appliance) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r, path: strings.TrimRight(r.URL.Path, "/")}
	result, err := a.answer(c)
	if err == nil {
		result.write(w)
		return
	}
	var refusal *apiError
	switch {
	case errors.As(err, &refusal):
		refusal.write(w, c.path)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		panic(http.ErrAbortHandler) // the client has gone away
	default:
		refused(http.StatusInternalServerError, "InternalError", "%v", err).write(w, c.path)
	}
}

// answer keeps the log-in session alive while the request is handled, and releases it before the client has the
// response.
func (a *Appliance) answer(c *call) (answer, error) {
	c.session = a.enter(c.r)
	defer a.leave(c.session)
	return a.dispatch(c)
}

func (a *Appliance) dispatch(c *call) (answer, error) {
	route, known := a.routeOf(c.path)
	if !route.anonymous && c.session == nil {
		return answer{}, unauthenticated()
	}
	if !known {
		return answer{}, notFound()
	}
	handle, offered := route.methods[c.r.Method]
	if !offered {
		return answer{}, notPermitted()
	}
	if err := a.checkToken(c); err != nil {
		return answer{}, err
	}
	return handle(c)
}

// checkToken protects browser sessions from cross-site requests (docs/vendors/sps.md 1.15).
func (a *Appliance) checkToken(c *call) error {
	if c.r.Method == http.MethodGet || c.session == nil || !strings.Contains(c.r.UserAgent(), "Mozilla") {
		return nil
	}
	if a.Switches().XToken && c.r.Header.Get("X-Token") != c.session.token {
		return refused(http.StatusForbidden, "Unauthorized", "The X-Token header is missing or wrong")
	}
	return nil
}

// object reads the request body, which must be one JSON object.
func (c *call) object() (map[string]any, error) {
	data, err := io.ReadAll(http.MaxBytesReader(nil, c.r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &apiError{status: http.StatusRequestEntityTooLarge, message: "Request Entity Too Large", raw: true}
	case err != nil:
		return nil, err
	}
	var body map[string]any
	if err := json.Unmarshal(data, &body); err != nil || body == nil {
		return nil, syntacticError("The body of the request is not a JSON object")
	}
	return body, nil
}
