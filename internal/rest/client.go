// SPDX-License-Identifier: Apache-2.0

// Package rest contains what the clients of both appliances share: one HTTP client with time-outs, bounded bodies,
// escaped paths and no redirects, one error type with its classification, and the redaction of secrets. It knows no
// vendor.
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
	// DefaultMaxBody bounds an answer that is read as a whole, and an object in a list, in bytes. A full NPS session
	// can exceed 1 MiB (docs/vendors/nps.md 5.1).
	DefaultMaxBody = 4 << 20
)

// Config is how to reach a server.
type Config struct {
	// URL is https, host and optional port; nothing else.
	URL string
	// TLS is used as given; nil means the system's trust store.
	TLS *tls.Config
	// UserAgent goes with every request. SPS takes agents with "Mozilla" for browsers (docs/vendors/sps.md 1.15).
	UserAgent string
	// Timeout bounds calls without a Timeout of their own; 0 means DefaultTimeout.
	Timeout time.Duration
	// MaxBody bounds an answer that is read as a whole, and an object in a list, in bytes; 0 means DefaultMaxBody.
	MaxBody int64
	// Memory bounds and counts the memory of answers, including whole lists; if nil, only MaxBody bounds them.
	Memory *Share
	// Network is how servers are reached; the zero value allows any address, and uses the environment's proxy.
	Network Network
	// Authenticate wraps the transport that talks to the network; nil sends requests as they are.
	Authenticate func(http.RoundTripper) http.RoundTripper
	// DecodeError extracts the vendor's own error from an unsuccessful answer; body is the beginning of the answer. It
	// must return only members of the vendor's errors: the answer may come from another server, whose text must not be
	// shown.
	DecodeError func(header http.Header, body []byte) ErrorDetails
	// Breaker rejects calls while the server does not answer; nil rejects none.
	Breaker *Breaker
	// Secrets are removed from every error text; may be nil.
	Secrets *Secrets
	// Observe is told of each call, for metrics; it must return quickly. nil is told nothing.
	Observe func(Call)
}

// ErrorDetails is what a server reports about a failure.
type ErrorDetails struct {
	// Code is the vendor's name of the error.
	Code string
	// Message is for people.
	Message string
	// Hints are keywords of the client's choice that the answer contains, separated by blanks; they help to classify
	// the error and are not shown.
	Hints string
}

// Network is how servers are reached.
type Network struct {
	// Dial connects to host:port; nil means net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Proxy returns the proxy for a request; nil means the environment's.
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
	// Operation is what the request is for, in one of a few words of the client's choice; see Call. It must not hold any
	// data.
	Operation string
	Method    string
	// Path is the elements of the path, unescaped; each is escaped separately.
	Path []string
	// Query may be nil.
	Query url.Values
	// Body is encoded as JSON, except that a RawBody is sent unchanged; nil sends none (with Content-Length: 0 on POST
	// and PUT).
	Body any
	// Header is added to the request; may be nil.
	Header http.Header
	// Timeout overrides the client's.
	Timeout time.Duration
}

// RawBody is a body that is not encoded as JSON.
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
		cfg.DecodeError = func(http.Header, []byte) ErrorDetails { return ErrorDetails{} }
	}
	if cfg.Network.Dial == nil {
		cfg.Network.Dial = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	if cfg.Network.Proxy == nil {
		cfg.Network.Proxy = http.ProxyFromEnvironment
	}
	transport := &http.Transport{
		Proxy:                  cfg.Network.Proxy,
		OnProxyConnectResponse: refusedByProxy,
		DialContext:            cfg.Network.Dial,
		TLSClientConfig:        cfg.TLS,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		// Compressed answers are neither requested nor accepted: their decompressed size is unbounded.
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		// Both appliances speak HTTP/1.1 through front ends of their own; requesting a client certificate after the
		// request (docs/vendors/nps.md 2) is only possible in HTTP/1.1.
		ForceAttemptHTTP2: false,
	}
	rt := cfg.Breaker.wrap(observed(transport, cfg.Observe))
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
	if err != nil { // the text itself is not shown: it may contain a password
		return nil, errors.New("the url cannot be parsed: want https://host or https://host:port")
	}
	if u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("url %q: want https://host or https://host:port and nothing else", u.Redacted())
	}
	return &url.URL{Scheme: "https", Host: strings.ToLower(u.Host)}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Memory returns the share in which answers are counted; nil if they are not.
