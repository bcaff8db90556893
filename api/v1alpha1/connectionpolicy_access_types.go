// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// WebGatewayAuthentication decides whether users must also log in on the appliance's web page.
// +kubebuilder:validation:XValidation:rule="self.mode == 'Enabled' || !has(self.groups) && !has(self.requireSameIP)",message="groups and requireSameIP are allowed only with mode: Enabled"
type WebGatewayAuthentication struct {
	// mode is Enabled or Disabled.
	// +required
	Mode Mode `json:"mode,omitempty"`

	// groups are the names of the user groups that may log in; at most 256. An empty list allows every user and is the
	// default on create.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Groups []string `json:"groups,omitzero"`

	// requireSameIP accepts the log-in only from the address that the connection comes from. Defaults to false on create.
	// +optional
	RequireSameIP *bool `json:"requireSameIP,omitempty"`
}

// AccessPermission is what members of an authorizing group may do.
// +kubebuilder:validation:Enum=Audit;Authorize;AuditAndAuthorize
type AccessPermission string

// What members of an authorizing group may do.
const (
	// AccessPermissionAudit lets them watch sessions.
	AccessPermissionAudit AccessPermission = "Audit"
	// AccessPermissionAuthorize lets them authorize sessions.
	AccessPermissionAuthorize AccessPermission = "Authorize"
	// AccessPermissionAuditAndAuthorize lets them do both.
	AccessPermissionAuditAndAuthorize AccessPermission = "AuditAndAuthorize"
)

// AccessSubjectType selects the sessions that an access rule covers.
// +kubebuilder:validation:Enum=Everybody;Only
type AccessSubjectType string

// Which sessions an access rule covers.
const (
	// AccessSubjectEverybody covers all sessions.
	AccessSubjectEverybody AccessSubjectType = "Everybody"
	// AccessSubjectOnly covers the sessions of one group.
	AccessSubjectOnly AccessSubjectType = "Only"
)

// AccessSubject selects the sessions that an access rule covers.
// +kubebuilder:validation:XValidation:rule="(self.type == 'Only') == has(self.group)",message="group is required with type: Only, and forbidden otherwise"
type AccessSubject struct {
	// type is Everybody, or Only: the members of one group.
	// +required
	Type AccessSubjectType `json:"type,omitempty"`

	// group is the name of the group. Required with type: Only, and forbidden otherwise.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Group string `json:"group,omitempty"`
}

// AccessControlRule defines who may authorize and watch the sessions of a policy.
// +kubebuilder:validation:XValidation:rule="has(self.authorizer) != has(self.authorizerRef)",message="exactly one of authorizer and authorizerRef must be set"
type AccessControlRule struct {
	// authorizer is the name of the group whose members may authorize or watch sessions. Exactly one of authorizer and
	// authorizerRef must be set.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Authorizer string `json:"authorizer,omitempty"`

	// authorizerRef names a LocalUserGroup in the same namespace instead; the policy waits until the group is ready.
	// +optional
	AuthorizerRef *LocalReference `json:"authorizerRef,omitempty"`

	// permission is Audit (watch), Authorize, or AuditAndAuthorize (both).
	// +required
	Permission AccessPermission `json:"permission,omitempty"`

	// requireDifferentIP requires the authorizer to connect from another address than the client. Defaults to false.
	// +optional
	RequireDifferentIP *bool `json:"requireDifferentIP,omitempty"`

	// requireDifferentUsername requires the authorizer to have another user name than the client. Defaults to false.
	// +optional
	RequireDifferentUsername *bool `json:"requireDifferentUsername,omitempty"`

	// subject selects the sessions that the rule covers. Defaults to all sessions.
	// +optional
	Subject *AccessSubject `json:"subject,omitempty"`
}
