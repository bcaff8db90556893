// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// The credentials of the tests. None of them may occur in an error.
const (
	testPassword = "p4ss-w0rd-canary"
	testAPIKey   = `key\with\backslashes-canary`
	testSeed     = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	testSerial   = "0A1B2C"
)

// call is a request as the recording server saw it.
type call struct {
	Method, Target, Authorization, Cookie, Accept, ContentType, Body string
}

// recorder is an NPS server that answers from a table of "METHOD path" and records its requests.
type recorder struct {
	mu      sync.Mutex
	routes  map[string]http.HandlerFunc
	calls   []call
	tokens  int
	tokenAt func(n int) string
}

// newRecorder returns a server that answers sign-ins and renewals; its nth token is testToken(n).
func newRecorder() *recorder {
	r := &recorder{tokenAt: func(n int) string { return testToken(n, time.Now().Add(15*time.Minute)) }}
	r.routes = map[string]http.HandlerFunc{
		"POST /signinBody":                    reply(http.StatusOK, quoted("first.stage.token")),
		"POST /signin2fa":                     r.giveToken,
		"POST /WebAppApi/api/v1/AppUserToken": r.giveToken,
		"GET /api/v1/UserToken":               r.giveToken,
		"GET /api/v1/Version":                 reply(http.StatusOK, `"25.12.00002"`),
	}
	return r
}

func (r *recorder) on(route string, handler http.HandlerFunc) *recorder {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.routes[route] = handler
	return r
}

func (r *recorder) giveToken(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	r.tokens++
	raw := r.tokenAt(r.tokens)
	r.mu.Unlock()
	_, _ = io.WriteString(w, quoted(raw))
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.calls = append(r.calls, call{
		Method: req.Method, Target: req.URL.RequestURI(), Authorization: req.Header.Get("Authorization"),
		Cookie: req.Header.Get("Cookie"), Accept: req.Header.Get("Accept"),
		ContentType: req.Header.Get("Content-Type"), Body: string(body),
	})
	handler := r.routes[req.Method+" "+req.URL.Path]
	r.mu.Unlock()
	if handler == nil {
		handler = reply(http.StatusNotFound, "")
	}
	handler(w, req)
}

// seen returns the calls so far as "METHOD target".
func (r *recorder) seen() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	targets := make([]string, 0, len(r.calls))
	for _, c := range r.calls {
		targets = append(targets, c.Method+" "+c.Target)
	}
	return targets
}

func (r *recorder) count(route string) int {
	n := 0
	for _, seen := range r.seen() {
		if seen == route {
			n++
		}
	}
	return n
}

func (r *recorder) last() call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[len(r.calls)-1]
}

// RoundTrip serves without a network, so that a test can use synctest's clock.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if req.Body == nil {
		req.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	resp := w.Result()
	resp.Request = req
	return resp, req.Context().Err()
}

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// inTurn answers the nth call by the nth handler, and all later ones by the last.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	n := 0
	return func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		handler := handlers[min(n, len(handlers)-1)]
		n++
		mu.Unlock()
		handler(w, req)
	}
}

func quoted(text string) string {
	data, _ := json.Marshal(text)
	return string(data)
}

// testToken is an unsigned token with the claims that the client reads.
func testToken(n int, exp time.Time) string {
	const claims = `{"jti":%d,"exp":%d,"ManagedAccountId":"e69e4d0b-eb0f-43ae-8206-1efb52c9a925"}`
	return jwtOf(fmt.Sprintf(claims, n, exp.Unix()))
}

func jwtOf(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode([]byte(claims)) + "." + encode([]byte("signature"))
}

// appUser is a log-in in one call, for tests that are not about the log-in.
func appUser() Auth {
	return ApplicationUser{Login: "app", APIKey: testAPIKey, SerialNumber: testSerial}
}

func totpUser() Auth {
	return User{Username: `LAB\svc`, Password: testPassword, TOTPSecret: testSeed}
}

// connect returns a client of the recorder, without a network.
func connect(t *testing.T, server *recorder, auth Auth) *Client {
	t.Helper()
	client, err := newClient(Config{URL: "https://nps.example.com:6500", Auth: auth, UserAgent: "test"}, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// pass advances the virtual time of a synctest bubble.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	if err := rest.Sleep(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}
