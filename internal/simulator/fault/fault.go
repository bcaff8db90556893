// SPDX-License-Identifier: Apache-2.0

// Package fault makes a simulated appliance misbehave on request and records every request it was sent.
//
// It stands in front of an appliance as HTTP middleware, so that the appliance itself is written from its contract
// alone and knows nothing of faults in transport: delays, dropped connections before or after the appliance acted,
// foreign status codes, HTML instead of JSON, half a body.
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

// Drop says when the connection of a request is cut without an answer.
type Drop string

// When a connection is cut.
const (
	// DropNever answers.
	DropNever Drop = ""
	// DropBefore cuts the connection before the appliance saw the request: nothing happened.
	DropBefore Drop = "Before"
	// DropAfter cuts the connection after the appliance acted: it happened, and the client cannot know.
	DropAfter Drop = "After"
	// DropLate cuts the connection at once, and the appliance acts after Delay, as if the network had kept the request.
	DropLate Drop = "Late"
	// DropHalf sends the header and half of the body of the appliance's answer, then cuts the connection.
	DropHalf Drop = "Half"
)

// Rule is one fault. A request that matches Method and Path suffers it, Times times (0 = for ever).
type Rule struct {
	// Name identifies the rule for Remove and for people who read the list.
	Name string `json:"name"`
	// Method is the HTTP method; empty matches all.
	Method string `json:"method,omitempty"`
	// Path is a regular expression that is matched against path and raw query ("/api/x?y=z"); empty matches all.
	Path string `json:"path,omitempty"`
	// Skip lets this many matching requests pass before the rule applies.
	Skip int `json:"skip,omitempty"`
	// Times is how often the rule applies; 0 means always.
	Times int `json:"times,omitempty"`
	// Delay is waited before the request is looked at, or, with DropLate, acted upon.
	Delay Duration `json:"delay,omitempty"`
	// Drop cuts the connection.
	Drop Drop `json:"drop,omitempty"`
	// Status, when not 0, is answered with Body instead of asking the appliance.
	Status int `json:"status,omitempty"`
	// Acts lets the appliance act on the request before Status is answered, as where something on the way, or the
	// appliance itself, reports a failure of what was done.
	Acts bool `json:"acts,omitempty"`
	// Header is added to the answer that Status makes.
	Header map[string]string `json:"header,omitempty"`
	// Body is the body of the answer that Status makes.
	Body string `json:"body,omitempty"`

	path *regexp.Regexp
	seen int
}

// Duration is a time.Duration that is written as text ("20ms") in JSON.
type Duration time.Duration

// MarshalText writes the duration as time.Duration.String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// Call is one request that reached the simulator, whatever became of it.
type Call struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Query  string    `json:"query,omitempty"`
	// Status is the status that was answered; 0 if the connection was cut.
	Status int `json:"status"`
	// Rule names the fault that applied, if any.
	Rule string `json:"rule,omitempty"`
}

// Injector holds the rules and the record. The zero value has no rules and is ready for use.
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

// Remove takes a rule away; a name that does not exist is no error.
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

// Clear takes all rules away.
func (i *Injector) Clear() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rules = nil
}

// Rules lists the rules in force.
func (i *Injector) Rules() []Rule {
	i.mu.Lock()
	defer i.mu.Unlock()
	out := make([]Rule, 0, len(i.rules))
	for _, r := range i.rules {
		out = append(out, *r)
	}
	return out
}

// OnRequest sets a function that is called with every request before anything else happens to it; nil removes it.
func (i *Injector) OnRequest(f func(*http.Request)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.hook = f
}

// OnAnswer sets a function that is given the body of every answer of the appliance and returns the one that is sent in
// its place; nil removes it.
func (i *Injector) OnAnswer(f func(r *http.Request, body []byte) []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.edit = f
}

// edited puts the function of OnAnswer behind an appliance.
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

// Count says how many recorded calls have this method and a path (without query) that matches the regular expression.
// An expression that does not compile is a mistake of the test that calls Count, and panics.
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

// ResetCalls forgets the record.
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
		defer func() { rec.note(0) }() // the connection is cut by a panic, unless something was answered
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

// apply makes the request suffer the rule.
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

// later has the appliance act on a request when nobody waits for the answer any more. It is recorded then.
func (r *Rule) later(rec *recorder, req *http.Request, next http.Handler) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // it did not arrive as a whole
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

// recorder records a request when its answer begins, so that a client which has the answer finds it in the record.
type recorder struct {
	http.ResponseWriter
	injector *Injector
	call     Call
	noted    bool
}

// serve lets the appliance answer. An appliance that gives up on the connection by a panic is recorded, too.
func (r *recorder) serve(next http.Handler, req *http.Request) {
	status := 0
	defer func() { r.note(status) }()
	next.ServeHTTP(r, req)
	status = http.StatusOK // of an answer without a header and a body of its own
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

// discard takes an answer that the client never sees whole.
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
	w.Header().Set("Content-Length", strconv.Itoa(max(1, len(d.body)))) // an empty answer is cut short, too
	if d.status != 0 {
		w.WriteHeader(d.status)
	}
	_, _ = w.Write(d.body[:len(d.body)/2])
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}
