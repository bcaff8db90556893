// SPDX-License-Identifier: Apache-2.0

// Package rest is what the clients of both appliances share: one HTTP client with time-outs, bounded bodies, escaped
// paths and no redirects, one error type with its classification, and the redaction of secrets. It knows no vendor.
package rest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// DefaultTimeout bounds one call, from dialling to the last byte of the answer.
	DefaultTimeout = 30 * time.Second
	// DefaultMaxBody bounds an answer that is read as a whole, and an object in a list, in bytes. A full NPS session may
	// be over a MiB (nps contract 5.1).
	DefaultMaxBody = 4 << 20
)

// Config says how to reach a server.
type Config struct {
	// URL is https, host and optional port; nothing else.
	URL string
	// TLS is used as given; nil means the system's trust store.
	TLS *tls.Config
	// UserAgent is sent with every request. SPS treats agents that contain "Mozilla" as browsers (sps contract 1.15).
	UserAgent string
	// Timeout bounds a call that has no Timeout of its own; 0 means DefaultTimeout.
	Timeout time.Duration
	// MaxBody bounds an answer that is read as a whole, and an object in a list, in bytes; 0 means DefaultMaxBody.
	MaxBody int64
	// Memory bounds and counts what answers take, lists as a whole among them; nil bounds them by MaxBody only.
	Memory *Share
	// Network says how servers are reached; its zero value is by any address, and by the proxy of the environment.
	Network Network
	// Authenticate wraps the transport that talks to the network; nil sends requests as they are.
	Authenticate func(http.RoundTripper) http.RoundTripper
	// DecodeError finds the vendor's own words in the body of an answer that is not a success, of which it gets the
	// beginning. It must not hand on anything but members that the vendor's errors have: what answers may be another
	// server, whose words are nobody's business.
	DecodeError func(header http.Header, body []byte) Words
	// Breaker holds calls back while the server does not answer; nil holds none back.
	Breaker *Breaker
	// Secrets are cut out of every error text; nil cuts nothing.
	Secrets *Secrets
}

// Words are what a server says about a failure.
type Words struct {
	// Code is the vendor's name of the error.
	Code string
	// Message is for people.
	Message string
	// Hints are words of the client's own choice that the answer contains, with blanks between them; they help to decide
	// what happened and are not shown.
	Hints string
}

// Network says how servers are reached.
type Network struct {
	// Dial connects to host:port; nil is net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Proxy finds the proxy for a request; nil is the environment's.
	Proxy func(*http.Request) (*url.URL, error)
}

// Client sends requests to one server. It is safe for concurrent use.
type Client struct {
	base      *url.URL
	http      *http.Client
	transport *http.Transport
	cfg       Config
}

// Request is one call.
type Request struct {
	Method string
	// Path holds the elements of the path, unescaped; each is escaped on its own.
	Path []string
	// Query may be nil.
	Query url.Values
	// Body is encoded as JSON; a RawBody is sent as it is; nil sends none (with Content-Length: 0 on POST and PUT).
	Body any
	// Header is added to the request; may be nil.
	Header http.Header
	// Timeout overrides the client's.
	Timeout time.Duration
}

// RawBody is a body that is not to be encoded as JSON.
type RawBody []byte

