// SPDX-License-Identifier: Apache-2.0

package nps

import "time"

// object is a JSON object with more members than the simulator itself needs.
type object = map[string]any

// sessionObject is the full ActivitySession with its 61 members (docs/vendors/nps.md 5.1).
type sessionObject struct {
	sessionOrigin
	sessionSubject
	sessionQueues
	sessionCourse
}

// sessionOrigin is who requested what.
type sessionOrigin struct {
	ID                  string  `json:"id"`
	CreatedBy           string  `json:"createdBy"`
	CreatedByUserName   string  `json:"createdByUserName"`
	CreatedFromAddress  string  `json:"createdFromAddress"`
	CreatedDateTimeUtc  string  `json:"createdDateTimeUtc"`
	CredentialID        *string `json:"credentialId"`
	UserCredentialID    *string `json:"userCredentialId"`
	ConnectCredentialID *string `json:"connectCredentialId"`
	Locked              bool    `json:"locked"`
	LoginAccountName    string  `json:"loginAccountName"`
	VaultID             *string `json:"vaultId"`
	VaultInfo           *string `json:"vaultInfo"`
	Note                *string `json:"note"`
	Ticket              *string `json:"ticket"`
	CustomFields        any     `json:"customFields"`
	NodeID              string  `json:"nodeId"`
	ModifiedDateTimeUtc string  `json:"modifiedDateTimeUtc"`
}

// sessionSubject holds the catalogue's objects that a session uses.
type sessionSubject struct {
	ActivityID              string  `json:"activityId"`
	Activity                object  `json:"activity"`
	ActivityConfigurationID string  `json:"activityConfigurationId"`
	ActivityConfiguration   object  `json:"activityConfiguration"`
	ActivitySessionGroupID  *string `json:"activitySessionGroupId"`
	ActivitySessionGroup    object  `json:"activitySessionGroup"`
	AccessControlPolicyID   string  `json:"accessControlPolicyId"`
	AccessControlPolicy     object  `json:"accessControlPolicy"`
	ManagedAccountID        string  `json:"managedAccountId"`
	ManagedAccount          object  `json:"managedAccount"`
	ManagedResourceID       *string `json:"managedResourceId"`
	ManagedResource         object  `json:"managedResource"`
	TargetUserID            string  `json:"targetUserId"`
	TargetID                *string `json:"targetId"`
}

// sessionQueues are the action queues: IDs without their objects.
type sessionQueues struct {
	SessionInitActionQueueID *string `json:"sessionInitActionQueueId"`
	SessionInitActionQueue   object  `json:"sessionInitActionQueue"`
	CreateUserActionQueueID  *string `json:"createUserActionQueueId"`
	CreateUserActionQueue    object  `json:"createUserActionQueue"`
	DisableUserActionQueueID *string `json:"disableUserActionQueueId"`
	DisableUserActionQueue   object  `json:"disableUserActionQueue"`
	StartActionQueueID       *string `json:"startActionQueueId"`
	StartActionQueue         object  `json:"startActionQueue"`
	DuringActionQueueID      *string `json:"duringActionQueueId"`
	DuringActionQueue        object  `json:"duringActionQueue"`
	MonitorActionQueueID     *string `json:"monitorActionQueueId"`
	MonitorActionQueue       object  `json:"monitorActionQueue"`
	EndActionQueueID         *string `json:"endActionQueueId"`
	EndActionQueue           object  `json:"endActionQueue"`
	MessageActionQueueID     *string `json:"messageActionQueueId"`
	MessageActionQueue       object  `json:"messageActionQueue"`
}

// sessionCourse is how far the session has progressed.
type sessionCourse struct {
	Status                    any        `json:"status"`
	StatusDescription         *string    `json:"statusDescription"`
	ScheduledStartDateTimeUtc string     `json:"scheduledStartDateTimeUtc"`
	ActualStartDateTimeUtc    *string    `json:"actualStartDateTimeUtc"`
	ScheduledEndDateTimeUtc   string     `json:"scheduledEndDateTimeUtc"`
	ActualEndDateTimeUtc      *string    `json:"actualEndDateTimeUtc"`
	CancelledBy               *string    `json:"cancelledBy"`
	ProxySessions             []object   `json:"proxySessions"`
	ApprovalWorkflowID        *string    `json:"approvalWorkflowId"`
	ApprovalWorkflow          object     `json:"approvalWorkflow"`
	ApprovalWorkflowApprovals []approval `json:"approvalWorkflowApprovals"`
	AllowSessionExtension     bool       `json:"allowSessionExtension"`
	SessionExtensionCount     int        `json:"sessionExtensionCount"`
	SessionExtensionMinutes   int        `json:"sessionExtensionMinutes"`
}

