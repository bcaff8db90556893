// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// lab is a server with a clock that only the test moves.
type lab struct {
	*Server
	t       *testing.T
	handler http.Handler
	clock   *clocktesting.FakeClock
}

// labStart is at the start of a TOTP step.
var labStart = time.Date(2025, 3, 11, 18, 39, 30, 0, time.UTC)

func newLab(t *testing.T, o Options) *lab {
	t.Helper()
	c := clocktesting.NewFakeClock(labStart)
	o.Now = c.Now
	s := New(o)
	return &lab{Server: s, t: t, handler: s.Handler(), clock: c}
}

// in returns the same lab for a subtest, which must fail by itself.
func (l *lab) in(t *testing.T) *lab {
	t.Helper()
	return &lab{Server: l.Server, t: t, handler: l.handler, clock: l.clock}
}

func (l *lab) advance(d time.Duration) { l.clock.Step(d) }

// reply is a response with its body read.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// send makes a request. A body that is not a string is sent as JSON.
func (l *lab) send(r *http.Request) reply {
	l.t.Helper()
	w := httptest.NewRecorder()
	l.handler.ServeHTTP(w, r)
	return reply{l.t, w.Code, w.Header(), w.Body.String()}
}

func (l *lab) request(method, path, token string, body any) *http.Request {
	l.t.Helper()
	text, isText := body.(string)
	if !isText && body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			l.t.Fatal(err)
		}
		text = string(b)
	}
	r := httptest.NewRequestWithContext(l.t.Context(), method, path, strings.NewReader(text))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func (l *lab) do(method, path, token string, body any) reply {
	l.t.Helper()
	return l.send(l.request(method, path, token, body))
}

func (l *lab) get(path, token string) reply {
	l.t.Helper()
	return l.do(http.MethodGet, path, token, nil)
}

func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d; body: %s", r.status, status, r.body)
	}
	return r
}

func (r reply) decode(into any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.body), into); err != nil {
		r.t.Fatalf("body %q: %v", r.body, err)
	}
}

func (r reply) object() map[string]any {
	r.t.Helper()
	var o map[string]any
	r.decode(&o)
	return o
}

func (r reply) str() string {
	r.t.Helper()
	var s string
	r.decode(&s)
	return s
}

// firstToken completes the first stage.
func (l *lab) firstToken(login, password string) string {
	l.t.Helper()
	return l.do(http.MethodPost, "/signinBody", "", map[string]string{"Login": login, "Password": password}).
		want(http.StatusOK).str()
}

// token completes both stages with a code for the default users.
func (l *lab) token(login string) string {
	l.t.Helper()
	code := "NA"
	switch login {
	case DefaultUser:
		code = l.code()
	case DefaultAdmin:
		code = DefaultMFACode
	}
	first := l.firstToken(login, DefaultPassword)
	return l.do(http.MethodPost, "/signin2fa", first, code).want(http.StatusOK).str()
}

// code is the default user's current TOTP code.
func (l *lab) code() string {
	l.t.Helper()
	secret, err := decodeBase32(DefaultTOTPSecret)
	if err != nil {
		l.t.Fatal(err)
	}
	return totpCode(secret, totpStep(l.clock.Now()))
}

const sessionsPath = "/api/v1/ActivitySession"

// create creates a session and returns its ID.
func (l *lab) create(token, activity, resource string) string {
	l.t.Helper()
	return l.createWith(token, map[string]any{"ActivityName": activity, "ManagedResourceName": resource})
}

func (l *lab) createWith(token string, body map[string]any) string {
	l.t.Helper()
	id, _ := l.do(http.MethodPost, sessionsPath, token, body).want(http.StatusCreated).object()["id"].(string)
	return id
}

func (l *lab) status(id string) string {
	l.t.Helper()
	x, found := l.Session(id)
	if !found {
		l.t.Fatalf("no session %q", id)
	}
	return x.Status
}

func (l *lab) wantStatus(id, want string) {
	l.t.Helper()
	if got := l.status(id); got != want {
		l.t.Fatalf("status of the session is %s, want %s", got, want)
	}
}

// must fails the test on an error of the in-process controls.
func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}
