// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
)

const canary = "canary-7d1f"

// serve starts a server and returns a client of it; change may be nil.
func serve(t *testing.T, handler http.HandlerFunc, change func(*rest.Config)) *rest.Client {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	cfg := rest.Config{URL: server.URL, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	if change != nil {
		change(&cfg)
	}
	client, err := rest.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func get(path ...string) rest.Request { return rest.Request{Method: http.MethodGet, Path: path} }

func TestURLs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		url  string
		want string // empty: refused
	}{
		"a host":               {url: "https://sps.example.com", want: "https://sps.example.com"},
		"a host and a port":    {url: "https://nps.example.com:6500/", want: "https://nps.example.com:6500"},
		"capitals are lowered": {url: "https://SPS.Example.com", want: "https://sps.example.com"},
		"an IPv6 address":      {url: "https://[2001:db8::1]:8443", want: "https://[2001:db8::1]:8443"},
		"without TLS":          {url: "http://sps.example.com"},
		"with a path":          {url: "https://sps.example.com/api"},
		"with a query":         {url: "https://sps.example.com?a=b"},
		"with a fragment":      {url: "https://sps.example.com#a"},
		"with a user":          {url: "https://admin:" + canary + "@sps.example.com"},
		"that cannot be read":  {url: "https://admin:" + canary + " @sps.example.com:x"},
		"without a host":       {url: "https://"},
		"empty":                {url: ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked string
			client, err := rest.NewClient(rest.Config{URL: tc.url, Authenticate: func(http.RoundTripper) http.RoundTripper {
				return roundTripper(func(req *http.Request) (*http.Response, error) {
					asked = req.URL.String()
					return nil, io.ErrUnexpectedEOF
				})
			}})
			switch {
			case tc.want == "" && err == nil:
				t.Fatal("accepted")
			case tc.want == "" && strings.Contains(err.Error(), canary):
				t.Errorf("the error shows the password: %v", err)
			case tc.want != "" && err != nil:
				t.Fatal(err)
			case tc.want != "":
				if _, err := client.Do(t.Context(), get("x")); err == nil || asked != tc.want+"/x" {
					t.Errorf("asked %q, want %q, error %v", asked, tc.want+"/x", err)
				}
			}
		})
	}
}

// seen is what the server received.
type seen struct {
	Method, URI, ContentType, Agent, Accept, Body string
	Length                                        int64
}

func record(into *seen) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*into = seen{
			Method: r.Method, URI: r.RequestURI, Body: string(body), Length: r.ContentLength,
			ContentType: r.Header.Get("Content-Type"), Agent: r.UserAgent(), Accept: r.Header.Get("Accept"),
		}
		_, _ = io.WriteString(w, `{"a":1}`)
	}
}

func TestRequestsOnTheWire(t *testing.T) {
	t.Parallel()
	const agent = "pam-operator/test"
	tests := map[string]struct {
		req  rest.Request
		want seen
	}{
		"a GET has no body": {
			req:  get("api", "info"),
			want: seen{Method: "GET", URI: "/api/info", Agent: agent},
		},
		"a POST without a body says that its length is 0": {
			req:  rest.Request{Method: http.MethodPost, Path: []string{"api", "transaction"}},
			want: seen{Method: "POST", URI: "/api/transaction", Agent: agent, Length: 0},
		},
		"a body is JSON": {
			req:  rest.Request{Method: http.MethodPut, Path: []string{"x"}, Body: map[string]int{"a": 1}},
			want: seen{Method: "PUT", URI: "/x", Agent: agent, ContentType: "application/json", Body: `{"a":1}`, Length: 7},
		},
		"a raw body is sent as it is, with the type that is asked for": {
			req: rest.Request{
				Method: http.MethodPost, Path: []string{"x"}, Body: rest.RawBody("a=b"),
				Header: http.Header{"Content-Type": {"text/plain"}},
			},
			want: seen{Method: "POST", URI: "/x", Agent: agent, ContentType: "text/plain", Body: "a=b", Length: 3},
		},
		"an element of a path cannot become two": {
			req:  get("api", "a/b", "c?d", "e#f", "g h", "%2e", "ü", "..;"),
			want: seen{Method: "GET", URI: "/api/a%2Fb/c%3Fd/e%23f/g%20h/%252e/%C3%BC/..%3B", Agent: agent},
		},
		"a query is escaped": {
			req: rest.Request{
				Method: http.MethodDelete, Path: []string{"s"}, Query: url.Values{"id": {"svc/r:12&x=y"}},
			},
			want: seen{Method: "DELETE", URI: "/s?id=svc%2Fr%3A12%26x%3Dy", Agent: agent},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got seen
			client := serve(t, record(&got), func(cfg *rest.Config) { cfg.UserAgent = agent })
			if _, err := client.Do(t.Context(), tc.req); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestElementsThatWouldChangeThePathAreRefused(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	client := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) }, nil)
	for _, element := range []string{"", ".", ".."} {
		if _, err := client.Do(t.Context(), get("api", element)); err == nil {
			t.Errorf("%q was sent", element)
		}
	}
	if calls.Load() != 0 {
		t.Errorf("%d calls", calls.Load())
	}
}