// full shows a session in the given state.
func (x *session) full(sw *Switches, st state) sessionObject {
	return sessionObject{
		sessionOrigin:  x.origin(sw),
		sessionSubject: x.subject(),
		sessionQueues:  x.queues(),
		sessionCourse:  x.course(sw, st),
	}
}

func (x *session) origin(sw *Switches) sessionOrigin {
	o := sessionOrigin{
		ID: x.id, CreatedBy: x.creator.userID, CreatedByUserName: x.creator.login,
		CreatedFromAddress: x.fromAddress, CreatedDateTimeUtc: sw.timeText(x.life.created),
		UserCredentialID: optional(deriveGUID("user credential", x.owner.login)),
		Locked:           x.locked, LoginAccountName: x.loginName(),
		Note: x.note, Ticket: x.ticket, CustomFields: x.customFields(sw.CustomFields),
		NodeID: nodeID, ModifiedDateTimeUtc: sw.timeText(x.modified),
	}
	if x.target.credential != nil {
		o.CredentialID = &x.target.credential.ID
	} else {
		o.CredentialID = optional(deriveGUID("service account", x.target.resource.Name))
	}
	return o
}

func (x *session) subject() sessionSubject {
	o := sessionSubject{
		ActivityID: x.activity.ID, Activity: activityObject(x.activity),
		ActivityConfigurationID: x.configID, ActivityConfiguration: x.configuration(),
		ActivitySessionGroupID: optional(x.groupID),
		AccessControlPolicyID:  x.policy.ID, AccessControlPolicy: policyObject(x.policy),
		ManagedAccountID: x.owner.id, ManagedAccount: accountObject(x.owner),
		TargetUserID: deriveGUID("target user", x.loginName()),
	}
	if r := x.target.resource; r != nil {
		o.ManagedResourceID, o.ManagedResource = &r.ID, resourceObject(r)
		o.TargetID = optional(hostID(r))
	}
	return o
}

func (x *session) queues() sessionQueues {
	queue := func(kind string) *string { return optional(deriveGUID(kind+" queue", x.id)) }
	return sessionQueues{
		CreateUserActionQueueID: queue("create user"), DisableUserActionQueueID: queue("disable user"),
		StartActionQueueID: queue("start"), DuringActionQueueID: queue("during"),
		EndActionQueueID: queue("end"), MessageActionQueueID: queue("message"),
	}
}

func (x *session) course(sw *Switches, st state) sessionCourse {
	profile := &x.policy.Profile
	o := sessionCourse{
		Status: sw.statusValue(st), StatusDescription: sw.descriptionText(st),
		ScheduledStartDateTimeUtc: sw.timeText(x.life.start), ActualStartDateTimeUtc: sw.timePointer(st.started),
		ScheduledEndDateTimeUtc: sw.timeText(x.life.end), ActualEndDateTimeUtc: sw.timePointer(st.ended),
		CancelledBy: x.cancelledByID(), ProxySessions: []object{}, AllowSessionExtension: profile.AllowExtension,
		SessionExtensionCount:   x.extensionsLeft(sw.ExtensionCountFalls),
		SessionExtensionMinutes: profile.ExtensionMinutes,
	}
	if x.life.needsApproval {
		o.ApprovalWorkflowID = optional(deriveGUID("approval workflow", x.policy.Name))
		o.ApprovalWorkflowApprovals = x.approvals(sw)
	}
	return o
}

func (x *session) cancelledByID() *string {
	switch {
	case x.cancelledBy != nil:
		return &x.cancelledBy.userID
	case x.byOperator:
		return optional(deriveGUID("user", operatorName))
	}
	return nil
}

// Forms of customFields (docs/vendors/nps.md 5.1, type trap).
const (
	customFieldsArray  = "Array"
	customFieldsString = "String"
	customFieldsObject = "Object"
	customFieldsNull   = "Null"
)

func (x *session) customFields(shape string) any {
	switch shape {
	case customFieldsNull:
		return nil
	case customFieldsString:
		return "[]"
	case customFieldsObject:
		return object{}
	}
	return append([]customField{}, x.fields...)
}

// optional returns nil for an empty text.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// statusValue is the status in the form that the switch selects.
func (sw *Switches) statusValue(st state) any {
	switch {
	case st.raw != nil:
		return st.raw
	case sw.StatusNames:
		return st.status.String()
	}
	return int(st.status)
}

func (sw *Switches) descriptionText(st state) *string {
	if sw.NullStatusDescription {
		return nil
	}
	return optional(st.description)
}

func (sw *Switches) timeText(t time.Time) string {
	if sw.TimesWithoutZone {
		return t.UTC().Format("2006-01-02T15:04:05.9999999")
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// timePointer returns nil for a time that has not come.
func (sw *Switches) timePointer(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := sw.timeText(t)
	return &text
}
