// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"strconv"
	"strings"
)

// Status is the life-cycle status of a session, the vendor's SessionStatus (docs/vendors/nps.md 6.1).
type Status int

// Session statuses.
const (
	ApprovalRequired Status = iota - 1
	Pending
	Active
	Cancelling
	Complete
	Failed
	Cancelled
	ApprovalDenied
	ApprovalFailed
)

var statusNames = []string{
	"ApprovalRequired", "Pending", "Active", "Cancelling", "Complete", "Failed", "Cancelled",
	"ApprovalDenied", "ApprovalFailed",
}

// String returns the vendor's name, or the number of an unknown status.
func (s Status) String() string {
	if s < ApprovalRequired || s > ApprovalFailed {
		return strconv.Itoa(int(s))
	}
	return statusNames[s+1]
}

// Ended reports whether the status is final.
func (s Status) Ended() bool { return s >= Complete && s <= ApprovalFailed }

// parseStatus reads a name, in any case, or a number of the enumeration.
func parseStatus(text string) (Status, bool) {
	for i, name := range statusNames {
		if s := Status(i - 1); strings.EqualFold(name, text) || text == strconv.Itoa(int(s)) {
			return s, true
		}
	}
	return 0, false
}

// summaryStatus is the vendor's SessionSummaryStatus (docs/vendors/nps.md 6.2), another enumeration with similar names.
type summaryStatus int

const (
	_ summaryStatus = iota // Unknown
	_                      // Active: a user is logged on, which never happens here
	summaryActiveNoLogon
	summaryCancelling
	summaryCompleted
	summaryCompletedWithErrors
	summaryPending
	summaryCancelled
	summaryApprovalRequired
	summaryApprovalDenied
	summaryApprovalFailed
	summaryLocked
)

var summaryStatuses = map[Status]summaryStatus{
	ApprovalRequired: summaryApprovalRequired,
	Pending:          summaryPending,
	Active:           summaryActiveNoLogon,
	Cancelling:       summaryCancelling,
	Complete:         summaryCompleted,
	Failed:           summaryCompletedWithErrors,
	Cancelled:        summaryCancelled,
	ApprovalDenied:   summaryApprovalDenied,
	ApprovalFailed:   summaryApprovalFailed,
}
