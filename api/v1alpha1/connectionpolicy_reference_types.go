// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// ApplianceReference identifies an object on the appliance, by its name or by the appliance's own key. Set exactly one
// of them.
// +kubebuilder:validation:XValidation:rule="has(self.name) != has(self.key)",message="exactly one of name and key must be set"
type ApplianceReference struct {
	// name is the name of the object on the appliance. It must exist there exactly once.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Name string `json:"name,omitempty"`

	// key is the appliance's own ID of the object. Only built-in objects have the same key on every appliance.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Key string `json:"key,omitempty"`
}

// ReferenceType marks a reference that deliberately points to nothing.
// +kubebuilder:validation:Enum=None
type ReferenceType string

// ReferenceNone means "no object", where the appliance allows that.
const ReferenceNone ReferenceType = "None"

// OptionalApplianceReference identifies an object on the appliance, or states that none is used. Set exactly one of
// name, key and type.
// +kubebuilder:validation:XValidation:rule="[has(self.name), has(self.key), has(self.type)].filter(x, x).size() == 1",message="exactly one of name, key and type: None must be set"
type OptionalApplianceReference struct {
	// type is None if no object is used. Omit it with name or key.
	// +optional
	Type ReferenceType `json:"type,omitempty"`

	// name is the name of the object on the appliance. It must exist there exactly once.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Name string `json:"name,omitempty"`

	// key is the appliance's own ID of the object. Only built-in objects have the same key on every appliance.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Key string `json:"key,omitempty"`
}

// PolicyReferences name the appliance's other policies that a connection policy uses.
// +kubebuilder:validation:MinProperties=1
type PolicyReferences struct {
	// channel names the protocol's channel policy. Defaults to the one named "all" on create.
	// +optional
	Channel *ApplianceReference `json:"channel,omitempty"`

	// settings names the protocol's settings policy. Defaults to the one named "default" on create.
	// +optional
	Settings *ApplianceReference `json:"settings,omitempty"`

	// audit names the audit policy. Defaults to the one named "default" on create.
	// +optional
	Audit *ApplianceReference `json:"audit,omitempty"`

	// archiveCleanup names the archive and cleanup policy. Defaults to none on create.
	// +optional
	ArchiveCleanup *OptionalApplianceReference `json:"archiveCleanup,omitempty"`

	// backup names the backup policy. Defaults to none on create.
	// +optional
	Backup *OptionalApplianceReference `json:"backup,omitempty"`

	// credentialStore names the credential store. Defaults to none on create.
	// +optional
	CredentialStore *OptionalApplianceReference `json:"credentialStore,omitempty"`

	// ldapServer names the LDAP server. Defaults to none on create.
	// +optional
	LDAPServer *OptionalApplianceReference `json:"ldapServer,omitempty"`

	// usermapping names the usermapping policy. Defaults to none on create.
	// +optional
	Usermapping *OptionalApplianceReference `json:"usermapping,omitempty"`

	// aaPlugin names the authentication and authorization plugin, or on newer appliances its configuration. Defaults to
	// none on create.
	// +optional
	AAPlugin *OptionalApplianceReference `json:"aaPlugin,omitempty"`

	// analytics names the analytics policy. Defaults to none on create.
	// +optional
	Analytics *OptionalApplianceReference `json:"analytics,omitempty"`
}
