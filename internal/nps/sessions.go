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
func session(operation, method string, elements ...string) rest.Request {
	return apiRequest(operation, method, append([]string{sessionElement}, elements...)...)
}

// Create requests a session (docs/vendors/nps.md 4). It is not idempotent: if rest.IsOutcomeUnknown holds for the
// error, search for the session by its note before requesting it again. A request that breaks the rules of 4.1 is an
// *InvalidRequestError, and nothing is sent.
func (c *Client) Create(ctx context.Context, create CreateRequest) (Session, error) {
	if err := create.Validate(); err != nil {
		return Session{}, err
	}
	req := session(operationRequestSession, http.MethodPost)
	req.Body = create
	resp, err := c.rest.Do(ctx, req)
	if err != nil {
		return Session{}, err
	}
	var created Session
	if json.Unmarshal(resp.Body, &created) == nil && created.bound() {
		return c.redactor.redactSession(created), nil
	}
	if id := lastGUID(resp.Header.Get("Location")); id != "" {
		return Session{ID: id}, nil
	}
	return Session{}, malformed(req, "the session was created, but the answer has no id; "+
		"look it up by its note before requesting it again")
}

var guid = regexp.MustCompile(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)

func lastGUID(location string) string {
	found := guid.FindAllString(location, -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// Get reads a session. Secrets in its description are redacted. A 404 for a known ID may be transient: rely only on a
// second one (docs/vendors/nps.md 13 Q10).
func (c *Client) Get(ctx context.Context, id string) (Session, error) {
	return c.session(ctx, session(operationGetSession, http.MethodGet, id), id)
}

// session reads the session with an ID. An answer that does not repeat the ID is accepted, if it is a session at all.
func (c *Client) session(ctx context.Context, req rest.Request, id string) (Session, error) {
	var s Session
	if err := c.rest.DoJSON(ctx, req, &s); err != nil {
		return Session{}, err
	}
	if !rest.IsIdentifier(s.ID, maxID) && (s.Status != "" || slices.Contains(s.Unread, "status")) {
		s.ID = id
	}
	if !s.bound() {
		return Session{}, malformed(req, "the answer is not an activity session with a valid ID")
	}
	return c.redactor.redactSession(s), nil
}

// End asks the server to end a session as soon as possible, or to drop a pending one. The server does so later: poll
// until the status is terminal. If the session is gone, ending or over already, End succeeds, whatever the server
// answers (docs/vendors/nps.md 9, 13 Q11).
func (c *Client) End(ctx context.Context, id string) error {
	req := session(operationEndSession, http.MethodDelete, id)
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

// Extend requests more time, in minutes, and returns the resulting session. Only ScheduledEnd shows whether it
// succeeded: a refusal may have any status, including 500 (docs/vendors/nps.md 9, 13 Q12).
func (c *Client) Extend(ctx context.Context, id string, minutes int) (Session, error) {
	if minutes <= 0 {
		return Session{}, &InvalidRequestError{Field: "minutes", Problem: "must be above 0"}
	}
	req := session(operationExtendSession, http.MethodPost, id, "Extend")
	req.Body = minutes
	return c.session(ctx, req, id)
}