// Response is a complete answer with a 2xx status.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// NewClient checks the configuration and returns a client; it sends nothing.
func NewClient(cfg Config) (*Client, error) {
	base, err := parseBase(cfg.URL)
	if err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.DecodeError == nil {
		cfg.DecodeError = func(http.Header, []byte) Words { return Words{} }
	}
	if cfg.Network.Dial == nil {
		cfg.Network.Dial = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	if cfg.Network.Proxy == nil {
		cfg.Network.Proxy = http.ProxyFromEnvironment
	}
	transport := &http.Transport{
		Proxy:                 cfg.Network.Proxy,
		DialContext:           cfg.Network.Dial,
		TLSClientConfig:       cfg.TLS,
		TLSHandshakeTimeout:   10 * time.Second,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		// Packed answers are not asked for, and refused: what they unpack to has no bound.
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		// Both appliances speak HTTP/1.1 through front ends of their own; a client certificate that is asked for after
		// the request (nps contract 2) exists in HTTP/1.1 only.
		ForceAttemptHTTP2: false,
	}
	rt := cfg.Breaker.wrap(transport)
	if cfg.Authenticate != nil {
		rt = cfg.Authenticate(rt)
	}
	return &Client{
		base: base, cfg: cfg, transport: transport,
		http: &http.Client{
			Transport:     rt,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil { // the text itself is not shown: it may hold a password
		return nil, errors.New("the url cannot be read: want https://host or https://host:port")
	}
	if u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("url %q: want https://host or https://host:port and nothing else", u.Redacted())
	}
	return &url.URL{Scheme: "https", Host: strings.ToLower(u.Host)}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Memory is where what answers take is counted; nil if it is not.
func (c *Client) Memory() *Share { return c.cfg.Memory }

// BaseURL is the server's address, without a path.
func (c *Client) BaseURL() string { return c.base.String() }

// Do sends the request and returns the answer if its status is 2xx; anything else is an *Error.
func (c *Client) Do(ctx context.Context, req Request) (*Response, error) {
	var out *Response
	err := c.exchange(ctx, req, func(ctx context.Context, httpReq *http.Request, resp *http.Response) error {
		body := c.whole(resp)
		defer body.release()
		data, err := io.ReadAll(body)
		if err != nil {
			return c.bodyError(ctx, httpReq, resp, err)
		}
		out = &Response{Status: resp.StatusCode, Header: resp.Header, Body: data}
		return nil
	})
	return out, err
}

// whole reads an answer that is kept in memory as a whole.
func (c *Client) whole(resp *http.Response) *boundedBody {
	b := c.bounded(resp)
	b.max = b.window
	return b
}

// exchange sends the request and hands an answer whose status is 2xx to read.
func (c *Client) exchange(
	ctx context.Context, req Request, read func(context.Context, *http.Request, *http.Response) error,
) error {
	timeout := req.Timeout
	if timeout == 0 {
		timeout = c.cfg.Timeout
	}
	held := c.cfg.Breaker.wait(ctx) // before the time-out begins, and before it waits for a sign-in or a rate limit
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, &TimeoutError{After: timeout})
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	httpReq, err := c.build(ctx, req)
	if err != nil {
		return err
	}
	if held != nil {
		return c.transportError(ctx, httpReq, false, held)
	}
	resp, err := c.http.Do(httpReq)
	if err != nil {
		return c.transportError(ctx, httpReq, sent.Load(), err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return c.answerError(ctx, httpReq, resp)
	case compressed(resp):
		return &Error{
			Method: req.Method, Path: httpReq.URL.Path, Status: resp.StatusCode, Sent: true,
			Message: "the answer is compressed, which was not asked for", Err: ErrMalformedAnswer,
		}
	}
	return read(ctx, httpReq, resp)
}

// DoJSON sends the request and decodes the answer into out. An answer that is not JSON is an *Error that is neither
// final nor a refusal: front ends of both vendors answer HTML when they are in trouble (sps contract 2).
func (c *Client) DoJSON(ctx context.Context, req Request, out any) error {
	req = acceptingJSON(req)
	return c.exchange(ctx, req, func(ctx context.Context, httpReq *http.Request, resp *http.Response) error {
		body := c.whole(resp)
		defer body.release()
		data, err := io.ReadAll(body)
		if err != nil {
			return c.bodyError(ctx, httpReq, resp, err)
		}
		if out != nil && json.Unmarshal(data, out) != nil {
			return malformedAnswer(req, resp.StatusCode)
		}
		return nil
	})
}

func acceptingJSON(req Request) Request {
	if req.Header.Get("Accept") != "" {
		return req
	}
	req.Header = req.Header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Accept", "application/json")
	return req
}

func malformedAnswer(req Request, status int) error {
	return &Error{
		Method: req.Method, Path: "/" + strings.Join(req.Path, "/"), Status: status, Sent: true,
		Message: "the answer is not the JSON that was expected", Err: ErrMalformedAnswer,
	}
}

// bodyError is the error of an answer with a good status that could not be read to its end.
func (c *Client) bodyError(ctx context.Context, req *http.Request, resp *http.Response, err error) error {
	if !IsTooLarge(err) && !errors.Is(err, ErrBudget) {
		return c.transportError(ctx, req, true, err)
	}
	return &Error{
		Method: req.Method, Path: req.URL.Path, Status: resp.StatusCode, Sent: true, Message: err.Error(), Err: err,
	}
}

func (c *Client) build(ctx context.Context, req Request) (*http.Request, error) {
	target, err := c.target(req)
	if err != nil {
		return nil, err
	}
	body, contentType, err := encode(req.Body)
	if err != nil {
		return nil, fmt.Errorf("encode the body of %s %s: %w", req.Method, target.Path, err)
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body) // known to net/http: sets Content-Length and makes the request repeatable
	}
	httpReq, err := http.NewRequestWithContext(ctx, req.Method, target.String(), reader)
	if err != nil {
		return nil, err
	}
	for k, v := range req.Header {
		httpReq.Header[k] = v
	}
	if contentType != "" && httpReq.Header.Get("Content-Type") == "" {
		httpReq.Header.Set("Content-Type", contentType)
	}
	httpReq.Header.Set("Accept-Encoding", "identity")
	if c.cfg.UserAgent != "" {
		httpReq.Header.Set("User-Agent", c.cfg.UserAgent)
	}
	return httpReq, nil
}

func (c *Client) target(req Request) (*url.URL, error) {
	u := *c.base
	plain, escaped := make([]string, 0, len(req.Path)), make([]string, 0, len(req.Path))
	for _, element := range req.Path {
		if element == "" || element == "." || element == ".." {
			return nil, fmt.Errorf("%s: %q is no element of a path", req.Method, element)
		}
		plain, escaped = append(plain, element), append(escaped, url.PathEscape(element))
	}
	u.Path, u.RawPath = "/"+strings.Join(plain, "/"), "/"+strings.Join(escaped, "/")
	u.RawQuery = req.Query.Encode()
	return &u, nil
}

func encode(body any) (data []byte, contentType string, err error) {
	switch b := body.(type) {
	case nil:
		return nil, "", nil
	case RawBody:
		return b, "", nil
	default:
		data, err := json.Marshal(b)
		return data, "application/json", err
	}
}

func (c *Client) transportError(ctx context.Context, req *http.Request, sent bool, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // url.Error prints the query
	}
	if As(err) != nil { // made by an authenticating transport, which knows better; what it wrapped around stays
		return err
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, ctx.Err()) && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return &Error{
		Method: req.Method, Path: req.URL.Path, Sent: sent, Err: err,
		Message: c.cfg.Secrets.Show(err.Error(), maxMessage),
	}
}

func (c *Client) answerError(ctx context.Context, req *http.Request, resp *http.Response) error {
	var words Words
	if !compressed(resp) {
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // the status counts, however long the page behind it
		if err != nil {
			return c.transportError(ctx, req, true, err)
		}
		words = c.cfg.DecodeError(resp.Header, body)
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		words.Message = "redirects are not followed; check the url of the connection"
	}
	return &Error{
		Method: req.Method, Path: req.URL.Path, Status: resp.StatusCode, Sent: true,
		Code:       c.cfg.Secrets.Show(words.Code, maxCode),
		Message:    c.cfg.Secrets.Show(words.Message, maxMessage),
		Hints:      words.Hints,
		RetryAfter: retryAfter(resp.Header),
	}
}
