// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// observedCalls collects what a client reports.
type observedCalls struct {
	mu    sync.Mutex
	calls []rest.Call
}

func (o *observedCalls) observe(c rest.Call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, c)
}

// said are the operations and results of the calls.
func (o *observedCalls) said() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var said []string
	for _, c := range o.calls {
		said = append(said, c.Operation+" "+c.Result)
	}
	return said
}

func TestEachCallIsReportedOnce(t *testing.T) {
	t.Parallel()
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"a"`)
	}
	tests := map[string]struct {
		handler http.HandlerFunc
		change  func(*rest.Config)
		do      func(ctx context.Context, c *rest.Client, req rest.Request) error
		want    []string
	}{
		"an answer":             {handler: answer(http.StatusOK, `{}`), want: []string{"list 200"}},
		"an answer without any": {handler: answer(http.StatusNoContent, ""), do: whole, want: []string{"list 204"}},
		"a refusal":             {handler: answer(http.StatusForbidden, `{}`), want: []string{"list 403"}},
		"a page of a proxy":     {handler: answer(http.StatusOK, `<html>`), want: []string{"list unreadable"}},
		"an answer that is read as text, whatever it is": {
			handler: answer(http.StatusOK, `<html>`), do: whole, want: []string{"list 200"},
		},
		"an answer that is too long": {
			handler: answer(http.StatusOK, `{"a": "too long"}`), change: func(c *rest.Config) { c.MaxBody = 5 },
			want: []string{"list unreadable"},
		},
		"a list that is not the expected one": {
			handler: answer(http.StatusOK, `[]`), want: []string{"list unreadable"},
			do: func(ctx context.Context, c *rest.Client, req rest.Request) error {
				return c.Stream(ctx, req, func(s *rest.Stream) error {
					return s.Members(func(string) error { return s.Skip() })
				})
			},
		},
		"an answer that is cut off": {handler: cut, want: []string{"list connection"}},
		"no answer in time": {
			handler: hangs, change: func(c *rest.Config) { c.Timeout = 20 * time.Millisecond }, want: []string{"list timeout"},
		},
		"a caller who gives up": {
			handler: hangs, want: []string{"list cancelled"},
			do: func(ctx context.Context, c *rest.Client, req rest.Request) error {
				ctx, cancel := context.WithCancel(ctx)
				defer time.AfterFunc(20*time.Millisecond, cancel).Stop()
				return whole(ctx, c, req)
			},
		},
		"a server that is not trusted": {
			handler: answer(http.StatusOK, ``), want: []string{"list tls"},
			change: func(c *rest.Config) { c.TLS = &tls.Config{MinVersion: tls.VersionTLS12} },
		},
		"a breaker that sends nothing": {
			handler: cut, want: []string{"list connection"}, change: func(c *rest.Config) { c.Breaker = &rest.Breaker{} },
			do: func(ctx context.Context, c *rest.Client, req rest.Request) error {
				_ = whole(ctx, c, req)
				return whole(ctx, c, req)
			},
		},
		"a request without a name": {
			handler: answer(http.StatusOK, `{}`), want: []string{" 200"},
			do: func(ctx context.Context, c *rest.Client, req rest.Request) error {
				req.Operation = ""
				return whole(ctx, c, req)
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen observedCalls
			client := serve(t, tt.handler, func(c *rest.Config) {
				c.Observe = seen.observe
				if tt.change != nil {
					tt.change(c)
				}
			})
			req := get("x")
			req.Operation = "list"
			if tt.do == nil {
				tt.do = func(ctx context.Context, c *rest.Client, req rest.Request) error {
					return c.DoJSON(ctx, req, new(any))
				}
			}
			_ = tt.do(t.Context(), client, req)
			if diff := cmp.Diff(tt.want, seen.said()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func whole(ctx context.Context, c *rest.Client, req rest.Request) error {
	_, err := c.Do(ctx, req)
	return err
}

func TestACallThatIsRepeatedIsTwo(t *testing.T) {
	t.Parallel()
	var seen observedCalls
	refused := false
	handler := func(w http.ResponseWriter, _ *http.Request) {
		if !refused {
			refused = true
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
	client := serve(t, handler, func(c *rest.Config) {
		c.Observe = seen.observe
		c.Authenticate = func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(req)
				if err != nil || resp.StatusCode != http.StatusUnauthorized {
					return resp, err
				}
				_ = resp.Body.Close()
				return next.RoundTrip(req)
			})
		}
	})
	if err := whole(t.Context(), client, get("x")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{" 401", " 200"}, seen.said()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNobodyAnswersCountsAsConnection(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(answer(http.StatusOK, ""))
	server.Close()
	var seen observedCalls
	client, err := rest.NewClient(rest.Config{URL: server.URL, Observe: seen.observe})
	if err != nil {
		t.Fatal(err)
	}
	_ = whole(t.Context(), client, get("x"))
	if diff := cmp.Diff([]string{" connection"}, seen.said()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestCallsShowWhenCertificatesEnd: the server of httptest is its own authority.
func TestCallsShowWhenCertificatesEnd(t *testing.T) {
	t.Parallel()
	for name, verified := range map[string]bool{"a server that is verified": true, "one that is not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen observedCalls
			client := serve(t, answer(http.StatusOK, ""), func(c *rest.Config) {
				c.Observe = seen.observe
				c.TLS.InsecureSkipVerify = !verified
			})
			if err := whole(t.Context(), client, get("x")); err != nil {
				t.Fatal(err)
			}
			call := seen.calls[0]
			if call.ServerCertificateEnds.Before(time.Now()) || call.CAEnds.IsZero() == verified {
				t.Errorf("the server's ends at %s, the authority's at %s", call.ServerCertificateEnds, call.CAEnds)
			}
			if call.Duration <= 0 || call.Duration > time.Minute {
				t.Errorf("it took %s", call.Duration)
			}
		})
	}
}
