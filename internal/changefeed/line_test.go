// SPDX-License-Identifier: Apache-2.0

package changefeed_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// line sits between a client and the API server. It records the traffic, and can break.
type line struct {
	mu      sync.Mutex
	lists   []*url.URL
	watches []*url.URL
	refused int
	// pages are the bodies of lists.
	pages []*counted
	open  []*stream

	// held keeps watch requests waiting until it is closed; nil lets them through.
	held chan struct{}
	// expireWatch and expirePage answer the next watch, or the next continued page, as an API server does that no longer
	// has the requested version. A real one remembers for longer than a test takes.
	expireWatch, expirePage bool
}

func (l *line) through(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		watches := r.URL.Query().Get("watch") == "true"
		if watches {
			l.wait(r)
		}
		if l.note(r, watches) {
			return expired(r, watches), nil
		}
		response, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case response.StatusCode == http.StatusForbidden:
			l.refused++
		case !watches:
			page := &counted{ReadCloser: response.Body}
			response.Body, l.pages = page, append(l.pages, page)
		case watches:
			body := &stream{ReadCloser: response.Body}
			response.Body, l.open = body, append(l.open, body)
		}
		return response, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// stream is the body of a watch, which can end as if the API server closed it.
type stream struct {
	io.ReadCloser

	ended atomic.Bool
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && s.ended.Load() {
		err = io.EOF
	}
	return n, err
}

func (s *stream) end() {
	s.ended.Store(true)
	_ = s.Close()
}

// counted is a body that counts what is read of it.
type counted struct {
	io.ReadCloser

	read atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// longest is how many bytes were read of the longest page.
func (l *line) longest() (most int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.pages {
		most = max(most, p.read.Load())
	}
	return most
}

func (l *line) wait(r *http.Request) {
	l.mu.Lock()
	held := l.held
	l.mu.Unlock()
	if held == nil {
		return
	}
	select {
	case <-held:
	case <-r.Context().Done():
	}
}

// note reports whether the requested version counts as expired.
func (l *line) note(r *http.Request, watches bool) (expired bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if watches {
		l.watches = append(l.watches, r.URL)
		expired, l.expireWatch = l.expireWatch, false
		return expired
	}
	l.lists = append(l.lists, r.URL)
	if r.URL.Query().Has("continue") {
		expired, l.expirePage = l.expirePage, false
	}
	return expired
}

// expired is the response of an API server: an error event to a watch, an error to a list.
func expired(r *http.Request, watches bool) *http.Response {
	status := apierrors.NewResourceExpired("too old resource version").Status()
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	var answer any = status
	code := http.StatusGone
	if watches {
		answer, code = map[string]any{"type": watch.Error, "object": status}, http.StatusOK
	}
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	return &http.Response{
		StatusCode: code, Request: r, Body: io.NopCloser(bytes.NewReader(body)),
		Header: http.Header{"Content-Type": {"application/json"}},
	}
}

// hold cuts the watches, and keeps new ones waiting until the returned function is called.
func (l *line) hold() (release func()) {
	held := make(chan struct{})
	l.mu.Lock()
	l.held = held
	open := l.open
	l.open = nil
	l.mu.Unlock()
	for _, body := range open {
		body.end()
	}
	return func() {
		l.mu.Lock()
		l.held = nil
		l.mu.Unlock()
		close(held)
	}
}

// forget makes the next watch ask for a version that has expired.
func (l *line) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expireWatch = true
}

func (l *line) refusals() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}

// begun returns how many lists have begun, continued pages aside.
func (l *line) begun() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, u := range l.lists {
		if !u.Query().Has("continue") {
			n++
		}
	}
	return n
}

func (l *line) watched() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var paths []string
	for _, u := range l.watches {
		paths = append(paths, strings.TrimPrefix(u.Path, "/api/v1/"))
	}
	return paths
}

func (l *line) listed() []url.Values {
	l.mu.Lock()
	defer l.mu.Unlock()
	var queries []url.Values
	for _, u := range l.lists {
		queries = append(queries, u.Query())
	}
	return queries
}
