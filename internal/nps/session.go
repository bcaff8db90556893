// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// Session is what a controller needs of an activity session, out of the 61 members that the server sends (nps contract
// 5.1). Members that are null there are zero here, and so are those that cannot be read: the rest of a session does not
// depend on them.
type Session struct {
	ID                string `json:"id"`
	Status            Status `json:"status"`
	StatusDescription string `json:"statusDescription"` // for people only; its wording is free

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
	Locked           bool   `json:"locked"` // the user is kept out although the session is active
	Note             string `json:"note"`
	Ticket           string `json:"ticket"`
	CancelledBy      string `json:"cancelledBy"`

	AllowExtension   bool `json:"allowSessionExtension"`
	ExtensionCount   int  `json:"sessionExtensionCount"`
	ExtensionMinutes int  `json:"sessionExtensionMinutes"`

	ProxySessions ProxySessions `json:"proxySessions"`
	// CustomFields is documented as a text and seen as a list, so it is kept as it came.
	CustomFields json.RawMessage `json:"customFields"`

	// Unread are the members that are there and could not be read, in lower case.
	Unread []string `json:"-"`
}

// UnmarshalJSON reads member by member and never fails; what is no session has no id.
func (s *Session) UnmarshalJSON(data []byte) error {
	type wire Session
	out := wire{}
	out.Unread, _ = rest.DecodeLenient(data, &out)
	*s = Session(out)
	return nil
}

// PlatformID is the id of the resource's platform, or of the activity's where there is no resource; "" if neither has
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

// ActivityType says what an activity needs of its user (nps contract 4.3). Unknown values are kept as they came.
type ActivityType string

// The types of activities.
const (
	ActivityInteractive          ActivityType = "Interactive"
	ActivityInteractiveAppLaunch ActivityType = "InteractiveAppLaunch"
	// ActivityTaskAutomation is a script: nobody connects.
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

// UnmarshalJSON reads an integer or a name and never fails.
func (t *ActivityType) UnmarshalJSON(data []byte) error {
	*t = ActivityType(decodeEnum(data, activityTypeNames))
	return nil
}

// UnmarshalJSON reads member by member and never fails.
func (a *Activity) UnmarshalJSON(data []byte) error {
	type wire Activity
	return lenient(data, (*wire)(a))
}

// ManagedResource is what the session leads to. Name is the name it is registered by: DNS host name or address.
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

// Profile is the session's own copy of its connection profile. Lengths are in minutes.
type Profile struct {
	MaxSessionLength     int  `json:"maxSessionLength"`
	AllowExtension       bool `json:"allowSessionExtension"`
	ExtensionMinutes     int  `json:"sessionExtensionMinutes"`
	ExtensionCount       int  `json:"sessionExtensionCount"`
	ExpirationThreshold  int  `json:"expirationTimeoutThreshold"` // how long before its end the user is warned
	ProxyAutoConnect     bool `json:"proxyAutoConnect"`           // false: the user is asked for password and code
	AllowPasswordAccess  bool `json:"allowPasswordAccess"`
	NotesRequired        bool `json:"notesRequired"`
	TicketRequired       bool `json:"ticketRequired"`
	ApprovalTypeRequired int  `json:"approvalTypeRequired"` // 0 deny, 1 allow, 2 workflow
}

// UnmarshalJSON reads member by member and never fails.
func (p *Profile) UnmarshalJSON(data []byte) error {
	type wire Profile
	return lenient(data, (*wire)(p))
}

// ProxySessions are the first connections of a session.
type ProxySessions []ProxySession

// ProxySession is one connection through the NPS proxy.
type ProxySession struct {
	ID     string `json:"id"`
	Type   string `json:"type"` // RDP, SSH or WebSite
	Active bool   `json:"active"`
	Locked bool   `json:"locked"`
	Start  Time   `json:"startDateTimeUtc"`
	End    Time   `json:"endDateTimeUtc"`
}

// UnmarshalJSON reads member by member and never fails.
func (p *ProxySession) UnmarshalJSON(data []byte) error {
	type wire ProxySession
	return lenient(data, (*wire)(p))
}

// lenient reads what can be read: no session is lost, or lives on, because of one member of it.
func lenient(data []byte, into any) error {
	_, _ = rest.DecodeLenient(data, into) // what is no object has nothing to read
	return nil
}
