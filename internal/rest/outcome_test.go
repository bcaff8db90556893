// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect} {
		var calls atomic.Int32
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			http.Redirect(w, r, "/elsewhere?token="+canary, status)
		}, nil)
		_, err := client.Do(t.Context(), get("x"))
		if got := rest.As(err); got == nil || got.Status != status || !strings.Contains(got.Message, "redirects") {
			t.Errorf("got %v", err)
		}
		if calls.Load() != 1 || strings.Contains(fmt.Sprint(err), canary) {
			t.Errorf("%d calls, %v", calls.Load(), err)
		}
	}
}

func TestWhetherARequestWasSent(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := listener.Addr().String()
	_ = listener.Close()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tests := map[string]struct {
		handler http.HandlerFunc
		change  func(*rest.Config)
		ctx     context.Context
		unknown bool
		want    string // in the text
	}{
		"nothing listens": {
			handler: answer(http.StatusOK, ""), change: func(cfg *rest.Config) { cfg.URL = "https://" + free },
			ctx: t.Context(), want: "refused",
		},
		"the certificate is not trusted": {
			handler: answer(http.StatusOK, ""), change: func(cfg *rest.Config) { cfg.TLS = nil },
			ctx: t.Context(), want: "certificate",
		},
		"the time is over before anything is written": {
			handler: answer(http.StatusOK, ""), change: func(cfg *rest.Config) { cfg.Timeout = time.Nanosecond },
			ctx: t.Context(), want: "no answer within 1ns",
		},
		"the connection breaks before the answer": {
			handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			ctx:     t.Context(), unknown: true, want: "EOF",
		},
		"the connection breaks within the answer": {
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "10")
				_, _ = io.WriteString(w, "12345")
				panic(http.ErrAbortHandler)
			},
			ctx: t.Context(), unknown: true, want: "EOF",
		},
		"the caller gives up while the server works": {
			handler: func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body)
				cancel()
				<-r.Context().Done()
			},
			ctx: ctx, unknown: true, want: "POST /x: context canceled",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { // one after the other: the last one cancels
			client := serve(t, tc.handler, tc.change)
			_, err := client.Do(tc.ctx, rest.Request{Method: http.MethodPost, Path: []string{"x"}, Body: 1})
			if got := rest.As(err); got == nil || got.Sent != tc.unknown || got.Status != 0 {
				t.Errorf("got %#v", err)
			}
			if rest.IsOutcomeUnknown(err) != tc.unknown || !strings.Contains(fmt.Sprint(err), tc.want) {
				t.Errorf("unknown %t, text %q, want %t and %q", rest.IsOutcomeUnknown(err), err, tc.unknown, tc.want)
			}
		})
	}
}

func TestErrorsShowNoSecret(t *testing.T) {
	t.Parallel()
	var secrets rest.Secrets
	secrets.Add(canary)
	tests := map[string]struct {
		handler http.HandlerFunc
		trip    http.RoundTripper
	}{
		"that the server repeats": {
			handler: answer(http.StatusBadRequest, canary+"|you sent "+canary),
		},
		"that stands where the message is cut": {
			handler: answer(http.StatusBadRequest, "C|"+strings.Repeat("x", 1018)+canary),
		},
		"that the transport repeats": {
			trip: roundTrip(func(*http.Request) (*http.Response, error) {
				return nil, errors.New(strings.Repeat("x", 1018) + canary)
			}),
		},
		"in the query": {
			handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := serve(t, tc.handler, func(cfg *rest.Config) {
				cfg.Secrets, cfg.DecodeError = &secrets, decode
				if tc.trip != nil {
					cfg.Authenticate = func(http.RoundTripper) http.RoundTripper { return tc.trip }
				}
			})
			req := get("x")
			req.Query = url.Values{"token": {canary}}
			_, err := client.Do(t.Context(), req)
			if err == nil || strings.Contains(err.Error(), canary[:6]) {
				t.Errorf("got %v", err)
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// refusal is an error of an authenticating transport.
type refusal struct{ err error }

func (r *refusal) Error() string { return "refused: " + r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

func TestErrorsOfAnAuthenticatingTransportStayWhole(t *testing.T) {
	t.Parallel()
	made := &refusal{err: &rest.Error{Method: "GET", Path: "/login", Status: http.StatusUnauthorized}}
	client := serve(t, answer(http.StatusOK, ""), func(cfg *rest.Config) {
		cfg.Authenticate = func(http.RoundTripper) http.RoundTripper {
			return roundTrip(func(*http.Request) (*http.Response, error) { return nil, made })
		}
	})
	_, err := client.Do(t.Context(), get("x"))
	var got *refusal
	if !errors.As(err, &got) || !rest.IsUnauthorized(err) || rest.As(err).Path != "/login" {
		t.Errorf("got %v", err)
	}
}

func TestBodiesOfTheSameRequestCanBeSentTwice(t *testing.T) {
	t.Parallel()
	var bodies bytes.Buffer
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(&bodies, r.Body) },
		func(cfg *rest.Config) {
			cfg.Authenticate = func(next http.RoundTripper) http.RoundTripper {
				return roundTrip(func(req *http.Request) (*http.Response, error) {
					resp, err := next.RoundTrip(req)
					if err != nil {
						return nil, err
					}
					_ = resp.Body.Close()
					again := req.Clone(req.Context())
					again.Body, err = req.GetBody()
					if err != nil {
						return nil, err
					}
					return next.RoundTrip(again)
				})
			}
		})
	if _, err := client.Do(t.Context(), rest.Request{Method: http.MethodPost, Path: []string{"x"}, Body: 42}); err != nil {
		t.Fatal(err)
	}
	if bodies.String() != "4242" {
		t.Errorf("got %q", bodies.String())
	}
}
