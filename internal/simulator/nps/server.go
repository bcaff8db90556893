// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

// maxBody limits a request body, in bytes.
const maxBody = 4 << 20

// Server is one simulated server. Create it with New; its methods are safe for concurrent use.
type Server struct {
	clock     func() time.Time
	version   string
	proxyHost string
	routes    []route
	faults    fault.Injector

	mu        sync.Mutex
	catalogue *catalogue
	switches  Switches
	tokens    tokenStore
	sessions  sessionStore
	stats     Stats
}

// Stats counts what the server did for its callers. Lists and Gets include refused calls.
type Stats struct {
	SignIns             int `json:"signIns"`
	FailedSignIns       int `json:"failedSignIns"`
	SecondFactors       int `json:"secondFactors"`
	FailedSecondFactors int `json:"failedSecondFactors"`
	AppTokens           int `json:"appTokens"`
	FailedAppTokens     int `json:"failedAppTokens"`
	Renewals            int `json:"renewals"`
	Creates             int `json:"creates"`
	Deletes             int `json:"deletes"`
	Extends             int `json:"extends"`
	Lists               int `json:"lists"`
	Gets                int `json:"gets"`
	RDPs                int `json:"rdps"`
	SSHs                int `json:"sshs"`
}

// New creates a server.
func New(o Options) *Server {
	o = o.withDefaults()
	s := &Server{
		clock: o.Now, version: o.Version, proxyHost: o.ProxyHost,
		routes: routes(), catalogue: newCatalogue(o), switches: o.Switches.clone(),
		tokens: newTokenStore(), sessions: newSessionStore(),
	}
	slices.SortStableFunc(s.routes, literalFirst)
	return s
}

// Handler serves the REST API behind the fault injector. For application users, the TLS listener must request client
// certificates (tls.RequestClientCert or stricter).
func (s *Server) Handler() http.Handler { return s.faults.Wrap(http.HandlerFunc(s.serve)) }

// Faults returns the injector in front of Handler, which also records the calls.
func (s *Server) Faults() *fault.Injector { return &s.faults }

// Stats returns the counters since the start.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// now is the server's time, used for sessions and tokens; .NET counts in units of 100 ns. The caller holds the lock.
func (s *Server) now() time.Time {
	return s.clock().Add(time.Duration(s.switches.ClockSkew)).UTC().Truncate(100 * time.Nanosecond)
}

// call is one request in progress.
type call struct {
	r        *http.Request
	body     []byte
	params   map[string]string
	query    url.Values // names in lower case, because ASP.NET ignores case
	now      time.Time
	switches *Switches
	token    string
	who      *account
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refusal(refuse(http.StatusRequestEntityTooLarge, "")).write(w)
	case err != nil:
		refusal(refuse(http.StatusBadRequest, "The request body could not be read.")).write(w)
	default:
		s.answer(w, r, body)
	}
}

// answer works under the lock and writes after it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	a, now := s.dispatch(r, body)
	w.Header().Set("Date", now.Format(http.TimeFormat))
	a.write(w)
}

func (s *Server) dispatch(r *http.Request, body []byte) (answer, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{r: r, body: body, query: lowerNames(r.URL.Query()), now: s.now(), switches: &s.switches}
	rt, params, status := s.find(r)
	if rt == nil {
		return answer{status: status}, c.now
	}
	c.params = params
	if err := s.authorize(c, rt.access); err != nil {
		return refusal(err), c.now
	}
	a, err := rt.serve(s, c)
	if err != nil {
		return refusal(err), c.now
	}
	return a, c.now
}

func lowerNames(q url.Values) url.Values {
	out := url.Values{}
	for name, values := range q {
		name = strings.ToLower(name)
		out[name] = append(out[name], values...)
	}
	return out
}
