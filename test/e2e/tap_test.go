// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
)

// moment is one request of a manager: the n-th of its kind, such as the first "NPS POST ActivitySession".
type moment struct {
	class string
	nth   int
}

func (m moment) String() string {
	if m.nth == 1 {
		return m.class
	}
	return fmt.Sprintf("%s#%d", m.class, m.nth)
}

// isCall reports whether it is a request to an NPS server rather than a write to the API server.
func (m moment) isCall() bool { return strings.HasPrefix(m.class, "NPS ") }

// reads reports whether the request changes nothing.
func (m moment) reads() bool { return strings.Contains(m.class, " GET ") }

// strike is what happens to a request instead of a response.
type strike struct {
	moment
	// after makes the server act on the request first.
	after bool
	// act is called when the request has arrived, or was acted on. It returns whether to send the response after all.
	act func() (answer bool)
	// over is closed when act has returned, and the server has acted if it should.
	over chan struct{}
}

// tap sits between managers and one server. It counts requests by kind, and strikes one of them.
type tap struct {
	server http.Handler
	// class returns the kind of a request; one without a kind is passed on and not counted.
	class func(*http.Request) string
	// counted, if set, is called for every counted request.
	counted func(moment)

	mu     sync.Mutex
	seen   map[string]int
	strike *strike
	struck bool
}

// reset restarts the counts, and arms a strike unless it is nil.
func (t *tap) reset(s *strike, counted func(moment)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen, t.strike, t.struck, t.counted = map[string]int{}, s, false, counted
}

// disarm prevents a strike from now on, and reports whether it had already happened; if so, it is over.
func (t *tap) disarm() bool {
	t.mu.Lock()
	s, struck := t.strike, t.struck
	t.strike, t.counted = nil, nil
	t.mu.Unlock()
	if struck {
		<-s.over
	}
	return struck
}

func (t *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := t.count(r)
	if s == nil {
		t.server.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	//nolint:contextcheck // what the server has begun goes on when its client is gone
	serve := func() { t.server.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context()))) }
	if s.after {
		serve()
	}
	given := s.act()
	if given && !s.after {
		serve()
	}
	close(s.over)
	if !given {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// count counts a request and returns the strike if this is the request to strike.
func (t *tap) count(r *http.Request) *strike {
	class := t.class(r)
	if class == "" {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen[class]++
	m := moment{class, t.seen[class]}
	if t.counted != nil {
		t.counted(m)
	}
	if t.strike == nil || t.struck || t.strike.moment != m {
		return nil
	}
	t.struck = true
	return t.strike
}

// total returns how many requests of a class there were.
func (t *tap) total(class string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen[class]
}

var guid = regexp.MustCompile(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)

// npsClass is the kind of a request to an NPS server: every one counts.
func npsClass(r *http.Request) string {
	path := guid.ReplaceAllString(strings.TrimPrefix(r.URL.Path, "/api/v1"), "ID")
	return "NPS " + r.Method + " " + strings.ReplaceAll(strings.Trim(path, "/"), "/", ".")
}

// writeClass is the kind of a request to the API server that writes something about these objects.
func writeClass(r *http.Request, objects ...string) string {
	if r.Method == http.MethodGet {
		return ""
	}
	_, path, namespaced := strings.Cut(r.URL.Path, "/namespaces/")
	parts := strings.Split(path, "/") // namespace, resource, name, subresource
	if !namespaced || len(parts) < 2 || parts[1] == "events" || parts[1] == "leases" {
		return ""
	}
	class := "API " + r.Method + " " + parts[1]
	if len(parts) == 2 {
		return class
	}
	for _, name := range objects {
		if parts[2] == name {
			return strings.Join(append([]string{class}, parts[3:]...), ".")
		}
	}
	return ""
}

// apiServer forwards requests to the API server with the manager's identity.
func apiServer(config *rest.Config) (http.Handler, error) {
	target, err := url.Parse(config.Host)
	if err != nil {
		return nil, err
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // watches
		ErrorLog:      log.New(io.Discard, "", 0),
	}, nil
}

// serveAPI starts a tap in front of the API server, and returns a kubeconfig that leads there.
func serveAPI(t *testing.T, tap *tap) (kubeconfig string) {
	t.Helper()
	server := httptest.NewUnstartedServer(tap)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	content := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: tap
clusters: [{name: tap, cluster: {server: %q}}]
contexts: [{name: tap, context: {cluster: tap, user: nobody}}]
users: [{name: nobody, user: {}}]
`, server.URL)
	if err := os.WriteFile(kubeconfig, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}
