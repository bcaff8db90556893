// SPDX-License-Identifier: Apache-2.0

package nps

// Status is the state of an activity session in its life-cycle (nps contract 6.1). A value that this package does not
// know is kept as the server wrote it: it is neither terminal nor a success, so keep polling and show it.
type Status string

// The states of a session.
const (
	// StatusApprovalRequired waits for approvers.
	StatusApprovalRequired Status = "ApprovalRequired"
	// StatusPending is created: it is being provisioned or is scheduled for later.
	StatusPending Status = "Pending"
	// StatusActive is ready to be connected to.
	StatusActive Status = "Active"
	// StatusCancelling is ending; actions after the session still run.
	StatusCancelling Status = "Cancelling"
	// StatusComplete ended because its time was over or its requester ended it.
	StatusComplete Status = "Complete"
	// StatusFailed could not be provisioned.
	StatusFailed Status = "Failed"
	// StatusCancelled was ended early by an administrator.
	StatusCancelled Status = "Cancelled"
	// StatusApprovalDenied was denied by an approver.
	StatusApprovalDenied Status = "ApprovalDenied"
	// StatusApprovalFailed could not get through its approval.
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

// UnmarshalJSON reads an integer or a name and never fails.
func (s *Status) UnmarshalJSON(data []byte) error {
	*s = Status(decodeEnum(data, statusNames))
	return nil
}

// String is the vendor's name of the state, or the raw value of an unknown one.
func (s Status) String() string { return string(s) }

// Known says that s is one of the states above.
func (s Status) Known() bool {
	switch s {
	case StatusApprovalRequired, StatusPending, StatusActive, StatusCancelling:
		return true
	}
	return s.Terminal()
}

// Terminal says that the session is over and will not change again.
func (s Status) Terminal() bool {
	switch s {
	case StatusComplete, StatusFailed, StatusCancelled, StatusApprovalDenied, StatusApprovalFailed:
		return true
	}
	return false
}
