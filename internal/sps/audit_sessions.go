// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// ActiveSession is a session that the appliance is recording.
type ActiveSession struct {
	// SessionID is the argument of Terminate, for example svc/rUhhQZ3jYsY1NDWYp9DEpq/abcde:29.
	SessionID string
	// PolicyID is the key of the connection policy that admitted the session (docs/vendors/sps.md 8, inferred).
	PolicyID string
	User     string
	// Start is zero if the appliance does not report it, or not in ISO 8601.
	Start time.Time
}

const (
	// maxSessionID is the longest session ID that can be stored, in bytes.
	maxSessionID = 512
	// maxUser bounds the name of a session's user, in bytes.
	maxUser = 256
)

// maxSearchPages bounds one search; a page has 500 sessions by default (docs/vendors/sps.md 8).
const maxSearchPages = 100

// ActiveSessions returns the live sessions of a connection policy, or all of them if the key is empty. The search
// database can lag behind: a session may have ended, or have just begun.
//
// Whether sessions can be searched by policy is uncertain (docs/vendors/sps.md Q19), and an overlooked session stays
// open. So if that search is refused or finds nothing, all live sessions are read and filtered here.
func (c *Client) ActiveSessions(ctx context.Context, connectionPolicyKey string) ([]ActiveSession, error) {
	const active = "active:true"
	if connectionPolicyKey != "" {
		narrow := active + " AND recording.connection_policy_id:" + luceneTerm(connectionPolicyKey)
		found, err := c.searchActive(ctx, narrow, connectionPolicyKey)
		if len(found) > 0 || err != nil && !rest.IsRejected(err) {
			return found, err
		}
	}
	return c.searchActive(ctx, active, connectionPolicyKey)
}

// Terminate ends a live session at once, by its SessionID; it needs no transaction. rest.IsNotFound means that the
// session has ended already, or that the appliance is too old for this call (before about 6.13).
func (c *Client) Terminate(ctx context.Context, sessionID string) error {
	_, err := c.reader.rest.Do(ctx, rest.Request{
		Operation: operationCloseSession, Method: http.MethodDelete, Path: []string{"api", "active-sessions"},
		Query: url.Values{"id": {sessionID}},
	})
	return err
}

// IsTerminationFault reports whether the appliance could not end a session for an internal reason. It has two codes for
// this (docs/vendors/sps.md 8), and a 500 without one means the same.
func IsTerminationFault(err error) bool {
	answer := rest.As(err)
	return answer != nil && answer.Status == http.StatusInternalServerError
}

// auditSession is a session as the search shows it. What the search indexes differs by version and protocol, so each
// member is decoded separately: one in an unknown form must not keep this session open, let alone the others found with
// it.
type auditSession struct {
	Body *members `json:"body"`
}

// members are those of an object whose types are unknown.
type members map[string]json.RawMessage

// UnmarshalJSON treats anything but an object as one without members.
func (m *members) UnmarshalJSON(data []byte) error {
	*m = members{}
	_ = json.Unmarshal(data, (*map[string]json.RawMessage)(m))
	return nil
}

func (m members) object(name string) members {
	var inner members
	_ = json.Unmarshal(m[name], &inner) // anything but an object has no members
	return inner
}

// text returns a member that is a string, a number, or the first of a list of strings: server_username is such a list
// (docs/vendors/sps.md 8).
func (m members) text(name string) string {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(m[name]))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return ""
	}
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	for _, element := range list {
		switch text := element.(type) {
		case string:
			if text != "" {
				return text
			}
		case json.Number:
			return text.String()
		}
	}
	return ""
}

// isFalse reports whether a member is present and false.
func (m members) isFalse(name string) bool { return string(m[name]) == "false" }

// searchPage is one page of a search. At most one session is in memory as the appliance sent it.
type searchPage struct {
	search *search
	// there is set if the answer had a list, items is the length of the list, and fresh is set if one of them was new.
	there, fresh bool
	items        int
	next         string
	matchCount   int
}

// search is the state of a search.
type search struct {
	request   rest.Request
	policyKey string
	found     []ActiveSession
	// known are the IDs of the sessions that were read, wanted or not.
	known map[string]bool
	// asked are the queries that were sent.
	asked    map[string]bool
	read     int
	reserved int64
}

