// SPDX-License-Identifier: Apache-2.0

package nps

// Status is the state of an activity session in its life cycle (docs/vendors/nps.md 6.1). An unknown value is kept as
// the server sent it: it is neither terminal nor a success, so keep polling and show it.
type Status string

// The states of a session.
const (
	// StatusApprovalRequired waits for approvers.
	StatusApprovalRequired Status = "ApprovalRequired"
	// StatusPending is created: being provisioned, or scheduled for later.
	StatusPending Status = "Pending"
	// StatusActive is ready to be connected to.
	StatusActive Status = "Active"
	// StatusCancelling is ending; post-session actions are still running.
	StatusCancelling Status = "Cancelling"
	// StatusComplete ended because its time was up or its requester ended it.
	StatusComplete Status = "Complete"
	// StatusFailed could not be provisioned.
	StatusFailed Status = "Failed"
	// StatusCancelled was ended early by an administrator.
	StatusCancelled Status = "Cancelled"
	// StatusApprovalDenied was denied by an approver.
	StatusApprovalDenied Status = "ApprovalDenied"
	// StatusApprovalFailed failed during approval.
	StatusApprovalFailed Status = "ApprovalFailed"
)

var statusNames = map[int]string{
	-1: string(StatusApprovalRequired),
	0:  string(StatusPending),
	1:  string(StatusActive),
	2:  string(StatusCancelling),
	3:  string(StatusComplete),
	4:  string(StatusFailed),
	5:  string(StatusCancelled),
	6:  string(StatusApprovalDenied),
	7:  string(StatusApprovalFailed),
}

// UnmarshalJSON decodes an integer or a name and never fails.
func (s *Status) UnmarshalJSON(data []byte) error {
	*s = Status(decodeEnum(data, statusNames))
	return nil
}

// String returns the vendor's name of the state, or the raw value of an unknown one.
func (s Status) String() string { return string(s) }

// Known reports whether s is one of the states above.
func (s Status) Known() bool {
	switch s {
	case StatusApprovalRequired, StatusPending, StatusActive, StatusCancelling:
		return true
	}
	return s.Terminal()
}

// Terminal reports whether the session is over and will not change again.
func (s Status) Terminal() bool {
	switch s {
	case StatusComplete, StatusFailed, StatusCancelled, StatusApprovalDenied, StatusApprovalFailed:
		return true
	}
	return false
}
