// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NPSAuthType is the type of account that the operator signs in with.
// +kubebuilder:validation:Enum=ApplicationUser;User
type NPSAuthType string

// Types of accounts that the operator signs in with.
const (
	// NPSAuthApplicationUser signs in with a client certificate and an API key.
	NPSAuthApplicationUser NPSAuthType = "ApplicationUser"
	// NPSAuthUser signs in with a password and a second factor.
	NPSAuthUser NPSAuthType = "User"
)

// NPSAuth defines the account that the operator signs in with, and its Secrets.
// +kubebuilder:validation:XValidation:rule="(self.type == 'ApplicationUser') == has(self.applicationUser)",message="applicationUser is required with type: ApplicationUser, and forbidden otherwise"
// +kubebuilder:validation:XValidation:rule="(self.type == 'User') == has(self.user)",message="user is required with type: User, and forbidden otherwise"
type NPSAuth struct {
	// type is ApplicationUser (client certificate and API key; made for machines) or User (password and second factor).
	// +required
	Type NPSAuthType `json:"type,omitempty"`

	// applicationUser is the application account. Required with type: ApplicationUser, and forbidden otherwise.
	// +optional
	ApplicationUser *NPSApplicationUser `json:"applicationUser,omitempty"`

	// user is the user account. Required with type: User, and forbidden otherwise.
	// +optional
	User *NPSUser `json:"user,omitempty"`
}

// NPSApplicationUser is an account of the type Application.
type NPSApplicationUser struct {
	// credentialsSecretRef names a Secret in the same namespace with the keys login (the application's name) and apiKey.
	// +required
	CredentialsSecretRef SecretReference `json:"credentialsSecretRef,omitzero"`

	// certificateSecretRef names a Secret of type kubernetes.io/tls in the same namespace. It holds the client certificate
	// registered for the application.
	// +required
	CertificateSecretRef SecretReference `json:"certificateSecretRef,omitzero"`

	// serialNumber is the serial number under which the certificate is registered at the server, in hexadecimal. If
	// omitted or empty, it is read from the certificate.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9A-Fa-f: -]*$')",message="serialNumber must be hexadecimal, such as 3F00A1B2; leave it out to read it from the certificate"
	SerialNumber *string `json:"serialNumber,omitempty"`
}

// NPSUser is the account of a person or service, with a password.
type NPSUser struct {
	// credentialsSecretRef names a Secret in the same namespace with the keys username and password and, for the second
	// factor, either totpSecret (the Base32 secret or the whole otpauth URI) or mfaCode (a fixed code). With neither, the
	// account must not require a second factor.
	// +required
	CredentialsSecretRef SecretReference `json:"credentialsSecretRef,omitzero"`
}

// Grant is one set of requests that namespaces may make. A request needs a single grant that allows all of it.
// +kubebuilder:validation:XValidation:rule="has(self.namespaces) != has(self.namespaceSelector)",message="exactly one of namespaces and namespaceSelector must be set"
type Grant struct {
	// namespaces are the names of the namespaces that this grant applies to; at most 256. Exactly one of namespaces and
	// namespaceSelector must be set.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Namespaces []string `json:"namespaces,omitempty"`

	// namespaceSelector selects the namespaces that this grant applies to by label.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// activities are globs (* and ?) for the names of the allowed activities, ignoring case; at most 256. If omitted,
	// every activity is allowed. A request that gives its activity by ID matches only if this is omitted.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Activities []string `json:"activities,omitempty"`

	// resources are globs (* and ?) for the names of the allowed resources or credentials, ignoring case; at most 256. If
	// omitted, all are allowed. A request that gives its resource by ID matches only if this is omitted.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +kubebuilder:validation:items:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	Resources []string `json:"resources,omitempty"`

	// maxDuration is the longest allowed session, extensions included, from 1m to 8760h; a request must then set its
	// duration. If omitted, the server's own maximum applies.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1m') && duration(self) <= duration('8760h')",message="maxDuration must be a duration from 1m to 8760h, such as 2h"
	MaxDuration *metav1.Duration `json:"maxDuration,omitempty"`

	// maxSessions is how many sessions under this grant may be live at the same time, from 1 to 100000; further requests
	// wait. If omitted, only limits.activeSessions applies.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	MaxSessions *int32 `json:"maxSessions,omitempty"`

	// passwords allows requests to set connectionSecret.password. Defaults to false.
	// +optional
	Passwords *bool `json:"passwords,omitempty"`

	// keep allows requests to set deletionPolicy: Keep. A session that is kept counts against no limit once its
	// ActivitySession is deleted. Defaults to false.
	// +optional
	Keep *bool `json:"keep,omitempty"`

	// maxStartDelay is how far in the future startTime may be, from 0s to 8760h. If omitted, startTime is not limited.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('0s') && duration(self) <= duration('8760h')",message="maxStartDelay must be a duration from 0s to 8760h, such as 24h"
	MaxStartDelay *metav1.Duration `json:"maxStartDelay,omitempty"`
}

