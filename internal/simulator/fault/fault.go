// SPDX-License-Identifier: Apache-2.0

// Package fault makes a simulated appliance misbehave on request and records every request it receives.
//
// It wraps an appliance as HTTP middleware, so that the appliance implements its contract and nothing else, and knows
// nothing of transport faults: delays, dropped connections before or after the appliance acted, foreign status codes,
// HTML instead of JSON, truncated bodies.
package fault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// Drop is when the connection of a request is cut without a response.
type Drop string

// When a connection is cut.
const (
	// DropNever answers.
	DropNever Drop = ""
	// DropBefore cuts the connection before the appliance sees the request: nothing happens.
	DropBefore Drop = "Before"
	// DropAfter cuts the connection after the appliance acted: it happened, and the client cannot know.
	DropAfter Drop = "After"
	// DropLate cuts the connection at once, and the appliance acts after Delay, as if the network had held the request
	// back.
	DropLate Drop = "Late"
	// DropHalf sends the header and half of the response body, then cuts the connection.
	DropHalf Drop = "Half"
)

// Rule is one fault. It applies to requests that match Method and Path.
type Rule struct {
	// Name identifies the rule, for Remove and for readers of the list.
	Name string `json:"name"`
	// Method is the HTTP method; empty matches all.
	Method string `json:"method,omitempty"`
	// Path is a regular expression for path and raw query ("/api/x?y=z"); empty matches all.
	Path string `json:"path,omitempty"`
	// Skip is how many matching requests pass before the rule applies.
	Skip int `json:"skip,omitempty"`
	// Times is how often the rule applies; 0 means always.
	Times int `json:"times,omitempty"`
	// Delay is how long to wait before the request is handled or, with DropLate, acted upon.
	Delay Duration `json:"delay,omitempty"`
	// Drop cuts the connection.
	Drop Drop `json:"drop,omitempty"`
	// Status, unless 0, is returned with Body instead of calling the appliance.
	Status int `json:"status,omitempty"`
	// Acts lets the appliance act on the request before Status is returned, as when a proxy or the appliance itself
	// reports a failure of something that was done.
	Acts bool `json:"acts,omitempty"`
	// Header is added to the response with Status.
	Header map[string]string `json:"header,omitempty"`
	// Body is the body of the response with Status.
	Body string `json:"body,omitempty"`

	path *regexp.Regexp
	seen int
}

// Duration is a time.Duration that is text ("20ms") in JSON.
type Duration time.Duration

// MarshalText writes the duration in the format of time.Duration.String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText accepts the format of time.ParseDuration.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// Call is one request that reached the simulator, whatever its outcome.
type Call struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Query  string    `json:"query,omitempty"`
	// Status is the status of the response; 0 if the connection was cut.
	Status int `json:"status"`
	// Rule names the fault that applied, if any.
	Rule string `json:"rule,omitempty"`
}

// Injector holds the rules and the record of calls. The zero value has no rules and is ready for use.
type Injector struct {
	mu    sync.Mutex
	rules []*Rule
	calls []Call
	hook  func(*http.Request)
	edit  func(*http.Request, []byte) []byte
}

// Set adds a rule, or replaces the one of the same name.
func (i *Injector) Set(r Rule) error {
	p, err := regexp.Compile(r.Path)
	if err != nil {
		return fmt.Errorf("rule %q: path is not a regular expression: %w", r.Name, err)
	}
	switch r.Drop {
	case DropNever, DropBefore, DropAfter, DropLate, DropHalf:
	default:
		return fmt.Errorf("rule %q: drop is %q, want Before, After, Late or Half", r.Name, r.Drop)
	}
	r.path, r.seen = p, 0
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, old := range i.rules {
		if old.Name == r.Name {
			i.rules[n] = &r
			return nil
		}
	}
	i.rules = append(i.rules, &r)
	return nil
}

// Remove removes a rule; an unknown name is not an error.
func (i *Injector) Remove(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, r := range i.rules {
		if r.Name == name {
			i.rules = append(i.rules[:n:n], i.rules[n+1:]...)
			return
		}
	}
}

// Clear removes all rules.
func (i *Injector) Clear() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rules = nil
}

// Rules returns the active rules.
func (i *Injector) Rules() []Rule {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := make([]Rule, 0, len(i.rules))
	for _, r := range i.rules {
		out = append(out, *r)
	}
	return out
}

// OnRequest sets a function that is called with every request before anything else happens; nil removes it.
func (i *Injector) OnRequest(f func(*http.Request)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.hook = f
}

// OnAnswer sets a function that receives the body of every response of the appliance and returns its replacement; nil
// removes it.
func (i *Injector) OnAnswer(f func(r *http.Request, body []byte) []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.edit = f
}

// edited wraps an appliance with the function of OnAnswer.
func (i *Injector) edited(next http.Handler) http.Handler {
	i.mu.Lock()
	edit := i.edit
	i.mu.Unlock()
	if edit == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := &discard{header: http.Header{}}
		next.ServeHTTP(d, r)
		body := edit(r, d.body)
		for k, v := range d.header {
			w.Header()[k] = v
		}
		w.Header().Del("Content-Length")
		if d.status != 0 {
			w.WriteHeader(d.status)
		}
		_, _ = w.Write(body)
	})
}

