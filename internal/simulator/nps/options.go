// SPDX-License-Identifier: Apache-2.0

package nps

import "time"

// Options define the server. The zero value means the default catalogue (see the package comment) on the real clock.
type Options struct {
	// Now is the server's clock; time.Now by default.
	Now func() time.Time
	// ProvisioningDelay is how long a session stays Pending; 50 ms by default, negative for none.
	ProvisioningDelay time.Duration
	// TokenLifetime is how long a token is valid; 15 minutes by default (docs/vendors/nps.md 1.4).
	TokenLifetime time.Duration
	// Version is returned by GET Version; "25.12.00002" by default.
	Version string
	// ProxyHost is the host in RDP files and SSH URLs; "nps-proxy.lab.test" by default.
	ProxyHost string

	Users        []User
	Applications []Application
	Platforms    []Platform
	Resources    []Resource
	Credentials  []Credential
	Activities   []Activity
	Policies     []Policy

	// Switches are the initial choices for what the vendor leaves open.
	Switches Switches
}

// User signs in with a password. Without TOTPSecret and MFACode the user needs no second factor, and any text passes as
// the code.
type User struct {
	// ID is the managed account's GUID; derived from Login by default, like all IDs in the catalogue.
	ID string
	// Login is DOMAIN\user; user@DOMAIN is accepted as well. Case does not matter.
	Login    string
	Password string
	// TOTPSecret is the Base32 secret of the internal second factor (docs/vendors/nps.md 1.3).
	TOTPSecret string
	// MFACode is a code that never changes.
	MFACode string
	Admin   bool
}

// Application is a REST-only user: API key and TLS client certificate (docs/vendors/nps.md 2).
type Application struct {
	ID     string
	Login  string
	APIKey string
	// SerialNumber is the hexadecimal serial number of the client certificate. Empty accepts any certificate, as long as
	// the request names the number of the one presented.
	SerialNumber string
	Admin        bool
}

// Platform is the kind of system that a resource is; custom platforms are clones with a base (docs/vendors/nps.md 7.3).
type Platform struct {
	ID, Name string
	// BaseID is the ID of the built-in platform that a custom one was cloned from.
	BaseID string
}

// IDs of built-in platforms (docs/vendors/nps.md 7.3).
const (
	PlatformWindows         = "d07c4352-ea1a-44a2-8fe8-6f198ec1119f"
	PlatformActiveDirectory = "d6a07d9c-4b2e-4430-8c5b-401724dce933"
	PlatformLinux           = "43a54a6d-1ba3-4b98-a2eb-552e03c60766"
	PlatformCisco           = "2ac3b44b-86ff-455f-8ff1-e2e27c790c3e"
)

// ResourceType is the vendor's ManagedResourceType (docs/vendors/nps.md 6.2).
type ResourceType int

// Resource types.
const (
	Host ResourceType = iota
	Domain
	Website
	AzureADTenant
	SecretVault
	Database
)

// Resource is a system that sessions are opened on.
type Resource struct {
	ID string
	// Name is the DNS host name or IP address under which the resource is registered.
	Name        string
	DisplayName string
	IPAddress   string
	Type        ResourceType
	PlatformID  string
}

// Credential is an account that can be checked out instead of opening a resource.
type Credential struct {
	ID, Name, Username, Domain, Password string
}

// ActivityType is the vendor's activityType (docs/vendors/nps.md 4.3).
type ActivityType int

// Activity types.
const (
	Interactive ActivityType = iota
	InteractiveAppLaunch
	TaskAutomation
	CredentialRelease
)

// LoginAccount is the account that a session logs in with (docs/vendors/nps.md 4.3).
type LoginAccount int

// Log-in account types.
const (
	LoginRequester LoginAccount = iota
	LoginManaged
	LoginActivityToken
	LoginVault
	LoginResource
)

// Activity is something that can be done on a resource.
type Activity struct {
	ID, Name     string
	Type         ActivityType
	PlatformID   string
	LoginAccount LoginAccount
}

// Policy allows activities on resources or credentials. The matching policy with the lowest Priority is used.
type Policy struct {
	ID, Name string
	Priority int
	Disabled bool
	// Users are logins of users and applications; empty means all.
	Users []string
	// Activities, Resources and Credentials are names.
	Activities, Resources, Credentials []string
	Profile                            Profile
}

// Approval is what happens to a request that a policy allows.
type Approval int

// Approval types.
const (
	// ApprovalAutomatic starts the session at once.
	ApprovalAutomatic Approval = iota
	// ApprovalWorkflow waits for an approver.
	ApprovalWorkflow
	// ApprovalDeny refuses every request.
	ApprovalDeny
)

// Profile is the connection profile, which the API calls activityConfiguration (docs/vendors/nps.md 4.3).
type Profile struct {
	// MaxSessionLength is the maximum and the default length of a session; 20 hours by default.
	MaxSessionLength time.Duration
	AllowExtension   bool
	// ExtensionMinutes is how much one extension adds (30 by default), ExtensionCount how many are allowed (2).
	ExtensionMinutes, ExtensionCount int
	NotesRequired, TicketRequired    bool
	Approval                         Approval
	// Approvers are the logins that may decide, besides administrators.
	Approvers []string
	// PasswordAccessDenied hides the password of the log-in account.
	PasswordAccessDenied bool
	CustomFields         []CustomField
}

// CustomFieldType is the vendor's customFieldDataType (docs/vendors/nps.md 4.1).
type CustomFieldType int

// Custom field types.
const (
	IntegerField CustomFieldType = iota
	StringField
	OptionsField
)

// CustomField is an additional field that a profile requires.
type CustomField struct {
	Name     string
	Type     CustomFieldType
	Required bool
	// Options are the allowed values of an OptionsField.
	Options []string
}