func (c *Client) searchActive(ctx context.Context, q, policyKey string) ([]ActiveSession, error) {
	s := search{
		request: rest.Request{
			Operation: operationFindSessions, Method: http.MethodGet, Path: []string{"api", "audit", "sessions"},
			Query: url.Values{"q": {q}, "fields": {"*"}},
		},
		policyKey: policyKey, known: map[string]bool{}, asked: map[string]bool{},
	}
	defer func() { c.reader.rest.Memory().Release(s.reserved) }()
	for range maxSearchPages {
		s.asked[s.request.Query.Encode()] = true
		page := searchPage{search: &s}
		if err := c.reader.rest.Stream(ctx, s.request, page.decode); err != nil {
			return nil, err
		}
		s.read += page.items
		next := page.nextQuery(s.request.Query, s.read)
		switch {
		case !page.there:
			return nil, malformed(s.request, "the answer has no items")
		case next == nil:
			return s.found, nil
		case s.asked[next.Encode()]:
			return nil, malformed(s.request, "the search returns to a page that was already read")
		case !page.fresh: // the rest would be the same again, or endless
			return nil, malformed(s.request, "the search repeats itself")
		}
		s.request.Query = next
	}
	return nil, malformed(s.request, "the search has no end")
}

func (p *searchPage) decode(s *rest.Stream) error {
	return s.Members(func(name string) (err error) {
		switch strings.ToLower(name) {
		case "items":
			p.there, err = s.Items(func() error { return p.item(s) })
			return err
		case "meta":
			var meta members
			err := s.Value(&meta)
			p.next = meta.text("next")
			p.matchCount, _ = strconv.Atoi(meta.text("match_count"))
			return err
		}
		return s.Skip()
	})
}

// sessionOverhead is what a session takes in addition to its texts, in bytes.
const sessionOverhead = 256

// item adds a session if it is wanted. Pages shift when sessions begin or end meanwhile, so a session may occur twice.
func (p *searchPage) item(s *rest.Stream) error {
	var item auditSession
	if err := s.Value(&item); err != nil {
		return err
	}
	if item.Body == nil { // skipping it could leave a live session open
		return malformed(p.search.request, "an item of the answer has no body")
	}
	p.items++
	id := item.Body.object("recording").text("session_id")
	switch {
	case id == "":
		p.fresh = true
		return nil
	case !rest.IsIdentifier(id, maxSessionID):
		return malformed(p.search.request, "a session ID of the answer is too long or has invalid characters")
	case p.search.known[id]:
		return nil
	}
	size := int64(2*len(id)) + sessionOverhead
	if err := s.Reserve(size); err != nil {
		return err
	}
	p.fresh, p.search.known[id], p.search.reserved = true, true, p.search.reserved+size
	if session, ok := item.live(p.search.policyKey); ok {
		p.search.found = append(p.search.found, session)
	}
	return nil
}

// nextQuery returns the query of the next page, nil after the last one. Only the query of the link is used: requests go
// to the appliance and nowhere else.
func (p *searchPage) nextQuery(query url.Values, read int) url.Values {
	if p.items == 0 {
		return nil
	}
	if p.next != "" {
		if link, err := url.Parse(p.next); err == nil && link.RawQuery != "" {
			return link.Query()
		}
	}
	if p.matchCount <= read {
		return nil
	}
	query = maps.Clone(query)
	query.Set("offset", strconv.Itoa(read))
	return query
}

// live returns the session if it is wanted and can be terminated.
func (s auditSession) live(policyKey string) (ActiveSession, bool) {
	recording := s.Body.object("recording")
	id, policy := recording.text("session_id"), recording.text("connection_policy_id")
	if s.Body.isFalse("active") || id == "" || policyKey != "" && policy != policyKey {
		return ActiveSession{}, false
	}
	user := s.Body.object("user")
	name := cmp.Or(user.text("name"), user.text("gateway_username"), user.text("server_username"))
	session := ActiveSession{
		SessionID: id, PolicyID: rest.Shorten(policy, maxKey), User: rest.Shorten(name, maxUser),
	}
	session.Start, _ = time.Parse(time.RFC3339, s.Body.text("start_time"))
	return session, true
}

// luceneTerm escapes what would end a term of the search language or, at its beginning, negate it.
func luceneTerm(term string) string {
	var b strings.Builder
	for i, r := range term {
		if strings.ContainsRune(`+&|!(){}[]^"~*?:\/ `, r) || r == '-' && i == 0 {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
