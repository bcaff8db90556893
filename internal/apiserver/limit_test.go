// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pam-operator/pam-operator/internal/apiserver"
)

const (
	pods   = "/api/v1/namespaces/a/pods"
	events = "/apis/events.k8s.io/v1/namespaces/a/events"
)

// server is a transport that takes a second for every response.
type server struct {
	mu           sync.Mutex
	inside, most int
}

func (s *server) RoundTrip(*http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.inside++
	s.most = max(s.most, s.inside)
	s.mu.Unlock()
	<-time.After(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside--
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func request(ctx context.Context, t *testing.T, path string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestLimit(t *testing.T) {
	for name, c := range map[string]struct {
		path  string
		most  int
		takes time.Duration
	}{
		"requests wait for their turn":   {path: pods, most: 3, takes: 4 * time.Second},
		"watches do not":                 {path: pods + "?watch=true", most: 10, takes: time.Second},
		"Events have turns of their own": {path: events, most: 2, takes: 5 * time.Second},
		"one Event is one of them":       {path: events + "/b", most: 2, takes: 5 * time.Second},
		"a pod named events is none":     {path: pods + "/events", most: 3, takes: 4 * time.Second},
		"a namespace named events, too":  {path: "/api/v1/namespaces/events", most: 3, takes: 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, begun := &server{}, time.Now()
				transport := apiserver.Limit(3, 2)(s)
				var wg sync.WaitGroup
				for range 10 {
					wg.Go(func() {
						resp, err := transport.RoundTrip(request(t.Context(), t, c.path))
						if err != nil {
							t.Error(err)
							return
						}
						_ = resp.Body.Close()
					})
				}
				wg.Wait()
				if took := time.Since(begun); s.most != c.most || took != c.takes {
					t.Errorf("%d at a time, %s in all; want %d and %s", s.most, took, c.most, c.takes)
				}
			})
		})
	}
}

func TestLimitEndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := apiserver.Limit(1, 1)(&server{})
		go func() {
			if resp, err := transport.RoundTrip(request(t.Context(), t, pods)); err == nil {
				_ = resp.Body.Close()
			}
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		resp, err := transport.RoundTrip(request(ctx, t, pods))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the error of the context", err)
		}
		if resp != nil {
			_ = resp.Body.Close()
		}
		<-time.After(time.Second)
	})
}
