// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
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
}

// ListMine lists the caller's sessions that pass the filter and, unless it is "", hold filterText in a searched member
// such as the note. All pages are read; a session that moves between pages meanwhile is listed once, or may be missed:
// read one that is missing by its id.
func (c *Client) ListMine(ctx context.Context, filter StatusFilter, filterText string) ([]Summary, error) {
	var all []Summary
	seen := map[string]bool{}
	for skip := 0; ; {
		var page struct {
			Data         []Summary `json:"data"`
			RecordsTotal int       `json:"recordsTotal"`
		}
		req := session(http.MethodGet, "MySummaryByStatus", string(filter))
		req.Query = url.Values{"skip": {strconv.Itoa(skip)}, "take": {strconv.Itoa(pageSize)}}
		if filterText != "" {
			req.Query.Set("filterText", filterText)
		}
		if err := c.rest.DoJSON(ctx, req, &page); err != nil {
			return nil, err
		}
		for _, summary := range page.Data {
			if !seen[summary.ID] {
				seen[summary.ID] = true
				all = append(all, summary)
			}
		}
		skip += len(page.Data) // the server may cap what is asked for
		if len(page.Data) == 0 || skip >= page.RecordsTotal {
			return all, nil
		}
	}
}
