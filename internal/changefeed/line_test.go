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

// line is between a client and the API server. It notes what goes through, and can break.
type line struct {
	mu      sync.Mutex
	lists   []*url.URL
	watches []*url.URL
	refused int
	open    []*stream

	// held keeps requests for a watch waiting until it is closed; nil lets them through.
	held chan struct{}
	// expireWatch and expirePage have the next watch, or the next further page, answered as by an API server that no
	// longer knows the version that is asked for. It remembers for longer than a test takes.
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
		case watches:
			body := &stream{ReadCloser: response.Body}
			response.Body, l.open = body, append(l.open, body)
		}
		return response, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// stream is the body of a watch, which can end as when an API server closes it.
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

// note says whether the version that is asked for counts as forgotten.
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

// expired is what an API server answers: to a watch with the event of an error, to a list with the error.
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

// forget has the next watch ask for what the API server has forgotten.
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

// begun is how many lists have begun: further pages do not count.
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