// Calls returns the record since the start or the last ResetCalls, oldest first.
func (i *Injector) Calls() []Call {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]Call{}, i.calls...) // never nil, so that JSON has a list
}

// Count returns how many recorded calls have this method and a path (without query) that matches the regular
// expression. It panics if the expression does not compile, because that is a bug in the test.
func (i *Injector) Count(method, path string) int {
	re := regexp.MustCompile(path)
	n := 0
	for _, c := range i.Calls() {
		if c.Method == method && re.MatchString(c.Path) {
			n++
		}
	}
	return n
}

// ResetCalls clears the record.
func (i *Injector) ResetCalls() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calls = nil
}

// Wrap puts the injector in front of an appliance.
func (i *Injector) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		hook := i.hook
		i.mu.Unlock()
		if hook != nil {
			hook(r)
		}
		rule, next := i.match(r), i.edited(next)
		rec := &recorder{ResponseWriter: w, injector: i}
		rec.call = Call{Time: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery}
		if rule == nil {
			rec.serve(next, r)
			return
		}
		rec.call.Rule = rule.Name
		defer func() { rec.note(0) }() // a panic cuts the connection, unless a response was sent
		rule.apply(rec, r, next)
	})
}

func (i *Injector) match(r *http.Request) *Rule {
	target := r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, rule := range i.rules {
		if rule.Method != "" && rule.Method != r.Method || !rule.path.MatchString(target) {
			continue
		}
		rule.seen++
		if rule.seen <= rule.Skip || rule.Times > 0 && rule.seen > rule.Skip+rule.Times {
			continue
		}
		hit := *rule
		return &hit
	}
	return nil
}

func (i *Injector) record(c Call) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.calls = append(i.calls, c)
}

// apply applies the rule to the request.
func (r *Rule) apply(rec *recorder, req *http.Request, next http.Handler) {
	if r.Drop == DropLate {
		r.later(rec, req, next)
		panic(http.ErrAbortHandler)
	}
	if r.Delay > 0 {
		select {
		case <-time.After(time.Duration(r.Delay)):
		case <-req.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	switch {
	case r.Drop == DropBefore:
		panic(http.ErrAbortHandler)
	case r.Drop == DropAfter:
		next.ServeHTTP(&discard{header: http.Header{}}, req)
		panic(http.ErrAbortHandler)
	case r.Drop == DropHalf:
		d := &discard{header: http.Header{}}
		next.ServeHTTP(d, req)
		d.sendHalf(rec.ResponseWriter)
		panic(http.ErrAbortHandler)
	case r.Status != 0:
		if r.Acts {
			next.ServeHTTP(&discard{header: http.Header{}}, req)
		}
		for k, v := range r.Header {
			rec.Header().Set(k, v)
		}
		rec.WriteHeader(r.Status)
		_, _ = io.WriteString(rec, r.Body)
	default:
		rec.serve(next, req)
	}
}

// later has the appliance act on a request after the client has given up. The request is recorded then.
func (r *Rule) later(rec *recorder, req *http.Request, next http.Handler) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // it did not arrive completely
	}
	rec.noted = true
	late := req.Clone(context.WithoutCancel(req.Context()))
	late.Body = io.NopCloser(bytes.NewReader(body))
	time.AfterFunc(time.Duration(r.Delay), func() {
		d := &discard{header: http.Header{}}
		defer func() {
			rec.call.Time, rec.call.Status = time.Now(), d.status
			rec.injector.record(rec.call)
			reason := recover()
			if err, ok := reason.(error); reason != nil && (!ok || !errors.Is(err, http.ErrAbortHandler)) {
				panic(reason)
			}
		}()
		next.ServeHTTP(d, late)
	})
}

// recorder records a request when its response begins, so that a client that has the response finds it in the record.
type recorder struct {
	http.ResponseWriter
	injector *Injector
	call     Call
	noted    bool
}

// serve calls the appliance. A panic with which the appliance gives up on the connection is recorded, too.
func (r *recorder) serve(next http.Handler, req *http.Request) {
	status := 0
	defer func() { r.note(status) }()
	next.ServeHTTP(r, req)
	status = http.StatusOK // for a response without a header or body of its own
}

func (r *recorder) note(status int) {
	if r.noted {
		return
	}
	r.noted, r.call.Status = true, status
	r.injector.record(r.call)
}

func (r *recorder) WriteHeader(status int) {
	r.note(status)
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.note(http.StatusOK)
	return r.ResponseWriter.Write(p)
}

// discard swallows a response that the client never sees completely.
type discard struct {
	header http.Header
	status int
	body   []byte
}

func (d *discard) Header() http.Header { return d.header }

func (d *discard) WriteHeader(status int) { d.status = status }

func (d *discard) Write(p []byte) (int, error) {
	d.body = append(d.body, p...)
	return len(p), nil
}

func (d *discard) sendHalf(w http.ResponseWriter) {
	for k, v := range d.header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Length", strconv.Itoa(max(1, len(d.body)))) // an empty response is truncated, too
	if d.status != 0 {
		w.WriteHeader(d.status)
	}
	_, _ = w.Write(d.body[:len(d.body)/2])
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}