// NPSLimits limit what the operator does at a server, for all objects of the connection together.
// +kubebuilder:validation:MinProperties=1
type NPSLimits struct {
	// activeSessions is how many sessions may be live at the same time, from 1 to 100000; further requests wait. Defaults
	// to 200.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	ActiveSessions *int32 `json:"activeSessions,omitempty"`

	// requestsPerSecond is how many API calls are made per second at most, from 1 to 1000. Defaults to 20.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	RequestsPerSecond *int32 `json:"requestsPerSecond,omitempty"`

	// maxResponseSize is the largest response that is read, from 64Ki to 512Mi. A larger one is an error, which Ready
	// reports. Defaults to 16Mi.
	// +optional
	// +kubebuilder:validation:XValidation:rule="quantity(self).compareTo(quantity('64Ki')) >= 0 && quantity(self).compareTo(quantity('512Mi')) <= 0",message="maxResponseSize must be from 64Ki to 512Mi"
	MaxResponseSize *resource.Quantity `json:"maxResponseSize,omitempty"`
}

// NPSPolling sets how often the sessions of a connection are listed; one list serves all of them.
// +kubebuilder:validation:MinProperties=1
type NPSPolling struct {
	// starting is the interval while a session is starting or ending, from 50ms to 10m. Defaults to 2s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('50ms') && duration(self) <= duration('10m')",message="starting must be a duration from 50ms to 10m, such as 2s"
	Starting *metav1.Duration `json:"starting,omitempty"`

	// active is the interval while all sessions are active or waiting for approval, from 50ms to 1h. Defaults to 15s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('50ms') && duration(self) <= duration('1h')",message="active must be a duration from 50ms to 1h, such as 15s"
	Active *metav1.Duration `json:"active,omitempty"`
}

// NPSConnectionSpec defines where a server is, how to sign in to it, and who may request what from it.
type NPSConnectionSpec struct {
	// url is the address of the server: https, a host and an optional port, nothing else. The server's own default port is
	// 6500.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() == 'https' && url(self).getHostname() != '' && url(self).getEscapedPath() in ['', '/'] && size(url(self).getQuery()) == 0 && !self.contains('@') && !self.contains('#') && !self.contains('?')",message="url must be https, a host and an optional port, such as https://nps.example.com:6500"
	URL string `json:"url,omitempty"`

	// auth defines the account that the operator signs in with. Wrong credentials are not retried until their Secret
	// changes, because the server locks accounts after too many failures.
	// +required
	Auth NPSAuth `json:"auth,omitzero"`

	// tls defines how the server's certificate is verified. If omitted, the system's trust store is used.
	// +optional
	TLS *TLSSettings `json:"tls,omitempty"`

	// allowedNamespaces selects the namespaces that may refer to this connection. Defaults to its own namespace.
	// +optional
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`

	// grants define what the allowed namespaces may request; at most 128. If omitted or empty, the connection's own
	// namespace may request anything, and other namespaces nothing.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	Grants []Grant `json:"grants,omitempty"`

	// limits limit what the operator does at this server, for all objects together.
	// +optional
	Limits *NPSLimits `json:"limits,omitempty"`

	// polling sets how often sessions are polled.
	// +optional
	Polling *NPSPolling `json:"polling,omitempty"`

	// suspend stops all new requests through this connection; live sessions continue and can be ended. Defaults to false.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`
}

// NPSConnectionStatus is what is known about the server.
type NPSConnectionStatus struct {
	ConnectionStatus `json:",inline"`

	// tokenExpiresAt is when the operator's current token expires; it is renewed before that.
	// +optional
	TokenExpiresAt *metav1.Time `json:"tokenExpiresAt,omitempty"`

	// activeSessions is how many sessions of ActivitySession objects are live at the server.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ActiveSessions *int32 `json:"activeSessions,omitempty"`

	// clockOffset is how far the server's clock is ahead of the operator's, such as 2h0m0s, or -6m40s if it is behind.
	// Unset if the clocks agree or the offset is still unknown. The times in the status of sessions are the server's.
	// +optional
	ClockOffset *metav1.Duration `json:"clockOffset,omitempty"`
}

// NPSConnection defines where a Netwrix Privilege Secure server is, how to sign in, and who may request what from it.
// ActivitySession objects refer to it by name.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=npsc,categories=pam
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Sessions",type=integer,JSONPath=`.status.activeSessions`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.spec.url`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:selectablefield:JSONPath=`.spec.url`
type NPSConnection struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec defines where the server is, how to sign in, and who may request what from it.
	// +required
	Spec NPSConnectionSpec `json:"spec,omitzero"`

	// status is what is known about the server.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status NPSConnectionStatus `json:"status,omitzero"`
}

// NPSConnectionList is a list of NPSConnection.
//
// +kubebuilder:object:root=true
type NPSConnectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []NPSConnection `json:"items"`
}

// Suspended reports whether new requests through this connection are stopped.
func (c *NPSConnection) Suspended() bool { return c.Spec.Suspend != nil && *c.Spec.Suspend }

// Address returns the URL of the connection.
func (c *NPSConnection) Address() string { return c.Spec.URL }

// GetStatus returns the status, for code that handles every kind.
func (c *NPSConnection) GetStatus() ObjectStatus { return &c.Status }

// TLSSettings returns how the server's certificate is verified; nil means the system's trust store.
func (c *NPSConnection) TLSSettings() *TLSSettings { return c.Spec.TLS }

// Connectivity returns the part of the status that both kinds of connection share.
func (c *NPSConnection) Connectivity() *ConnectionStatus { return &c.Status.ConnectionStatus }
