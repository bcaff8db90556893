// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

const (
	configuration = "/api/configuration"
	connections   = configuration + "/rdp/connections"
	users         = configuration + "/aaa/local_database/users"
	groups        = configuration + "/aaa/local_database/groups"
	transaction   = "/api/transaction"
)

type object = map[string]any

// bench is an appliance on a loopback server, with a clock that the test moves.
type bench struct {
	t      *testing.T
	sps    *sps.Appliance
	server *httptest.Server
	clock  *clocktesting.FakeClock
}

func start(t *testing.T, version string, configure func(*sps.Switches)) *bench {
	t.Helper()
	b := &bench{t: t, clock: clocktesting.NewFakeClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))}
	b.sps = sps.New(sps.Options{Version: version, Now: b.now, Configure: configure})
	b.server = httptest.NewServer(b.sps.Handler())
	t.Cleanup(b.server.Close)
	return b
}

func (b *bench) now() time.Time { return b.clock.Now() }

func (b *bench) advance(d time.Duration) { b.clock.Step(d) }

// client is one log-in session, or none.
type client struct {
	*bench
	t       *testing.T
	session string
	header  http.Header
}

func (b *bench) anonymous() *client { return &client{bench: b, t: b.t, header: http.Header{}} }

// in returns the same session for another test.
func (c *client) in(t *testing.T) *client {
	t.Helper()
	other := *c
	other.t = t
	return &other
}

// reply is a response that was read completely. body is nil if it is not JSON.
type reply struct {
	status  int
	header  http.Header
	cookies []*http.Cookie
	text    string
	body    object
}

func (b *bench) logIn() *client {
	b.t.Helper()
	c := b.anonymous()
	if status := c.authenticate("admin", "admin", ""); status != http.StatusOK {
		b.t.Fatalf("log-in: status %d", status)
	}
	return c
}

func (c *client) authenticate(user, password, query string) int {
	c.t.Helper()
	r := c.request(http.MethodGet, "/api/authentication"+query, nil)
	r.SetBasicAuth(user, password)
	got := c.send(r)
	for _, cookie := range got.cookies {
		if cookie.Name == "session_id" {
			c.session = cookie.Value
		}
	}
	return got.status
}

func (c *client) request(method, path string, body any) *http.Request {
	c.t.Helper()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		content = strings.NewReader(string(data))
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL+path, content)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.session != "" {
		r.Header.Set("Cookie", "session_id="+c.session)
	}
	for name := range c.header {
		r.Header.Set(name, c.header.Get(name))
	}
	return r
}

func (c *client) send(r *http.Request) reply {
	c.t.Helper()
	response, err := c.server.Client().Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	got := reply{response.StatusCode, response.Header, response.Cookies(), string(data), nil}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(data, &got.body); err != nil {
			c.t.Fatalf("%s %s: %v: %s", r.Method, r.URL.Path, err, data)
		}
	}
	return got
}

func (c *client) do(method, path string, body any) (int, object) {
	c.t.Helper()
	got := c.send(c.request(method, path, body))
	return got.status, got.body
}

// must sends a request that must succeed with 2xx.
func (c *client) must(method, path string, body any) object {
	c.t.Helper()
	status, answer := c.do(method, path, body)
	if status/100 != 2 {
		c.t.Fatalf("%s %s: status %d: %v", method, path, status, answer)
	}
	return answer
}

// refusedWith checks status and error type.
func (c *client) refusedWith(wantStatus int, wantType, method, path string, body any) object {
	c.t.Helper()
	status, answer := c.do(method, path, body)
	if kind, _ := dig(answer, "error", "type").(string); status != wantStatus || kind != wantType {
		c.t.Fatalf("%s %s: %d %v, want %d %s", method, path, status, answer, wantStatus, wantType)
	}
	return answer
}

func (c *client) open() { c.t.Helper(); c.must(http.MethodPost, transaction, nil) }

func (c *client) commit() {
	c.t.Helper()
	c.must(http.MethodPut, transaction, object{"status": "commit"})
}

// create posts an object and returns its key.
func (c *client) create(path string, body any) string {
	c.t.Helper()
	key, _ := c.must(http.MethodPost, path, body)["key"].(string)
	if key == "" {
		c.t.Fatalf("POST %s: no key", path)
	}
	return key
}

func dig(v any, path ...string) any {
	for _, name := range path {
		o, _ := v.(object)
		v = o[name]
	}
	return v
}

func sample(t *testing.T, name string) object {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var v object
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// bare turns every {key, meta} into its key, as in bodies that clients write.
func bare(v any) any {
	switch v := v.(type) {
	case object:
		if key, ok := v["key"]; ok && v["meta"] != nil && len(v) == 2 {
			return key
		}
		out := object{}
		for name, value := range v {
			out[name] = bare(value)
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			out = append(out, bare(e))
		}
		return out
	}
	return v
}

// policyBody is the vendor's sample, verbatim.
func policyBody() object {
	data, err := os.ReadFile(filepath.Join("testdata", "rdp_connection.json"))
	if err != nil {
		panic(err)
	}
	var v object
	_ = json.Unmarshal(data, &v)
	body, _ := bare(v["body"]).(object)
	return body
}

// policy is a valid RDP connection policy: the vendor's sample with another name.
func policy(t *testing.T, name string) object {
	t.Helper()
	body, _ := bare(sample(t, "rdp_connection.json")["body"]).(object)
	body["name"] = name
	return body
}
