// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"encoding/json"
	"net/url"
)

// PolicyQuery names what a policy should allow to the caller.
type PolicyQuery struct {
	ActivityName string
	ResourceName string
}

// PolicyMatch is a policy that allows what was asked for (nps contract 10).
type PolicyMatch struct {
	ID                   string `json:"id"`
	Name                 string `json:"name"`
	Priority             int    `json:"priority"`
	NotesRequired        bool   `json:"notesRequired"`
	TicketRequired       bool   `json:"ticketRequired"`
	ApprovalTypeRequired int    `json:"approvalTypeRequired"`                  // 0 deny, 1 allow, 2 workflow
	MaxSessionLength     int    `json:"activityConfigurationMaxSessionLength"` // minutes
}

// SearchPolicies asks which policies allow an activity on a resource. It is a courtesy before Create and decides
// nothing: go on if it fails. A 400 or 404 says that there is no such policy.
func (c *Client) SearchPolicies(ctx context.Context, query PolicyQuery) ([]PolicyMatch, error) {
	req := get("AccessControlPolicy", "PolicySearch")
	req.Query = url.Values{"activityName": {query.ActivityName}, "resourceName": {query.ResourceName}}
	token, err := c.tokens.get(ctx)
	if err != nil {
		return nil, notSent(req.Method, pathOf(req), err)
	}
	if token.managedAccountID != "" {
		req.Query.Set("managedAccountId", token.managedAccountID)
	}
	var text json.RawMessage
	if err := c.rest.DoJSON(ctx, req, &text); err != nil {
		return nil, err
	}
	matches, err := few[PolicyMatch](text, maxPolicies)
	if err != nil {
		return nil, malformed(req, "the answer is no list of policies")
	}
	return matches, nil
}
