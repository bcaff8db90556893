// SPDX-License-Identifier: Apache-2.0

// Package nps is a client for the REST API of Netwrix Privilege Secure, as far as activity sessions need it: signing
// in, requesting a session, following it, fetching its connection data and ending it. It knows nothing of Kubernetes.
//
// A method for an endpoint builds the request, sends it and decodes the answer, and never sees a token: authTransport
// signs in, renews, and repeats a call once after a 401. Errors of calls are *rest.Error; a refused log-in is a
// *CredentialsError inside one.
package nps

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/pam-operator/pam-operator/internal/login"
	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	acceptHeader = "Accept"
	jsonType     = "application/json"
)

// applicationSignInPath is where application users sign in (docs/vendors/nps.md 2). It is known from a copy of a
// vendor's module, not from the vendor's documentation.
var applicationSignInPath = []string{"WebAppApi", "api", "v1", "AppUserToken"}

// Config is how to reach an NPS server, and as whom.
type Config struct {
	// URL is https, host and optional port; the vendor's default port is 6500.
	URL string
	// TLS contains the CA, the server name and, for an ApplicationUser, the client certificate. Nil means the system's
	// trust store. It is cloned.
	TLS *tls.Config
	// Auth is an ApplicationUser or a User.
	Auth Auth
	// UserAgent is sent with every request.
	UserAgent string
	// Memory bounds and counts the memory of answers. If nil, DefaultMaxAnswer bounds them.
	Memory *rest.Share
	// Network is how the server is reached.
	Network rest.Network
	// Timeout bounds one exchange with the server, not counting a sign-in that it may need first; 0 means
	// rest.DefaultTimeout.
	Timeout time.Duration
	// Limiter spaces out all calls, including sign-ins. Clients that share one share its limit, as a client must that
	// replaces another. Nil means no limit.
	Limiter Limiter
	// Breaker rejects calls while the server does not answer; nil rejects none.
	Breaker *rest.Breaker
	// Account throttles sign-ins after a refusal, by LogInTerms; if nil, the client has its own. An account that
	// outlives the client and the process keeps a restart from causing another refusal.
	Account *login.Account
	// UsedCodes keeps clients that share it from sending the same second-factor code twice. If nil, the client has its
	// own.
	UsedCodes *UsedCodes
	// Clock tracks how far the server's clock is ahead of the local one. If nil, the client has its own.
	Clock *Clock
	// Fence is called right before a request to create or extend a session is sent, and its error forbids the request,
	// because another process may be in charge by now. Ending a session is always allowed. nil forbids nothing.
	Fence func() error
	// Observe is told of each exchange with the server, by one of Operations; nil is told nothing.
	Observe func(rest.Call)
	// Now is the local clock; nil means time.Now.
	Now func() time.Time
}

// Client talks to one NPS server as one user. It is safe for concurrent use.
type Client struct {
	rest     *rest.Client
	tokens   *tokenSource
	redactor *redactor
	// provable is set if the credentials can be tried at any time.
	provable bool
}

// New checks the configuration and returns a client; it sends nothing.
func New(cfg Config) (*Client, error) { return newClient(cfg, nil) }

// newClient allows tests to replace the network by a transport; nil means the network.
func newClient(cfg Config, network http.RoundTripper) (*Client, error) {
	if cfg.Auth == nil {
		return nil, errors.New("auth is missing: want an ApplicationUser or a User")
	}
	cfg = cfg.withDefaults()
	wire := wireConfig{config: cfg, network: network, secrets: &rest.Secrets{}}
	wire.redactor = &redactor{secrets: wire.secrets}
	tokens, err := newTokenSource(wire)
	if err != nil {
		return nil, err
	}
	client, err := rest.NewClient(wire.calls(tokens))
	if err != nil {
		return nil, err
	}
	_, application := cfg.Auth.(ApplicationUser)
	return &Client{rest: client, tokens: tokens, redactor: wire.redactor, provable: application}, nil
}

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = rest.DefaultTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.UsedCodes == nil {
		c.UsedCodes = &UsedCodes{}
	}
	if c.Clock == nil {
		c.Clock = &Clock{}
	}
	if c.Account == nil {
		c.Account = login.Standalone(LogInTerms, c.URL, c.Now)
	}
	if c.Memory == nil {
		c.Memory = (*rest.Budget)(nil).Share("", DefaultMaxAnswer, "")
	}
	if c.TLS == nil {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	c.TLS = c.TLS.Clone()
	return c
}

// Close closes idle connections and aborts a sign-in in progress. It does not affect calls in progress; a client that
// is used after Close works until its token expires.
func (c *Client) Close() {
	c.tokens.close()
	c.rest.Close()
}

// TokenExpiresAt returns when the current token expires, by the local clock. It is zero before the first call and if
// the server's tokens do not include it. The client renews a token well before that.
func (c *Client) TokenExpiresAt() time.Time { return c.tokens.expiresAt() }

var versionText = regexp.MustCompile(`^\d+(\.\d+)+`)

// ProveCredentials makes an application user sign in again if the last time was longer ago than maxAge: a token keeps
// being renewed even if its API key is no longer valid because a new one was generated (docs/vendors/nps.md 2). A
// refusal is a *CredentialsError; the token stays in use. For a User it does nothing, because it would require a second
// factor.
func (c *Client) ProveCredentials(ctx context.Context, maxAge time.Duration) error {
	if !c.provable {
		return nil
	}
	err := c.tokens.prove(ctx, maxAge)
	if _, refused := errors.AsType[*CredentialsError](err); !refused {
		return nil // other trouble with sign-ins does not matter while the token works
	}
	return notSent(http.MethodPost, "/"+strings.Join(applicationSignInPath, "/"), err)
}

// Version returns the server's version, such as 25.12.00002 (docs/vendors/nps.md 3). It requires a valid log-in, so it
// also serves as a check of the whole connection.
func (c *Client) Version(ctx context.Context) (string, error) {
	req := get(operationVersion, "Version")
	text, err := c.text(ctx, req)
	if err != nil {
		return "", err
	}
	version := versionText.FindString(strings.TrimSpace(text))
	if version == "" || len(version) > maxID {
		return "", malformed(req, "the answer is not a version")
	}
	return version, nil
}

// get builds a GET of a path below /api/v1.
func get(operation string, elements ...string) rest.Request {
	return apiRequest(operation, http.MethodGet, elements...)
}

func apiRequest(operation, method string, elements ...string) rest.Request {
	return rest.Request{
		Operation: operation,
		Method:    method,
		Path:      append([]string{"api", "v1"}, elements...),
		Header:    http.Header{acceptHeader: {jsonType}},
	}
}

// text sends the request and returns an answer that is a single text.
func (c *Client) text(ctx context.Context, req rest.Request) (string, error) {
	resp, err := c.rest.Do(ctx, req)
	if err != nil {
		return "", err
	}
	return decodeText(resp.Body), nil
}
