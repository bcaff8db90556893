// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// pageSize is how many summaries one request asks for, the same as in the vendor's own scripts.
const pageSize = 100

// StatusFilter selects which of the caller's sessions are listed.
type StatusFilter string

// The filters of lists (docs/vendors/nps.md 5): one non-terminal state, or all terminal ones. They are in life-cycle
// order, so that reading the lists in this order does not miss a session that changes state meanwhile. Whether
// FilterActive includes the sessions of FilterCancelling is undocumented.
const (
	FilterApprovalRequired StatusFilter = "ApprovalRequired"
	FilterPending          StatusFilter = "Pending"
	FilterActive           StatusFilter = "Active"
	FilterCancelling       StatusFilter = "Cancelling"
	FilterHistorical       StatusFilter = "Historical"
)

// Summary is the short form of a session in lists (docs/vendors/nps.md 5.2).
type Summary struct {
	ID string `json:"id"`
	// Status is the state in the life cycle. The member that the server calls status is another enumeration.
	Status            Status `json:"sessionStatus"`
	StatusDescription string `json:"sessionStatusDescription"`

	CreatedAt      Time `json:"createdDateTimeUtc"`
	ScheduledStart Time `json:"startDateTimeUtc"`
	ScheduledEnd   Time `json:"endDateTimeUtc"`
	ActualStart    Time `json:"actualStartDateTimeUtc"`
	ActualEnd      Time `json:"actualEndDateTimeUtc"`

	// ManagedAccountID is the account for which the session was created.
	ManagedAccountID    string       `json:"managedAccountId"`
	ActivityID          string       `json:"activityId"`
	ActivityName        string       `json:"activityName"`
	ActivityType        ActivityType `json:"activityType"`
	ManagedResourceID   string       `json:"managedResourceId"`
	ManagedResourceName string       `json:"managedResourceName"`
	AccessPolicyID      string       `json:"accessPolicyId"`
	PlatformID          string       `json:"platformId"`

	LoginAccountName string `json:"loginAccountName"`
	Locked           bool   `json:"locked"`
	Note             string `json:"note"`
	Ticket           string `json:"ticket"`

	AllowExtension   bool `json:"allowSessionExtension"`
	ExtensionCount   int  `json:"sessionExtensionCount"`
	ExtensionMinutes int  `json:"sessionExtensionMinutes"`

	// Unread are the members that were present but could not be decoded, in lower case.
	Unread []string `json:"-"`
}

// UnmarshalJSON decodes member by member and never fails; anything but a session has no ID.
func (s *Summary) UnmarshalJSON(data []byte) error {
	type wire Summary
	out := wire{}
	out.Unread, _ = rest.DecodeLenient(data, &out)
	*s = Summary(out)
	return nil
}

// emptyGUID is a missing ID in members where the server does not send null.
const emptyGUID = "00000000-0000-0000-0000-000000000000"

// Session returns the summary in the form of the full object, whose names differ (docs/vendors/nps.md 5.2). What a
// summary lacks is zero: who cancelled the session, its profile, its credential and its connections.
func (s Summary) Session() Session {
	out := Session{
		ID: s.ID, Status: s.Status, StatusDescription: s.StatusDescription,
		CreatedAt: s.CreatedAt, ScheduledStart: s.ScheduledStart, ScheduledEnd: s.ScheduledEnd,
		ActualStart: s.ActualStart, ActualEnd: s.ActualEnd,
		ActivityID: s.ActivityID, Activity: &Activity{ID: s.ActivityID, Name: s.ActivityName, Type: s.ActivityType},
		AccessPolicyID: s.AccessPolicyID, LoginAccountName: s.LoginAccountName, Locked: s.Locked,
		Note: s.Note, Ticket: s.Ticket, Unread: s.Unread,
		AllowExtension: s.AllowExtension, ExtensionCount: s.ExtensionCount, ExtensionMinutes: s.ExtensionMinutes,
	}
	if s.ManagedResourceID == "" || s.ManagedResourceID == emptyGUID {
		return out
	}
	out.ManagedResourceID = s.ManagedResourceID
	out.ManagedResource = &ManagedResource{ID: s.ManagedResourceID, Name: s.ManagedResourceName}
	if s.PlatformID != emptyGUID {
		out.ManagedResource.PlatformID = s.PlatformID
	}
	return out
}

// ListMine lists the caller's sessions that pass the filter and, unless filterText is "", contain it in a searched
// member such as the note. It reads all pages; a session that moves between pages meanwhile is listed once, or may be
// missed: read a missing one by its ID.
func (c *Client) ListMine(ctx context.Context, filter StatusFilter, filterText string) ([]Summary, error) {
	return c.SearchMine(ctx, filter, Search{Text: filterText}, func(Summary) bool { return true })
}

// Search narrows down a list.
type Search struct {
	// Text must occur in a searched member such as the note; empty matches all.
	Text string
	// Since is the earliest scheduled start; zero matches all. A server that does not know the parameter lists more, so
	// check the times as well.
	Since time.Time
	// Skipped is told of each record that cannot be read and does not contain Text, by its position; nil is not.
	Skipped func(position int)
}

// SearchMine is ListMine for the sessions that match accepts. It calls match once per session while it reads the list,
// so that of years of sessions only the wanted ones are in memory.
func (c *Client) SearchMine(
	ctx context.Context, filter StatusFilter, search Search, match func(Summary) bool,
) ([]Summary, error) {
	query := url.Values{}
	if search.Text != "" {
		query.Set("filterText", search.Text)
	}
	if !search.Since.IsZero() {
		query.Set("startDate", requestTime(search.Since))
	}
	list := summaryList{
		match: match, text: search.Text, skipped: search.Skipped, redact: c.redactor.memoized(), seen: map[string]bool{},
	}
	defer func() { c.rest.Memory().Release(list.reserved) }()
	for page := 1; ; page++ {
		list.request = session(operationListSessions, http.MethodGet, "MySummaryByStatus", string(filter))
		list.request.Query = url.Values{"skip": {strconv.Itoa(list.skip)}, "take": {strconv.Itoa(pageSize)}}
		maps.Copy(list.request.Query, query)
		list.fresh, list.length, list.total, list.invalid = 0, 0, 0, 0
		if err := c.rest.Stream(ctx, list.request, list.read); err != nil {
			return nil, err
		}
		if done, err := list.ended(page); done || err != nil {
			return list.matches, err
		}
	}
}

// ServerTime converts a time of the local clock to the server's clock, as known from its answers, accurate to a second
// or two.
func (c *Client) ServerTime(local time.Time) time.Time {
	return c.tokens.clock.at(local)
}

// AccountID returns the ID of the account that the client has signed in as; "" if unknown.
func (c *Client) AccountID() string {
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	return c.tokens.current.managedAccountID
}
