// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"

	"github.com/pam-operator/pam-operator/internal/rest"
)

const sessionElement = "ActivitySession"

// session builds a request below /api/v1/ActivitySession.
func session(method string, elements ...string) rest.Request {
	return apiRequest(method, append([]string{sessionElement}, elements...)...)
}

// Create asks for a session (nps contract 4). It is not idempotent: if rest.IsOutcomeUnknown says so of the error, look
// for the session by its note before asking again. A request that breaks the rules of 4.1 is an *InvalidRequestError,
// and nothing is sent.
func (c *Client) Create(ctx context.Context, create CreateRequest) (Session, error) {
	if err := create.Validate(); err != nil {
		return Session{}, err
	}
	req := session(http.MethodPost)
	req.Body = create
	resp, err := c.rest.Do(ctx, req)
	if err != nil {
		return Session{}, err
	}
	var created Session
	if json.Unmarshal(resp.Body, &created) == nil && created.bound() {
		return c.words.session(created), nil
	}
	if id := lastGUID(resp.Header.Get("Location")); id != "" {
		return Session{ID: id}, nil
	}
	return Session{}, malformed(req, "the session was created, but the answer has no id; "+
		"look it up by its note before asking again")
}

var guid = regexp.MustCompile(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)

func lastGUID(location string) string {
	found := guid.FindAllString(location, -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// Get reads a session. Secrets are cut out of its description. A 404 on an id that was known may be a slip: believe the
// second one (nps contract 13 Q10).
func (c *Client) Get(ctx context.Context, id string) (Session, error) {
	return c.session(ctx, session(http.MethodGet, id), id)
}

// session reads an answer that is the session of an id. One that does not repeat the id is it all the same, if it is
// one at all.
func (c *Client) session(ctx context.Context, req rest.Request, id string) (Session, error) {
	var s Session
	if err := c.rest.DoJSON(ctx, req, &s); err != nil {
		return Session{}, err
	}
	if !rest.IsIdentifier(s.ID, maxID) && (s.Status != "" || slices.Contains(s.Unread, "status")) {
		s.ID = id
	}
	if !s.bound() {
		return Session{}, malformed(req, "the answer is no activity session, or one whose ids are no ids")
	}
	return c.words.session(s), nil
}

// End asks the server to end a session as soon as possible, or to drop one that is pending. The server does so later:
// poll until the status is terminal. A session that is gone, or ending or over already, is a success, whatever the
// server answers (nps contract 9, 13 Q11).
func (c *Client) End(ctx context.Context, id string) error {
	req := session(http.MethodDelete, id)
	resp, err := c.rest.Do(ctx, req)
	e := rest.As(err)
	switch {
	case err == nil && isPage(string(resp.Body)):
		return malformed(req, pageAnswer)
	case err == nil || rest.IsNotFound(err):
		return nil
	case e == nil:
		return err
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusInternalServerError:
		s, getErr := c.Get(ctx, id)
		if rest.IsNotFound(getErr) || (getErr == nil && (s.Status.Terminal() || s.Status == StatusCancelling)) {
			return nil
		}
	}
	return err
}

// Extend asks for more time, in minutes, and returns the session as it then is. Whether it helped is told by
// ScheduledEnd alone: a refusal may come with any status, 500 included (nps contract 9, 13 Q12).
func (c *Client) Extend(ctx context.Context, id string, minutes int) (Session, error) {
	if minutes <= 0 {
		return Session{}, &InvalidRequestError{Field: "minutes", Problem: "must be above 0"}
	}
	req := session(http.MethodPost, id, "Extend")
	req.Body = minutes
	return c.session(ctx, req, id)
}
