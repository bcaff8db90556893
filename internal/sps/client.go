// SPDX-License-Identifier: Apache-2.0

// Package sps is a client of the REST API of One Identity Safeguard for Privileged Sessions (SPS).
//
// A Client reads. What changes the configuration goes through a Transaction, which has a log-in session of its own:
// the appliance ties the transaction, its lock and its uncommitted objects to that session (sps contract 3). Bodies
// are kept as the appliance sends them, so that members that this package does not know survive an update.
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
	// DefaultCommitTimeout is how long a commit may take; the vendor publishes no number (sps contract 10.2).
	DefaultCommitTimeout = 120 * time.Second
	// DefaultMaxAnswer bounds an answer, in bytes: since 7.3 a list carries every body (sps contract 2), some 3 KB each.
	DefaultMaxAnswer = 64 << 20
)

// Config says where an appliance is and how to log in to it.
type Config struct {
	// URL is https, host and optional port; nothing else.
	URL string
	// TLS is used as given; nil means the system's trust store. With X509 it must hold the client certificate.
	TLS *tls.Config
	// Username and Password are the log-in of a local or named back end. They are sent once per log-in session.
	Username, Password string
	// X509 logs in with the client certificate of TLS instead (sps contract 1.6).
	X509 bool
	// LoginMethod names the appliance's authentication back end; empty lets the appliance choose (sps contract 1.5).
	LoginMethod string
	// UserAgent must not contain "Mozilla": such agents have to send a token with every change (sps contract 1.15).
	UserAgent string
	// Memory bounds and counts what answers take. Nil bounds them by DefaultMaxAnswer.
	Memory *rest.Share
	// Network says how the appliance is reached.
	Network rest.Network
	// Timeout bounds every call but a commit; 0 means rest.DefaultTimeout.
	Timeout time.Duration
	// CommitTimeout bounds a commit; 0 means DefaultCommitTimeout.
	CommitTimeout time.Duration
	// LookAgain is how long after a loss it is first looked whether a transaction was left open; 0 means DefaultLookAgain.
	LookAgain time.Duration
	// Breaker holds calls back while the appliance does not answer; nil holds none back.
	Breaker *rest.Breaker
	// Sessions remembers log-in sessions beyond the end of the process; nil does without.
	Sessions SessionStore
	// Fence is asked right before anything that changes the appliance is sent, except for a roll-back, and forbids it with
	// an error: somebody else may be in charge by now. nil forbids nothing.
	Fence func() error
	// Account holds off log-ins after a refusal, by LogInTerms; nil is the client's own. One that outlives the client, and
	// the process, keeps a restart from causing another refusal.
	Account *login.Account
	// Now is the clock of the client's own Account; nil means time.Now.
	Now func() time.Time
}

// Client talks to one appliance as one user. It is safe for concurrent use.
type Client struct {
	cfg      Config
	secrets  *rest.Secrets
	logins   *authenticator
	reader   *session
	lifetime context.Context // ended by Close
	end      context.CancelFunc
	looking  chan struct{} // taken while a parked session is looked at, and to take one

	mu sync.Mutex
	// idle is the log-in session that the next transaction takes; nil while one is using it, or when there is none.
	idle *session
	// left are log-in sessions that no transaction takes any more, because a request of an earlier one may still arrive.
	left []*session
	// swept says that nothing is left of earlier processes.
	swept bool
	// messageMember is the member that this appliance has taken a commit message in, empty while that is not known.
	messageMember string
	// completeLists says of which collections a list carries the bodies.
	completeLists map[Collection]bool
}

// New checks the configuration and returns a client; it sends nothing.
func New(cfg Config) (*Client, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	// The log-in of one caller serves all, so it does not end with that caller but with the client.
	lifetime, end := context.WithCancel(context.Background())
	c := &Client{cfg: cfg, secrets: &rest.Secrets{}, lifetime: lifetime, end: end, looking: make(chan struct{}, 1)}
	if c.cfg.TLS = cfg.TLS.Clone(); c.cfg.TLS == nil {
		c.cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if cfg.Password != "" {
		c.secrets.Keep(cfg.Password, basic(cfg.Username, cfg.Password))
	}
	plain, err := c.connect(nil)
	if err != nil {
		end()
		return nil, err
	}
	c.logins = &authenticator{cfg: cfg, secrets: c.secrets, rest: plain, lifetime: lifetime}
	c.reader, err = c.newSession(renewing)
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
	if cfg.LookAgain == 0 {
		cfg.LookAgain = DefaultLookAgain
	}
	if cfg.Account == nil {
		cfg.Account = login.Alone(LogInTerms, cfg.URL, cfg.Now)
	}
	if cfg.Memory == nil {
		cfg.Memory = (*rest.Budget)(nil).Share(DefaultMaxAnswer, "", nil)
	}
	return nil
}

// connect returns a rest client of the appliance; authenticate may be nil.
func (c *Client) connect(authenticate func(http.RoundTripper) http.RoundTripper) (*rest.Client, error) {
	return rest.NewClient(rest.Config{
		URL: c.cfg.URL, TLS: c.cfg.TLS, UserAgent: c.cfg.UserAgent, Timeout: c.cfg.Timeout, MaxBody: maxBody,
		Memory: c.cfg.Memory, Network: c.cfg.Network, Breaker: c.cfg.Breaker,
		Authenticate: authenticate, DecodeError: errorDecoder(c.secrets), Secrets: c.secrets,
	})
}

// Close ends what goes on in the background and lets go of idle connections. A transaction that is open stays open
// until the appliance drops it: roll it back first. SPS has no log-out (sps contract 1.14).
func (c *Client) Close() {
	c.end()
	c.logins.rest.Close()
	c.reader.rest.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle != nil {
		c.idle.rest.Close()
	}
	for _, s := range c.left {
		s.rest.Close()
	}
}

func basic(username, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
}
