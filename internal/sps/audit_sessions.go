// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
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
	// SessionID is what Terminate takes, for example svc/rUhhQZ3jYsY1NDWYp9DEpq/abcde:29.
	SessionID string
	// PolicyID is the key of the connection policy that let the session in (sps contract 8, inferred).
	PolicyID string
	User     string
	// Start is zero where the appliance does not tell it, or in a form that is not ISO 8601.
	Start time.Time
}

const (
	// maxSessionID is the longest id of a session that can be stored, in bytes.
	maxSessionID = 512
	// maxUser bounds the name of a session's user, in bytes.
	maxUser = 256
)

// maxSearchPages bounds one search; a page has 500 sessions by default (sps contract 8).
const maxSearchPages = 100

// ActiveSessions returns the live sessions of a connection policy, or of all with an empty key. The search database
// can lag behind: a session may have ended, or just begun.
//
// Whether sessions can be searched by policy is not certain (sps contract Q19), and one that is overlooked stays open.
// So where that search is refused or finds nothing, all live sessions are read and sorted out here.
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

// Terminate ends a live session, by its SessionID and at once; no transaction is involved. rest.IsNotFound means that
// it has ended already, or that the appliance is too old to do this (before about 6.13).
func (c *Client) Terminate(ctx context.Context, sessionID string) error {
	_, err := c.reader.rest.Do(ctx, rest.Request{
		Method: http.MethodDelete, Path: []string{"api", "active-sessions"}, Query: url.Values{"id": {sessionID}},
	})
	return err
}

type auditSession struct {
	Body *struct {
		Active    *bool     `json:"active"`
		StartTime any       `json:"start_time"`
		User      auditUser `json:"user"`
		Recording struct {
			SessionID          string `json:"session_id"`
			ConnectionPolicyID string `json:"connection_policy_id"`
		} `json:"recording"`
	} `json:"body"`
}

type auditUser struct {
	Name            string `json:"name"`
	GatewayUsername string `json:"gateway_username"`
	ServerUsername  string `json:"server_username"`
}

// searchPage is one page of a search, of which no more than one session is in memory as the appliance sent it.
type searchPage struct {
	search *search
	// there says that the answer had a list, items how many it had, and fresh that one of them was not known.
	there, fresh bool
	items        int
	next         string
	matchCount   int
}

// search is what a search has found so far.
type search struct {
	request   rest.Request
	policyKey string
	found     []ActiveSession
	// known are the ids of the sessions that were read, whether they are wanted or not.
	known map[string]bool
	// asked are the queries that were sent.
	asked map[string]bool
	read  int
	held  int64
}

func (c *Client) searchActive(ctx context.Context, q, policyKey string) ([]ActiveSession, error) {
	s := search{
		request: rest.Request{
			Method: http.MethodGet, Path: []string{"api", "audit", "sessions"},
			Query: url.Values{"q": {q}, "fields": {"*"}},
		},
		policyKey: policyKey, known: map[string]bool{}, asked: map[string]bool{},
	}
	defer func() { c.reader.rest.Memory().Release(s.held) }()
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
			return nil, malformed(s.request, "the search leads back to a page that was read")
		case !page.fresh: // what is left of it would be the same again, or never end
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
			var meta struct {
				Next       string `json:"next"`
				MatchCount int    `json:"match_count"`
			}
			err := s.Value(&meta)
			p.next, p.matchCount = meta.Next, meta.MatchCount
			return err
		}
		return s.Skip()
	})
}

// sessionOverhead is what a session takes beside its texts, in bytes.
const sessionOverhead = 256

// item takes over a session if it is one that was asked for. A page shifts when sessions begin or end meanwhile, so one
// may come twice.
func (p *searchPage) item(s *rest.Stream) error {
	var item auditSession
	if err := s.Value(&item); err != nil {
		return err
	}
	if item.Body == nil { // skipped, it would be a live session that nobody ends
		return malformed(p.search.request, "an item of the answer has no body")
	}
	p.items++
	id := item.Body.Recording.SessionID
	switch {
	case id == "":
		p.fresh = true
		return nil
	case !rest.IsIdentifier(id, maxSessionID):
		return malformed(p.search.request, "the id of a session is too long, or has characters that are no part of an id")
	case p.search.known[id]:
		return nil
	}
	size := int64(2*len(id)) + sessionOverhead
	if err := s.Hold(size); err != nil {
		return err
	}
	p.fresh, p.search.known[id], p.search.held = true, true, p.search.held+size
	if session, ok := item.live(p.search.policyKey); ok {
		p.search.found = append(p.search.found, session)
	}
	return nil
}

// nextQuery returns the query of the next page, nil after the last one. Of the link only the query is taken: a request
// goes nowhere but to the appliance.
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

// live returns the session if it is one that was asked for and can be terminated.
func (s auditSession) live(policyKey string) (ActiveSession, bool) {
	if s.Body.Active != nil && !*s.Body.Active || s.Body.Recording.SessionID == "" {
		return ActiveSession{}, false
	}
	recording := s.Body.Recording
	if policyKey != "" && recording.ConnectionPolicyID != policyKey {
		return ActiveSession{}, false
	}
	session := ActiveSession{
		SessionID: recording.SessionID, PolicyID: rest.Shorten(recording.ConnectionPolicyID, maxKey),
		User: rest.Shorten(s.Body.User.best(), maxUser),
	}
	if text, ok := s.Body.StartTime.(string); ok {
		session.Start, _ = time.Parse(time.RFC3339, text)
	}
	return session, true
}

func (u auditUser) best() string {
	for _, name := range []string{u.Name, u.GatewayUsername, u.ServerUsername} {
		if name != "" {
			return name
		}
	}
	return ""
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
