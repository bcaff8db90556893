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

// pageSize is how many summaries are asked for at once; the vendor's own scripts use the same.
const pageSize = 100

// StatusFilter chooses which of the caller's sessions are listed.
type StatusFilter string

// The filters of lists (nps contract 5): a state that is not terminal, or all those that are. In this order they follow
// the life of a session, so that one which moves on while they are read one after the other is not missed. Whether
// FilterActive includes what FilterCancelling lists is not documented.
const (
	FilterApprovalRequired StatusFilter = "ApprovalRequired"
	FilterPending          StatusFilter = "Pending"
	FilterActive           StatusFilter = "Active"
	FilterCancelling       StatusFilter = "Cancelling"
	FilterHistorical       StatusFilter = "Historical"
)

// Summary is the short form of a session in lists (nps contract 5.2).
type Summary struct {
	ID string `json:"id"`
	// Status is the state in the life-cycle. The member that the server calls status is another enumeration.
	Status            Status `json:"sessionStatus"`
	StatusDescription string `json:"sessionStatusDescription"`

	CreatedAt      Time `json:"createdDateTimeUtc"`
	ScheduledStart Time `json:"startDateTimeUtc"`
	ScheduledEnd   Time `json:"endDateTimeUtc"`
	ActualStart    Time `json:"actualStartDateTimeUtc"`
	ActualEnd      Time `json:"actualEndDateTimeUtc"`

	// ManagedAccountID is the account for which the session was made.
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

	// Unread are the members that are there and could not be read, in lower case.
	Unread []string `json:"-"`
}

// UnmarshalJSON reads member by member and never fails; what is no session has no id.
func (s *Summary) UnmarshalJSON(data []byte) error {
	type wire Summary
	out := wire{}
	out.Unread, _ = rest.DecodeLenient(data, &out)
	*s = Summary(out)
	return nil
}

// nowhere is what stands for an id that is missing where the server does not write null.
const nowhere = "00000000-0000-0000-0000-000000000000"

// Session is the summary in the form of the full object, whose names differ (nps contract 5.2). What a summary does not
// have is zero: who cancelled the session, its profile, its credential and its connections.
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
	if s.ManagedResourceID == "" || s.ManagedResourceID == nowhere {
		return out
	}
	out.ManagedResourceID = s.ManagedResourceID
	out.ManagedResource = &ManagedResource{ID: s.ManagedResourceID, Name: s.ManagedResourceName}
	if s.PlatformID != nowhere {
		out.ManagedResource.PlatformID = s.PlatformID
	}
	return out
}

// ListMine lists the caller's sessions that pass the filter and, unless it is "", hold filterText in a searched member
// such as the note. All pages are read; a session that moves between pages meanwhile is listed once, or may be missed:
// read one that is missing by its id.
func (c *Client) ListMine(ctx context.Context, filter StatusFilter, filterText string) ([]Summary, error) {
	return c.SearchMine(ctx, filter, Search{Text: filterText}, func(Summary) bool { return true })
}

// Search narrows a list down.
type Search struct {
	// Text is held in a searched member such as the note; empty does not narrow.
	Text string
	// Since is the earliest scheduled start; zero does not narrow. A server that does not know the parameter lists more,
	// so look at the times as well.
	Since time.Time
}

// SearchMine is ListMine of what keep wants. It is asked for each session once, while the list is read: of years of
// sessions only what is wanted is ever in memory.
func (c *Client) SearchMine(
	ctx context.Context, filter StatusFilter, search Search, keep func(Summary) bool,
) ([]Summary, error) {
	query := url.Values{}
	if search.Text != "" {
		query.Set("filterText", search.Text)
	}
	if !search.Since.IsZero() {
		query.Set("startDate", requestTime(search.Since))
	}
	list := summaryList{keep: keep, exact: search.Text != "", clean: c.words.cleaner(), seen: map[string]bool{}}
	defer func() { c.rest.Memory().Release(list.held) }()
	for page := 1; ; page++ {
		list.request = session(http.MethodGet, "MySummaryByStatus", string(filter))
		list.request.Query = url.Values{"skip": {strconv.Itoa(list.skip)}, "take": {strconv.Itoa(pageSize)}}
		maps.Copy(list.request.Query, query)
		list.fresh, list.length, list.total, list.broken = 0, 0, 0, 0
		if err := c.rest.Stream(ctx, list.request, list.read); err != nil {
			return nil, err
		}
		if done, err := list.ended(page); done || err != nil {
			return list.kept, err
		}
	}
}

// ServerTime is a time of the local clock by the server's clock, as far as its answers told. It is good to a second or
// two.
func (c *Client) ServerTime(local time.Time) time.Time {
	return c.tokens.clock.at(local)
}

// AccountID is the id of the account that the client has signed in as; "" if that is not known.
func (c *Client) AccountID() string {
	c.tokens.mu.Lock()
	defer c.tokens.mu.Unlock()
	return c.tokens.current.managedAccountID
}
