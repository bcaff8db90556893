// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator"
)

// hostileSize is the length of a hostile response, decompressed, in bytes; an endless one is cut there, too.
const hostileSize = 120 << 20

// hostileKind is a way in which a server misbehaves on purpose.
type hostileKind string

// The ways. Appliances respond normally to log-ins and to the probe of their connection.
const (
	packedAnswers hostileKind = "compressed responses of 120 KB that expand to 120 MiB"
	longLists     hostileKind = "lists of 120 MiB"
	errorPages    hostileKind = "error pages of 120 MiB"
	endlessPages  hostileKind = "endless pages of sessions"
)

// hostileServers are misbehaving servers in this process.
type hostileServers struct {
	urls []string
	ca   []byte // PEM
}

// startHostile starts servers of one kind, which end with the scenario.
func startHostile(ctx context.Context, b *bench, kind hostileKind, n int) (hostileServers, error) {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	listeners := make([]simulator.Listener, 0, n)
	for i := range n {
		// One of the appliances already responds like this to the probe of its connection.
		handler := hostileAppliance{harm: harmOf(kind), fromTheStart: i == n-1}
		listeners = append(listeners, simulator.Listener{Name: fmt.Sprint(i), Handler: handler})
	}
	if kind == endlessPages {
		listeners = []simulator.Listener{{Name: "0", Handler: &hostileServer{}}}
	}
	running, err := simulator.Serve(serving, simulator.Config{Listeners: listeners})
	if err != nil {
		stop()
		return hostileServers{}, err
	}
	b.atEnd(func() error { stop(); return running.Wait() })
	out := hostileServers{ca: running.CA().CertificatePEM()}
	for _, l := range listeners {
		out.urls = append(out.urls, running.URL(l.Name))
	}
	return out, nil
}

func harmOf(kind hostileKind) http.HandlerFunc {
	switch kind {
	case packedAnswers:
		return bomb()
	case errorPages:
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			many(w, `{"error":{"type":"T","message":"`, strings.Repeat("x", 1<<16), hostileSize)
		}
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		// No two objects share anything, so that nothing can be deduplicated.
		item := `{"key":"%d","body":{"name":"%[1]d","member-%[1]d":"` + strings.Repeat("x", 2000) + `"}},`
		many(w, `{"items":[`, item, hostileSize)
	}
}

// many repeats a text with an increasing number in it until the size is reached or the client has gone away.
func many(w io.Writer, begin, again string, enough int) {
	_, err := io.WriteString(w, begin)
	for i := 0; err == nil && i*len(again) < enough; i++ {
		if strings.Contains(again, "%d") {
			_, err = fmt.Fprintf(w, again, i)
		} else {
			_, err = io.WriteString(w, again)
		}
	}
}

func bomb() http.HandlerFunc {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	many(w, `{"items":[`, strings.Repeat(" ", 1<<16), hostileSize) // neither can fail: all in memory
	_ = w.Close()
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}
}

// hostileAppliance is an SPS appliance that misbehaves in response to any request for something large.
type hostileAppliance struct {
	harm         http.HandlerFunc
	fromTheStart bool
}

func (a hostileAppliance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/api/authentication":
		w.Header().Set("Set-Cookie", "session_id=hostile")
	case r.URL.Path == "/api/info" && !a.fromTheStart:
		_, _ = io.WriteString(w, `{"body":{"firmware_version":"7.0.3","config_hash":"0123456789abcdef0123456789abcdef"}}`)
	case r.URL.Path == transactionPath:
		_, _ = io.WriteString(w, `{"transaction":{"status":"closed"}}`)
	default:
		a.harm(w, r)
	}
}

// hostileServer is an NPS server with endless lists.
type hostileServer struct{ sessions atomic.Int64 }

const hostileSession = "b9fc22e3-0000-4000-8000-00000000f00d"

func (s *hostileServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var answer any
	switch path := r.URL.Path; {
	case path == "/signinBody":
		answer = "first.stage.token"
	case path == "/signin2fa", strings.HasSuffix(path, "/UserToken"):
		encode := base64.RawURLEncoding.EncodeToString
		claims := fmt.Sprintf(`{"exp":%d}`, time.Now().Add(time.Hour).Unix())
		answer = encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(claims)) + "." + encode([]byte("s"))
	case path == "/api/v1/Version":
		answer = "25.12.1"
	case strings.Contains(path, "MySummaryByStatus"):
		s.page(w)
		return
	case r.Method == http.MethodPost:
		var request struct {
			Note string `json:"note"`
		}
		_ = json.NewDecoder(r.Body).Decode(&request) // an unreadable note counts as none
		w.WriteHeader(http.StatusCreated)
		answer = map[string]any{"id": hostileSession, "status": 0, "note": request.Note}
	default:
		answer = map[string]any{"id": hostileSession, "status": 0}
	}
	_ = json.NewEncoder(w).Encode(answer) // an error means that the client has gone away
}

// page always has new sessions, and announces one more page.
func (s *hostileServer) page(w io.Writer) {
	const size = 5000
	from := s.sessions.Add(size) - size
	_, _ = io.WriteString(w, `{"data":[{"id":"first"}`)
	for i := range int64(size) {
		_, _ = fmt.Fprintf(w, `,{"id":"s%d","sessionStatus":1,"note":%q}`, from+i, strings.Repeat("n", 200))
	}
	_, _ = fmt.Fprintf(w, `],"recordsTotal":%d}`, from+2*size)
}
