// SPDX-License-Identifier: Apache-2.0

// Package nps is a client for the REST API of Netwrix Privilege Secure, as far as activity sessions need it: sign-in,
// asking for a session, following it, fetching its connection data and ending it. It knows nothing of Kubernetes.
//
// An endpoint's method is build, send, decode, and never sees a token: authTransport signs in, renews and repeats a
// call once after a 401. Errors of calls are *rest.Error; a refused log-in is a *CredentialsError inside one.
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

	// applicationSignInPath is where application users sign in (nps contract 2). It is known from a copy of a vendor's
	// module and not from its documentation, hence the setting.
	applicationSignInPath = "/WebAppApi/api/v1/AppUserToken"
)

// Config says how to reach an NPS server and as whom.
type Config struct {
	// URL is https, host and optional port; the vendor's default port is 6500.
	URL string
	// TLS holds the CA, the server name and, for an ApplicationUser, the client certificate. Nil means the system's
	// trust store. It is cloned.
	TLS *tls.Config
	// Auth is an ApplicationUser or a User.
	Auth Auth
	// UserAgent is sent with every request.
	UserAgent string
	// Memory bounds and counts what answers take. Nil bounds them by DefaultMaxAnswer.
	Memory *rest.Share
	// Network says how the server is reached.
	Network rest.Network
	// Timeout bounds one exchange with the server, not counting a sign-in that it may need first; 0 means
	// rest.DefaultTimeout.
	Timeout time.Duration
	// Limiter spaces out all calls, sign-ins included. Clients that share one keep its limit together, as one that takes
	// another one's place must. Nil is no limit.
	Limiter Limiter
	// Breaker holds calls back while the server does not answer; nil holds none back.
	Breaker *rest.Breaker
	// Account holds off sign-ins after a refusal, by LogInTerms; nil is the client's own. One that outlives the client,
	// and the process, keeps a restart from causing another refusal.
	Account *login.Account
	// UsedCodes keeps clients that share it from sending the same code of a second factor twice. Nil is the client's own.
	UsedCodes *UsedCodes
	// Clock knows how far the server's clock is ahead of the local one. Nil is the client's own.
	Clock *Clock
	// Fence is asked right before a session is asked for or prolonged, and forbids it with an error: somebody else may be
	// in charge by now. Ending a session is always right. nil forbids nothing.
	Fence func() error
	// AppTokenPath is where an ApplicationUser gets its token; empty means /WebAppApi/api/v1/AppUserToken.
	AppTokenPath string
	// Now is the local clock; nil means time.Now.
	Now func() time.Time
}

// Client talks to one NPS server as one user. It is safe for concurrent use.
type Client struct {
	rest   *rest.Client
	tokens *tokenSource
	words  *words
	// provable says that the credentials can be tried at any time.
	provable  bool
	tokenPath string
}

// New checks the configuration and returns a client; it sends nothing.
func New(cfg Config) (*Client, error) { return newClient(cfg, nil) }

// newClient lets tests put a transport of their own in the place of the network; nil is the network.
func newClient(cfg Config, network http.RoundTripper) (*Client, error) {
	if cfg.Auth == nil {
		return nil, errors.New("auth is missing: want an ApplicationUser or a User")
	}
	cfg = cfg.withDefaults()
	wire := wireConfig{config: cfg, network: network, secrets: &rest.Secrets{}}
	wire.words = &words{secrets: wire.secrets}
	tokens, err := newTokenSource(wire)
	if err != nil {
		return nil, err
	}
	client, err := rest.NewClient(wire.calls(tokens))
	if err != nil {
		return nil, err
	}
	_, application := cfg.Auth.(ApplicationUser)
	return &Client{
		rest: client, tokens: tokens, words: wire.words, provable: application, tokenPath: cfg.AppTokenPath,
	}, nil
}

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = rest.DefaultTimeout
	}
	if c.AppTokenPath == "" {
		c.AppTokenPath = applicationSignInPath
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
		c.Account = login.Alone(LogInTerms, c.URL, c.Now)
	}
	if c.Memory == nil {
		c.Memory = (*rest.Budget)(nil).Share(DefaultMaxAnswer, "", nil)
	}
	if c.TLS == nil {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	c.TLS = c.TLS.Clone()
	return c
}

// Close lets go of idle connections and abandons a sign-in that is under way. Calls under way are not disturbed; a
// client that is used after Close works as long as its token does.
func (c *Client) Close() {
	c.tokens.close()
	c.rest.Close()
}

// TokenExpiresAt is when the present token ends, by the local clock. It is zero before the first call and when the
// server's tokens do not tell. The client renews a token well before that.
func (c *Client) TokenExpiresAt() time.Time { return c.tokens.expiresAt() }

var versionText = regexp.MustCompile(`^\d+(\.\d+)+`)

// ProveCredentials has an application user sign in anew if that was longer ago than maxAge: a token goes on being
// renewed although the API key that it was got with is not valid any more, because somebody has generated another one
// (nps contract 2). A refusal is a *CredentialsError; the token stays in use. A user is not bothered with a second
// factor for this: it proves nothing.
func (c *Client) ProveCredentials(ctx context.Context, maxAge time.Duration) error {
	if !c.provable {
		return nil
	}
	err := c.tokens.prove(ctx, maxAge)
	if _, refused := errors.AsType[*CredentialsError](err); !refused {
		return nil // as long as there is a token that works, trouble with sign-ins is none
	}
	return notSent(http.MethodPost, "/"+strings.Trim(c.tokenPath, "/"), err)
}

// Version returns the server's version, such as 25.12.00002 (nps contract 3). It needs a valid log-in, so it also
// serves as a check of the whole connection.
func (c *Client) Version(ctx context.Context) (string, error) {
	req := get("Version")
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
func get(elements ...string) rest.Request { return apiRequest(http.MethodGet, elements...) }

func apiRequest(method string, elements ...string) rest.Request {
	return rest.Request{
		Method: method,
		Path:   append([]string{"api", "v1"}, elements...),
		Header: http.Header{acceptHeader: {jsonType}},
	}
}

// text sends the request and returns an answer that is one text.
func (c *Client) text(ctx context.Context, req rest.Request) (string, error) {
	resp, err := c.rest.Do(ctx, req)
	if err != nil {
		return "", err
	}
	return decodeText(resp.Body), nil
}