func TestDoJSON(t *testing.T) {
	t.Parallel()
	var got seen
	client := serve(t, record(&got), nil)
	header := http.Header{"X-Test": {"1"}}
	var out struct{ A int }
	req := get("x")
	req.Header = header
	if err := client.DoJSON(t.Context(), req, &out); err != nil {
		t.Fatal(err)
	}
	if out.A != 1 || got.Accept != "application/json" {
		t.Errorf("out %+v, accept %q", out, got.Accept)
	}
	if diff := cmp.Diff(http.Header{"X-Test": {"1"}}, header); diff != "" {
		t.Errorf("the caller's header was changed: %s", diff)
	}
	if err := client.DoJSON(t.Context(), get("x"), nil); err != nil {
		t.Errorf("without a place for the answer: %v", err)
	}
}

func TestAnswersThatAreNoSuccess(t *testing.T) {
	t.Parallel()
	const html = "<html><body>Bad Gateway</body></html>"
	tests := map[string]struct {
		handler  http.HandlerFunc
		maxBody  int64
		want     rest.Error
		unknown  bool
		rejected bool
	}{
		"an error in JSON is decoded": {
			handler: answer(http.StatusBadRequest, "Code|the\n  words\x00"),
			want:    rest.Error{Status: 400, Code: "Code", Message: "the words"}, rejected: true,
		},
		"an error page in HTML has a status and nothing else": {
			handler: answer(http.StatusBadGateway, html), want: rest.Error{Status: 502}, unknown: true,
		},
		"a page in HTML with status 200 is neither an answer nor a refusal": {
			handler: answer(http.StatusOK, html), unknown: true,
			want: rest.Error{
				Status: 200, Message: "the answer is not the JSON that was expected", Err: rest.ErrMalformedAnswer,
			},
		},
		"an answer that is cut off by its limit is not read": {
			handler: answer(http.StatusOK, `"12345678"`), maxBody: 9, unknown: true,
			want: rest.Error{Status: 200, Message: "the answer is larger than 9 bytes"},
		},
		"an error page that is too long keeps its status": {
			handler: answer(http.StatusBadRequest, strings.Repeat("x", 100)), maxBody: 9,
			want: rest.Error{Status: 400}, rejected: true,
		},
		"the server may ask for patience": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(http.StatusServiceUnavailable)
			},
			want: rest.Error{Status: 503, RetryAfter: 7 * time.Second}, unknown: true,
		},
		"but not for a day": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "86400")
				w.WriteHeader(http.StatusServiceUnavailable)
			},
			want: rest.Error{Status: 503}, unknown: true,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := serve(t, tc.handler, func(cfg *rest.Config) {
				cfg.MaxBody, cfg.DecodeError = tc.maxBody, decode
			})
			var out string
			err := client.DoJSON(t.Context(), get("x"), &out)
			got := rest.As(err)
			if got == nil {
				t.Fatalf("got %v", err)
			}
			tc.want.Method, tc.want.Path, tc.want.Sent = "GET", "/x", true
			if tc.want.Err != nil && !errors.Is(got.Err, tc.want.Err) {
				t.Errorf("cause %v, want %v", got.Err, tc.want.Err)
			}
			tc.want.Err = got.Err
			if tc.want != *got {
				t.Errorf("got %+v, want %+v", *got, tc.want)
			}
			if rest.IsOutcomeUnknown(err) != tc.unknown || rest.IsRejected(err) != tc.rejected {
				t.Errorf("unknown %t, rejected %t", rest.IsOutcomeUnknown(err), rest.IsRejected(err))
			}
		})
	}
}

// decode reads "code|message".
func decode(_ http.Header, body []byte) rest.ErrorDetails {
	code, message, found := strings.Cut(string(body), "|")
	if !found {
		return rest.ErrorDetails{}
	}
	return rest.ErrorDetails{Code: code, Message: message}
}

func TestAnAnswerOfExactlyTheLimitIsRead(t *testing.T) {
	t.Parallel()
	client := serve(t, answer(http.StatusCreated, "123456789"), func(cfg *rest.Config) { cfg.MaxBody = 9 })
	resp, err := client.Do(t.Context(), get("x"))
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != http.StatusCreated || string(resp.Body) != "123456789" {
		t.Errorf("got %d %q", resp.Status, resp.Body)
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	t.Parallel()
	client := serve(t, answer(http.StatusBadRequest, "C|"+strings.Repeat("ü", 4000)), func(cfg *rest.Config) {
		cfg.DecodeError = decode
	})
	_, err := client.Do(t.Context(), get("x"))
	if n := len(err.Error()); n < 1000 || n > 1100 {
		t.Errorf("the error has %d bytes", n)
	}
}
