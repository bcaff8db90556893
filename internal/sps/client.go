// SPDX-License-Identifier: Apache-2.0

// Package sps is a client of the REST API of One Identity Safeguard for Privileged Sessions (SPS).
//
// A Client reads. Configuration changes go through a Transaction, which has a log-in session of its own: the appliance
// ties the transaction, its lock and its uncommitted objects to that session (docs/vendors/sps.md 3). Bodies are kept
// as the appliance sends them, so that members unknown to this package survive an update.
package sps

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pam-operator/pam-operator/internal/login"
	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	// DefaultCommitTimeout is how long a commit may take; the vendor publishes no figure (docs/vendors/sps.md 10.2).
	DefaultCommitTimeout = 120 * time.Second
	// DefaultMaxAnswer bounds an answer, in bytes: since 7.3 a list contains every body (docs/vendors/sps.md 2), about 3
	// KB each.
	DefaultMaxAnswer = 64 << 20
)

// Config is where an appliance is and how to log in to it.
type Config struct {
	// URL is https, host and optional port; nothing else.
	URL string
	// TLS is used as given; nil means the system's trust store. With X509 it must contain the client certificate.
	TLS *tls.Config
	// Username and Password are for a local or named back end. They are sent once per log-in session.
	Username, Password string
	// X509 logs in with the client certificate of TLS instead (docs/vendors/sps.md 1.6).
	X509 bool
	// LoginMethod names the appliance's authentication back end; empty lets the appliance choose
	// (docs/vendors/sps.md 1.5).
	LoginMethod string
	// UserAgent must not contain "Mozilla": such agents must send a token with every change (docs/vendors/sps.md 1.15).
	UserAgent string
	// Memory bounds and counts the memory of answers. If nil, DefaultMaxAnswer bounds them.
	Memory *rest.Share
	// Network is how the appliance is reached.
	Network rest.Network
	// Timeout bounds every call except a commit; 0 means rest.DefaultTimeout.
	Timeout time.Duration
	// CommitTimeout bounds a commit; 0 means DefaultCommitTimeout.
	CommitTimeout time.Duration
	// StrayCheckAfter is the delay before the first check for a stray transaction; 0 means DefaultStrayCheckAfter.
	StrayCheckAfter time.Duration
	// Breaker rejects calls while the appliance does not answer; nil rejects none.
	Breaker *rest.Breaker
	// Sessions stores log-in sessions beyond the end of the process; may be nil.
	Sessions SessionStore
	// Fence is called right before anything that changes the appliance is sent, except a roll-back; its error forbids
	// the request, because another process may be in charge by now. nil forbids nothing.
	Fence func() error
	// Account throttles log-ins after a refusal, by LogInTerms; if nil, the client has its own. An account that
	// outlives the client and the process keeps a restart from causing another refusal.
	Account *login.Account
	// Observe is told of each call, by one of Operations; nil is told nothing.
	Observe func(rest.Call)
	// Now is the clock of the client's own Account; nil means time.Now.
	Now func() time.Time
}

// Client talks to one appliance as one user. It is safe for concurrent use.
type Client struct {
	cfg      Config
	secrets  *rest.Secrets
	logins   *authenticator
	reader   *loginSession
	lifetime context.Context // cancelled by Close
	end      context.CancelFunc
	idleLock chan struct{} // held while a session is checked, and to take one

	mu sync.Mutex
	// idle is the log-in session for the next transaction; nil while one is using it, or if there is none.
	idle *loginSession
	// retired are log-in sessions that no transaction uses any more, because a request of an earlier one may still
	// arrive.
	retired []*loginSession
	// swept is set once nothing of earlier processes is left.
	swept bool
	// messageMember is the member in which this appliance has accepted a commit message; empty until known.
	messageMember string
	// completeLists is set for collections whose lists contain the bodies.
	completeLists map[Collection]bool
}

// New checks the configuration and returns a client; it sends nothing.
func New(cfg Config) (*Client, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	// The log-in of one caller serves all, so it ends with the client and not with that caller.
	lifetime, end := context.WithCancel(context.Background())
	c := &Client{cfg: cfg, secrets: &rest.Secrets{}, lifetime: lifetime, end: end, idleLock: make(chan struct{}, 1)}
	if c.cfg.TLS = cfg.TLS.Clone(); c.cfg.TLS == nil {
		c.cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if cfg.Password != "" {
		c.secrets.Pin(cfg.Password, basic(cfg.Username, cfg.Password))
	}
	plain, err := c.connect(nil)
	if err != nil {
		end()
		return nil, err
	}
	c.logins = &authenticator{cfg: cfg, secrets: c.secrets, rest: plain, lifetime: lifetime}
	c.reader, err = c.newLoginSession(relogin)
	if err != nil {
		end()
		return nil, err
	}
	return c, nil
}

func (cfg *Config) complete() error {
	switch {
	case cfg.X509 && (cfg.TLS == nil || len(cfg.TLS.Certificates) == 0 && cfg.TLS.GetClientCertificate == nil):
		return errors.New("log-in by X.509 needs a client certificate")
	case !cfg.X509 && cfg.Username == "":
		return errors.New("log-in needs a username")
	case !cfg.X509 && cfg.Password == "":
		return errors.New("log-in needs a password")
	case strings.Contains(cfg.Username, ":"):
		return errors.New("a username that contains a colon cannot be sent")
	}
	if cfg.CommitTimeout == 0 {
		cfg.CommitTimeout = DefaultCommitTimeout
	}
	if cfg.StrayCheckAfter == 0 {
		cfg.StrayCheckAfter = DefaultStrayCheckAfter
	}
	if cfg.Account == nil {
		cfg.Account = login.Standalone(LogInTerms, cfg.URL, cfg.Now)
	}
	if cfg.Memory == nil {
		cfg.Memory = (*rest.Budget)(nil).Share("", DefaultMaxAnswer, "")
	}
	return nil
}

// connect returns a rest client of the appliance; authenticate may be nil.
func (c *Client) connect(authenticate func(http.RoundTripper) http.RoundTripper) (*rest.Client, error) {
	return rest.NewClient(rest.Config{
		URL: c.cfg.URL, TLS: c.cfg.TLS, UserAgent: c.cfg.UserAgent, Timeout: c.cfg.Timeout, MaxBody: maxBody,
		Memory: c.cfg.Memory, Network: c.cfg.Network, Breaker: c.cfg.Breaker,
		Authenticate: authenticate, DecodeError: errorDecoder(c.secrets), Secrets: c.secrets, Observe: c.cfg.Observe,
	})
}

// Close ends background work and closes idle connections. An open transaction stays open until the appliance drops it,
// so roll it back first. SPS has no log-out (docs/vendors/sps.md 1.14).
func (c *Client) Close() {
	c.end()
	c.logins.rest.Close()
	c.reader.rest.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle != nil {
		c.idle.rest.Close()
	}
	for _, s := range c.retired {
		s.rest.Close()
	}
}

func basic(username, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
}
