// SPDX-License-Identifier: Apache-2.0

package nps

// dataTable is a page of a list (docs/vendors/nps.md 5).
type dataTable struct {
	Data         any `json:"data"`
	RecordsTotal int `json:"recordsTotal"`
}

// summary is the vendor's SessionSummary (docs/vendors/nps.md 5.2). Its names differ from the full object's.
type summary struct {
	summaryPeople
	summaryTarget
	summaryCourse
}

type summaryPeople struct {
	ID                    string  `json:"id"`
	UserID                string  `json:"userId"`
	UserDisplayName       string  `json:"userDisplayName"`
	UserType              int     `json:"userType"`
	TargetUserID          string  `json:"targetUserId"`
	TargetUserDisplayName string  `json:"targetUserDisplayName"`
	CanViewPassword       bool    `json:"canViewPassword"`
	CanAutofillPassword   bool    `json:"canAutofillPassword"`
	ViewPasswordInSeconds *int    `json:"viewPasswordInSeconds"`
	RecordAudio           bool    `json:"recordAudio"`
	CreatedBy             string  `json:"createdBy"`
	CreatedByDisplayName  string  `json:"createdByDisplayName"`
	ManagedAccountID      string  `json:"managedAccountId"`
	Note                  *string `json:"note"`
	Ticket                *string `json:"ticket"`
	LoginAccountName      string  `json:"loginAccountName"`
	LoginDisplayName      string  `json:"loginDisplayName"`
	AccessPolicyID        string  `json:"accessPolicyId"`
	AccessPolicyName      string  `json:"accessPolicyName"`
}

type summaryTarget struct {
	HostID                     *string      `json:"hostId"`
	HostDisplayName            *string      `json:"hostDisplayName"`
	DomainID                   *string      `json:"domainId"`
	DomainName                 *string      `json:"domainName"`
	ManagedResourceID          *string      `json:"managedResourceId"`
	ManagedResourceName        *string      `json:"managedResourceName"`
	ManagedResourceOS          *string      `json:"managedResourceOs"`
	ManagedResourceDisplayName *string      `json:"managedResourceDisplayName"`
	ManagedResourceType        ResourceType `json:"managedResourceType"`
	ActivityID                 string       `json:"activityId"`
	ActivityName               string       `json:"activityName"`
	ActivityType               ActivityType `json:"activityType"`
	PlatformID                 string       `json:"platformId"`
	PlatformName               string       `json:"platformName"`
	ConnectionURI              *string      `json:"connectionUri"`
	TargetID                   *string      `json:"targetId"`
	TargetName                 *string      `json:"targetName"`
	WebsiteID                  *string      `json:"websiteId"`
	AzureADTenantID            *string      `json:"azureAdTenantId"`
	VaultID                    *string      `json:"vaultId"`
	ManagedDatabaseID          *string      `json:"managedDatabaseId"`
}

type summaryCourse struct {
	StartDateTimeUtc           string   `json:"startDateTimeUtc"`
	ActualStartDateTimeUtc     *string  `json:"actualStartDateTimeUtc"`
	EndDateTimeUtc             string   `json:"endDateTimeUtc"`
	ActualEndDateTimeUtc       *string  `json:"actualEndDateTimeUtc"`
	DurationInSeconds          int      `json:"durationInSeconds"`
	CreatedDateTimeUtc         string   `json:"createdDateTimeUtc"`
	ExpirationDateTimeUtc      string   `json:"expirationDateTimeUtc"`
	SessionStatus              any      `json:"sessionStatus"`
	SessionStatusDescription   *string  `json:"sessionStatusDescription"`
	Status                     any      `json:"status"`
	StatusMessage              *string  `json:"statusMessage"`
	LoginDateTimeUtc           *string  `json:"loginDateTimeUtc"`
	LoginSessionState          int      `json:"loginSessionState"`
	ProxySessions              []object `json:"proxySessions"`
	Locked                     bool     `json:"locked"`
	AllowSessionExtension      bool     `json:"allowSessionExtension"`
	SessionExtensionCount      int      `json:"sessionExtensionCount"`
	SessionExtensionMinutes    int      `json:"sessionExtensionMinutes"`
	ExpirationTimeoutThreshold int      `json:"expirationTimeoutThreshold"`
}

// summarise shows a session in the given state.
func (s *Server) summarise(sw *Switches, x *session, st state) summary {
	return summary{
		summaryPeople: x.people(st),
		summaryTarget: s.summaryTarget(x),
		summaryCourse: x.summaryCourse(sw, st),
	}
}

func (x *session) people(st state) summaryPeople {
	return summaryPeople{
		ID: x.id, UserID: x.owner.userID, UserDisplayName: x.owner.login, UserType: x.owner.kind(),
		TargetUserID: deriveGUID("target user", x.loginName()), TargetUserDisplayName: x.loginName(),
		CanViewPassword: x.passwordAllowed(st), CreatedBy: x.creator.userID, CreatedByDisplayName: x.creator.login,
		ManagedAccountID: x.owner.id, Note: x.note, Ticket: x.ticket,
		LoginAccountName: x.loginName(), LoginDisplayName: x.loginName(),
		AccessPolicyID: x.policy.ID, AccessPolicyName: x.policy.Name,
	}
}

func (s *Server) summaryTarget(x *session) summaryTarget {
	o := summaryTarget{
		ActivityID: x.activity.ID, ActivityName: x.activity.Name, ActivityType: x.activity.Type, PlatformID: zeroGUID,
		TargetName: optional(x.target.name()),
	}
	if r := x.target.resource; r != nil {
		o.ManagedResourceID, o.ManagedResourceName, o.ManagedResourceType = &r.ID, &r.Name, r.Type
		o.ManagedResourceDisplayName = optional(r.DisplayName)
		o.PlatformID, o.PlatformName = r.PlatformID, s.catalogue.platformName(r.PlatformID)
		o.ManagedResourceOS = optional(o.PlatformName)
		o.HostID, o.TargetID = optional(hostID(r)), optional(hostID(r))
	}
	return o
}

func (x *session) summaryCourse(sw *Switches, st state) summaryCourse {
	profile := &x.policy.Profile
	return summaryCourse{
		StartDateTimeUtc: sw.timeText(x.life.start), ActualStartDateTimeUtc: sw.timePointer(st.started),
		EndDateTimeUtc: sw.timeText(x.life.end), ActualEndDateTimeUtc: sw.timePointer(st.ended),
		DurationInSeconds:  int(x.life.end.Sub(x.life.start).Seconds()),
		CreatedDateTimeUtc: sw.timeText(x.life.created), ExpirationDateTimeUtc: sw.timeText(x.life.end),
		SessionStatus: sw.statusValue(st), SessionStatusDescription: sw.descriptionText(st),
		Status: x.summaryStatus(sw, st), ProxySessions: []object{}, Locked: x.locked,
		AllowSessionExtension: profile.AllowExtension, SessionExtensionMinutes: profile.ExtensionMinutes,
		SessionExtensionCount:      x.extensionsLeft(sw.ExtensionCountFalls),
		ExpirationTimeoutThreshold: int(defaultNotification.Minutes()),
	}
}

// summaryStatus is the summary's `status`, a different enumeration from its `sessionStatus` (docs/vendors/nps.md 5.2).
func (x *session) summaryStatus(sw *Switches, st state) any {
	switch {
	case sw.SummaryStatusIsSessionStatus:
		return sw.statusValue(st)
	case st.raw != nil:
		return summaryStatus(0)
	case x.locked && !st.status.Ended():
		return summaryLocked
	}
	return summaryStatuses[st.status]
}
