// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/sps"
)

const (
	username = "svc-operator"
	password = "canary-pässword\"<1>"
)

// appliance is a server with log-in sessions and their transactions, which answers the rest from a table.
type appliance struct {
	t      *testing.T
	server *httptest.Server
	// routes answer "METHOD /path" before anything else, including authentication outside /api/authentication.
	routes map[string]http.HandlerFunc
	// inBody is the shape of the transaction since 8.0.
	inBody bool
	// commitMessage is the transaction's member of that name since 8.0.
	commitMessage string
	// setCookie is the log-in's header; %s is the session id.
	setCookie []string

	mu       sync.Mutex
	calls    []call
	sessions map[string]bool // by cookie value: transaction open
	logins   int
}

type call struct {
	Line   string // method and URI
	Cookie string
	Body   string
	Header http.Header
}

func newAppliance(t *testing.T) *appliance {
	t.Helper()
	a := &appliance{
		t: t, routes: map[string]http.HandlerFunc{}, sessions: map[string]bool{},
		setCookie: []string{"session_id=%s; expires=Wed, 01 Jan 2020 00:00:00 GMT; HttpOnly; Path=/; Secure"},
	}
	a.server = httptest.NewTLSServer(a)
	t.Cleanup(a.server.Close)
	return a
}

// client returns a new client; change may be nil.
func (a *appliance) client(change func(*sps.Config)) *sps.Client {
	a.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(a.server.Certificate())
	cfg := sps.Config{
		URL: a.server.URL, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		Username: username, Password: password, UserAgent: "pam-operator/test",
	}
	if change != nil {
		change(&cfg)
	}
	client, err := sps.New(cfg)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(client.Close)
	return client
}

func (a *appliance) begin(client *sps.Client) *sps.Transaction {
	a.t.Helper()
	tx, err := client.Begin(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	return tx
}

func (a *appliance) on(line string, handler http.HandlerFunc) { a.routes[line] = handler }

func (a *appliance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	cookie := strings.TrimPrefix(r.Header.Get("Cookie"), "session_id=")
	a.mu.Lock()
	a.calls = append(a.calls, call{
		Line: r.Method + " " + r.RequestURI, Cookie: cookie, Body: string(body), Header: r.Header.Clone(),
	})
	_, known := a.sessions[cookie]
	a.mu.Unlock()
	r.Body = io.NopCloser(strings.NewReader(string(body)))

	route := a.routes[r.Method+" "+r.URL.EscapedPath()]
	switch {
	case r.URL.Path == "/api/authentication" && route == nil:
		a.logIn(w)
	case r.URL.Path != "/api/authentication" && !known:
		problem(http.StatusUnauthorized, "Unauthenticated", "no session")(w, r)
	case route != nil:
		route(w, r)
	case r.URL.Path == "/api/transaction":
		a.transaction(w, r, cookie)
	default:
		problem(http.StatusNotFound, "NotFound", "no such object")(w, r)
	}
}

func (a *appliance) logIn(w http.ResponseWriter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.logins++
	id := sessionID(a.logins)
	a.sessions[id] = false
	for _, line := range a.setCookie {
		w.Header().Add("Set-Cookie", strings.ReplaceAll(line, "%s", id))
	}
	_, _ = io.WriteString(w, `{"meta":{"href":"/api/authentication"}}`)
}

// sessionID is the cookie of the nth log-in.
func sessionID(n int) string { return fmt.Sprintf("%040x", 0xabcd0000+n) }

func (a *appliance) transaction(w http.ResponseWriter, r *http.Request, cookie string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch r.Method {
	case http.MethodPost:
		a.sessions[cookie] = true
		w.WriteHeader(http.StatusCreated)
	case http.MethodPut, http.MethodDelete:
		if !a.sessions[cookie] {
			problem(http.StatusConflict, "NoTransaction", "no open transaction")(w, r)
			return
		}
		a.sessions[cookie] = false
	}
	state := map[string]any{"status": "closed"}
	if a.sessions[cookie] {
		state["status"] = "open"
	}
	if a.commitMessage != "" {
		state["commit_message"] = a.commitMessage
	}
	shape := "transaction"
	if a.inBody {
		shape = "body"
	}
	write(w, map[string]any{"key": "transaction", "meta": map[string]any{}, shape: state})
}

// endSessions ends every log-in session, as the idle time-out does.
func (a *appliance) endSessions() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.sessions)
}

// leaveOpen opens a transaction in every session.
func (a *appliance) leaveOpen() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range a.sessions {
		a.sessions[id] = true
	}
}

// open reports whether a transaction is open in any session.
func (a *appliance) open() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(slices.Collect(maps.Values(a.sessions)), true)
}

// inSession answers as the appliance does without a route.
func (a *appliance) inSession(w http.ResponseWriter, r *http.Request) {
	a.transaction(w, r, strings.TrimPrefix(r.Header.Get("Cookie"), "session_id="))
}

// take returns the calls since the last take.
func (a *appliance) take() []call {
	a.mu.Lock()
	defer a.mu.Unlock()
	calls := a.calls
	a.calls = nil
	return calls
}

// want compares the lines of the calls since the last take.
func (a *appliance) want(lines ...string) []call {
	a.t.Helper()
	calls := a.take()
	var got []string // nil if there were none, as lines is
	for _, c := range calls {
		got = append(got, c.Line)
	}
	if diff := cmp.Diff(lines, got); diff != "" {
		a.t.Errorf("calls (-want +got):\n%s", diff)
	}
	return calls
}

func (a *appliance) count(line string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(a.calls), func(c call) bool { return c.Line != line }))
}

func write(w io.Writer, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func problem(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		write(w, map[string]any{"error": map[string]any{
			"type": code, "message": message, "details": map[string]any{"resource": r.URL.Path},
		}})
	}
}

// broken ends the connection instead of answering.
func broken(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// inTurn answers each call with the next handler, and those after the last with the last.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		handler := handlers[0]
		if len(handlers) > 1 {
			handlers = handlers[1:]
		}
		mu.Unlock()
		handler(w, r)
	}
}

func object(key, body string) string {
	return fmt.Sprintf(`{"key":%q,"meta":{"href":"/x"},"body":%s}`, key, body)
}

// body reads a JSON object.
func body(t *testing.T, text string) sps.Body {
	t.Helper()
	var b sps.Body
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	return b
}
