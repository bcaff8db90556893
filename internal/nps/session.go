// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// Session contains the members of an activity session that a controller needs, out of the 61 that the server sends
// (docs/vendors/nps.md 5.1). Members that are null or cannot be decoded are zero: the rest of a session does not depend
// on them.
type Session struct {
	ID                string `json:"id"`
	Status            Status `json:"status"`
	StatusDescription string `json:"statusDescription"` // for display only; the wording is not fixed

	CreatedAt      Time `json:"createdDateTimeUtc"`
	ScheduledStart Time `json:"scheduledStartDateTimeUtc"`
	ScheduledEnd   Time `json:"scheduledEndDateTimeUtc"`
	ActualStart    Time `json:"actualStartDateTimeUtc"`
	ActualEnd      Time `json:"actualEndDateTimeUtc"`

	ActivityID        string           `json:"activityId"`
	Activity          *Activity        `json:"activity"`
	ManagedResourceID string           `json:"managedResourceId"`
	ManagedResource   *ManagedResource `json:"managedResource"` // nil for a session on a credential
	CredentialID      string           `json:"credentialId"`
	AccessPolicyID    string           `json:"accessControlPolicyId"`
	Profile           *Profile         `json:"activityConfiguration"`

	LoginAccountName string `json:"loginAccountName"`
	Locked           bool   `json:"locked"` // the user is locked out although the session is active
	Note             string `json:"note"`
	Ticket           string `json:"ticket"`
	CancelledBy      string `json:"cancelledBy"`

	AllowExtension   bool `json:"allowSessionExtension"`
	ExtensionCount   int  `json:"sessionExtensionCount"`
	ExtensionMinutes int  `json:"sessionExtensionMinutes"`

	// CustomFields is documented as a string and observed as a list, so it is kept as it came.
	CustomFields json.RawMessage `json:"customFields"`

	// Unread are the members that were present but could not be decoded, in lower case.
	Unread []string `json:"-"`
}

// UnmarshalJSON decodes member by member and never fails; anything but a session has no ID.
func (s *Session) UnmarshalJSON(data []byte) error {
	type wire Session
	out := wire{}
	out.Unread, _ = rest.DecodeLenient(data, &out)
	*s = Session(out)
	return nil
}

// PlatformID returns the ID of the resource's platform, or of the activity's if there is no resource; "" if neither has
// one. It decides between RDP and SSH, see IsRDPPlatform.
func (s Session) PlatformID() string {
	if s.ManagedResource != nil && s.ManagedResource.PlatformID != "" {
		return strings.ToLower(s.ManagedResource.PlatformID)
	}
	if s.Activity != nil {
		return strings.ToLower(s.Activity.PlatformID)
	}
	return ""
}

// Activity is what the session does.
type Activity struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Type       ActivityType `json:"activityType"`
	PlatformID string       `json:"platformId"`
}

// ActivityType is what an activity requires of its user (docs/vendors/nps.md 4.3). Unknown values are kept as they
// came.
type ActivityType string

// The types of activities.
const (
	ActivityInteractive          ActivityType = "Interactive"
	ActivityInteractiveAppLaunch ActivityType = "InteractiveAppLaunch"
	// ActivityTaskAutomation is a script, without connections.
	ActivityTaskAutomation ActivityType = "TaskAutomation"
	// ActivityCredentialRelease is a check-out: read it with Client.Password.
	ActivityCredentialRelease ActivityType = "CredentialRelease" //nolint:gosec // the name of a type, not a credential
)

var activityTypeNames = map[int]string{
	0: string(ActivityInteractive),
	1: string(ActivityInteractiveAppLaunch),
	2: string(ActivityTaskAutomation),
	3: string(ActivityCredentialRelease),
}

// UnmarshalJSON decodes an integer or a name and never fails.
func (t *ActivityType) UnmarshalJSON(data []byte) error {
	*t = ActivityType(decodeEnum(data, activityTypeNames))
	return nil
}

// UnmarshalJSON reads member by member and never fails.
func (a *Activity) UnmarshalJSON(data []byte) error {
	type wire Activity
	return lenient(data, (*wire)(a))
}

// ManagedResource is the target of the session. Name is the name under which it is registered: DNS host name or
// address.
type ManagedResource struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	PlatformID  string `json:"platformId"`
	IPAddress   string `json:"ipAddress"`
	HostID      string `json:"hostId"`
}

// UnmarshalJSON reads member by member and never fails.
func (r *ManagedResource) UnmarshalJSON(data []byte) error {
	type wire ManagedResource
	return lenient(data, (*wire)(r))
}

// Profile is the session's own copy of its connection profile.
type Profile struct {
	MaxSessionLength int `json:"maxSessionLength"` // minutes
}

// UnmarshalJSON reads member by member and never fails.
func (p *Profile) UnmarshalJSON(data []byte) error {
	type wire Profile
	return lenient(data, (*wire)(p))
}

// lenient decodes what it can: a session must not be lost, or kept alive, because of one of its members.
func lenient(data []byte, into any) error {
	_, _ = rest.DecodeLenient(data, into) // only objects have members to decode
	return nil
}
