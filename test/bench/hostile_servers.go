// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
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

// hostileSize is the length of a hostile response, decompressed, in bytes.
const hostileSize = 120 << 20

// hostileKind is a way in which a server misbehaves on purpose.
type hostileKind struct {
	name, what string
	harm       http.HandlerFunc
	server     bool // an NPS server
}

var hostileKinds = []hostileKind{
	{name: "packed", what: "answers of 120 KB that expand to 120 MiB", harm: bomb()},
	{name: "lists", what: "lists of 120 MiB", harm: longList},
	{name: "errors", what: "error pages of 120 MiB", harm: errorPage},
	{name: "pages", what: "endless pages of sessions", server: true},
}

// listener is one of the servers. One of the appliances misbehaves at the probe of its connection already; the others
// respond normally to log-ins and to that.
func (k hostileKind) listener(i int) simulator.Listener {
	name := fmt.Sprintf("%s-%d", k.name, i)
	if k.server {
		return simulator.Listener{Name: name, Handler: &hostileServer{}}
	}
	return simulator.Listener{Name: name, Handler: hostileAppliance{k.harm, i == hostileConnections-1}}
}

func longList(w http.ResponseWriter, _ *http.Request) {
	// No two objects share anything, so that nothing can be deduplicated.
	item := `{"key":"%d","body":{"name":"%[1]d","member-%[1]d":"` + strings.Repeat("x", 2000) + `"}},`
	many(w, `{"items":[`, item)
}

func errorPage(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusBadRequest)
	many(w, `{"error":{"type":"T","message":"`, strings.Repeat("x", 1<<16))
}

// many repeats a text, with an increasing number in it, until the size is reached or the client has gone away.
func many(w io.Writer, begin, again string) {
	_, err := io.WriteString(w, begin)
	for i := 0; err == nil && i*len(again) < hostileSize; i++ {
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
	many(w, `{"items":[`, strings.Repeat(" ", 1<<16)) // neither can fail: all in memory
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
	case r.URL.Path == infoPath && !a.fromTheStart:
		_, _ = io.WriteString(w, `{"body":{"firmware_version":"7.0.3","config_hash":"0123456789abcdef0123456789abcdef"}}`)
	case r.URL.Path == transactionPath:
		_, _ = io.WriteString(w, `{"transaction":{"status":"closed"}}`)
	default:
		a.harm(w, r)
	}
}

// hostileServer is an NPS server with endless lists.
type hostileServer struct{ sessions atomic.Int64 }

func (s *hostileServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const id = "b9fc22e3-0000-4000-8000-00000000f00d"
	var answer any = map[string]any{"id": id, "status": 0}
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/AppUserToken"), strings.HasSuffix(path, "/UserToken"):
		encode := base64.RawURLEncoding.EncodeToString
		claims := fmt.Sprintf(`{"exp":%d}`, time.Now().Add(time.Hour).Unix())
		answer = encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(claims)) + "." + encode([]byte("s"))
	case path == "/api/v1/Version":
		answer = "25.12.1"
	case strings.HasPrefix(path, listPath):
		s.page(w)
		return
	case r.Method == http.MethodPost:
		var request struct {
			Note string `json:"note"`
		}
		_ = json.NewDecoder(r.Body).Decode(&request) // an unreadable note counts as none
		w.WriteHeader(http.StatusCreated)
		answer = map[string]any{"id": id, "status": 0, "note": request.Note}
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

// heavyAppliance lists objects that take much memory when they are decoded, and takes long to refuse a transaction.
type heavyAppliance struct {
	objects int
	body    func(i int) string
	wait    time.Duration
}

func (a heavyAppliance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, policyCollection):
		_, _ = io.WriteString(w, `{"items":[`)
		for i := range a.objects {
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			_, _ = fmt.Fprintf(w, `{"key":"k%d","body":%s}`, i, a.body(i))
		}
		_, _ = io.WriteString(w, "]}")
	case r.Method == http.MethodPost && r.URL.Path == transactionPath:
		select {
		case <-time.After(a.wait):
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusInternalServerError)
	default:
		none := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"items":[]}`) }
		hostileAppliance{harm: none}.ServeHTTP(w, r)
	}
}
