// SPDX-License-Identifier: Apache-2.0

package sessionrun

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// line is the plugin's connection to the API server, which can be cut.
type line struct {
	kubeconfig string
	server     *httptest.Server
	onward     http.Handler

	mu           sync.Mutex
	cutOff       bool
	method, path string // of the request whose answer is lost
	refusals     int    // how many of the next requests about sessions get the answer refusal
	refusal      int
}

func newLine(t *testing.T, config *rest.Config) *line {
	t.Helper()
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	silent := log.New(io.Discard, "", 0)
	l := &line{kubeconfig: filepath.Join(t.TempDir(), "kubeconfig"), onward: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport, FlushInterval: -1,
		ErrorLog: silent,
	}}
	l.server = httptest.NewUnstartedServer(l)
	l.server.Config.ErrorLog = silent
	l.server.Start()
	t.Cleanup(func() {
		l.server.CloseClientConnections()
		l.server.Close()
	})
	content := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: line
clusters: [{name: line, cluster: {server: %q}}]
contexts: [{name: line, context: {cluster: line, user: admin, namespace: %s}}]
users: [{name: admin, user: {}}]
`, l.server.URL, namespace)
	if err := os.WriteFile(l.kubeconfig, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cutOff, lost := l.state(r)
	if cutOff {
		panic(http.ErrAbortHandler)
	}
	if code := l.refuses(r); code != 0 {
		http.Error(w, http.StatusText(code), code)
		return
	}
	if lost {
		l.onward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	l.onward.ServeHTTP(w, r)
}

func (l *line) state(r *http.Request) (cutOff, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost = l.method == r.Method && l.path != "" && strings.HasSuffix(r.URL.Path, l.path)
	if lost {
		l.path = ""
	}
	return l.cutOff, lost
}

// refuse gives the next requests about sessions that exist this answer, and ends all watches.
func (l *line) refuse(code, times int) {
	l.mu.Lock()
	l.refusal, l.refusals = code, times
	l.mu.Unlock()
	l.server.CloseClientConnections()
}

func (l *line) refuses(r *http.Request) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refusals == 0 || r.Method == http.MethodPost || !strings.Contains(r.URL.Path, "/activitysessions") {
		return 0
	}
	l.refusals--
	return l.refusal
}

// cut ends all connections, and lets none be made.
func (l *line) cut() {
	l.mu.Lock()
	l.cutOff = true
	l.mu.Unlock()
	l.server.CloseClientConnections()
}

// restore ends that.
func (l *line) restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cutOff = false
}

// lose has the API server act on the next such request, and loses its answer.
func (l *line) lose(method, path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.method, l.path = method, path
}