func (c *Client) Memory() *Share { return c.cfg.Memory }

// Do sends the request and returns the answer if its status is 2xx; any other result is an *Error.
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

// whole returns a reader of an answer that is kept in memory as a whole.
func (c *Client) whole(resp *http.Response) *boundedBody {
	b := c.bounded(resp)
	b.max = b.window
	return b
}

// exchange sends the request and passes an answer with status 2xx to read.
func (c *Client) exchange(
	ctx context.Context, req Request, read func(context.Context, *http.Request, *http.Response) error,
) error {
	timeout := req.Timeout
	if timeout == 0 {
		timeout = c.cfg.Timeout
	}
	rejected := c.cfg.Breaker.wait(ctx) // before the time-out starts, and before waiting for a sign-in or a rate limit
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, &TimeoutError{After: timeout})
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	ctx, mark := markCall(ctx, req.Operation)
	httpReq, err := c.build(ctx, req)
	if err != nil {
		return err
	}
	if rejected != nil {
		return c.transportError(ctx, httpReq, false, rejected)
	}
	resp, err := c.http.Do(httpReq)
	if err != nil {
		return c.transportError(ctx, httpReq, sent.Load(), err)
	}
	defer func() { _ = resp.Body.Close() }()
	err = c.answer(ctx, req, httpReq, resp, read)
	mark.judge(err)
	return err
}

// answer passes an answer with status 2xx to read; another one is an error.
func (c *Client) answer(
	ctx context.Context, req Request, httpReq *http.Request, resp *http.Response,
	read func(context.Context, *http.Request, *http.Response) error,
) error {
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return c.answerError(ctx, httpReq, resp)
	case compressed(resp):
		return &Error{
			Method: req.Method, Path: httpReq.URL.Path, Status: resp.StatusCode, Sent: true,
			Message: "the answer is compressed, which was not requested", Err: ErrMalformedAnswer,
		}
	}
	return read(ctx, httpReq, resp)
}

// DoJSON sends the request and decodes the answer into out. An answer that is not JSON is an *Error that is neither
// final nor a refusal: front ends of both vendors answer with HTML when they are in trouble (docs/vendors/sps.md 2).
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

// bodyError is the error of an answer with a good status that could not be read completely.
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
		reader = bytes.NewReader(body) // net/http knows the type: sets Content-Length and makes the request repeatable
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
			return nil, fmt.Errorf("%s: %q is not a valid path element", req.Method, element)
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
	if As(err) != nil { // from an authenticating transport, which knows more; its wrapping is kept
		return err
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, ctx.Err()) && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if !sent {
		err = c.cfg.Network.throughProxy(req, err)
	}
	return &Error{
		Method: req.Method, Path: req.URL.Path, Sent: sent, Err: err, ClientCertificate: hasCertificate(c.cfg.TLS),
		Message: c.cfg.Secrets.Show(err.Error(), maxMessage),
	}
}

func (c *Client) answerError(ctx context.Context, req *http.Request, resp *http.Response) error {
	var details ErrorDetails
	if !compressed(resp) {
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // the status matters, however long the page
		if err != nil {
			return c.transportError(ctx, req, true, err)
		}
		details = c.cfg.DecodeError(resp.Header, body)
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		details.Message = "redirects are not followed; check the url of the connection"
	}
	return &Error{
		Method: req.Method, Path: req.URL.Path, Status: resp.StatusCode, Sent: true,
		Code:       c.cfg.Secrets.Show(details.Code, maxCode),
		Message:    c.cfg.Secrets.Show(details.Message, maxMessage),
		Hints:      details.Hints,
		RetryAfter: retryAfter(resp.Header),
	}
}
