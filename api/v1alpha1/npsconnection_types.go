// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NPSAuthType says as what the operator signs in.
// +kubebuilder:validation:Enum=ApplicationUser;User
type NPSAuthType string

// As what the operator signs in.
const (
	// NPSAuthApplicationUser signs in with a client certificate and an API key.
	NPSAuthApplicationUser NPSAuthType = "ApplicationUser"
	// NPSAuthUser signs in with a password and a second factor.
	NPSAuthUser NPSAuthType = "User"
)

// NPSAuth says as what the operator signs in, and with which Secrets.
// +kubebuilder:validation:XValidation:rule="(self.type == 'ApplicationUser') == has(self.applicationUser)",message="applicationUser is needed with type: ApplicationUser, and only then"
// +kubebuilder:validation:XValidation:rule="(self.type == 'User') == has(self.user)",message="user is needed with type: User, and only then"
type NPSAuth struct {
	// type is ApplicationUser (client certificate and API key; made for machines) or User (password and second factor).
	// +required
	Type NPSAuthType `json:"type,omitempty"`

	// applicationUser is needed with type: ApplicationUser, and only then.
	// +optional
	ApplicationUser *NPSApplicationUser `json:"applicationUser,omitempty"`

	// user is needed with type: User, and only then.
	// +optional
	User *NPSUser `json:"user,omitempty"`
}

// NPSApplicationUser is an account of kind Application.
type NPSApplicationUser struct {
	// credentialsSecretRef names a Secret in the same namespace with the keys login (the application's name) and apiKey.
	// +required
	CredentialsSecretRef SecretReference `json:"credentialsSecretRef,omitzero"`

	// certificateSecretRef names a Secret of type kubernetes.io/tls in the same namespace: the client certificate that is
	// registered with the application.
	// +required
	CertificateSecretRef SecretReference `json:"certificateSecretRef,omitzero"`

	// serialNumber is the serial number of the certificate as it is registered at the server, in hexadecimal. Left out,
	// or empty, it is read from the certificate.
	// +optional
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9A-Fa-f: -]*$')",message="serialNumber must be hexadecimal, such as 3F00A1B2; leave it out to read it from the certificate"
	SerialNumber *string `json:"serialNumber,omitempty"`
}

// NPSUser is an account of a person or service with a password.
type NPSUser struct {
	// credentialsSecretRef names a Secret in the same namespace with the keys username and password, and for the second
	// factor either totpSecret (the Base32 secret, or the whole otpauth URI) or mfaCode (a fixed code). Without either the
	// account must not require a second factor.
	// +required
	CredentialsSecretRef SecretReference `json:"credentialsSecretRef,omitzero"`
}

// Grant is one thing that namespaces may ask for. A request needs one grant that allows all of it.
// +kubebuilder:validation:XValidation:rule="has(self.namespaces) != has(self.namespaceSelector)",message="exactly one of namespaces and namespaceSelector is needed"
type Grant struct {
	// namespaces are the names of the namespaces that this grant is for.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Namespaces []string `json:"namespaces,omitempty"`

	// namespaceSelector selects the namespaces that this grant is for by their labels.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// activities are globs (* and ?) for the names of the activities that may be asked for, without regard to case. Left
	// out, any activity may. A request that names its activity by id matches only if this is left out.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Activities []string `json:"activities,omitempty"`

	// resources are globs (* and ?) for the names of the resources, or credentials, that may be asked for, without regard
	// to case. Left out, any may. A request that names its resource by id matches only if this is left out.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Resources []string `json:"resources,omitempty"`

	// maxDuration is the longest session that may be asked for, extensions included; a request must then say its
	// duration. Left out, the server's own maximum applies.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1m') && duration(self) <= duration('8760h')",message="maxDuration must be a duration from 1m to 8760h, such as 2h"
	MaxDuration *metav1.Duration `json:"maxDuration,omitempty"`

	// maxSessions is how many sessions that this grant covers may live at the same time; further requests wait. Left out,
	// only limits.activeSessions applies.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	MaxSessions *int32 `json:"maxSessions,omitempty"`

	// passwords says whether connectionSecret.password may be asked for. Left out, it is false.
	// +optional
	Passwords *bool `json:"passwords,omitempty"`

	// maxStartDelay is how far in the future startTime may be. Left out, startTime is not limited.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('0s') && duration(self) <= duration('8760h')",message="maxStartDelay must be a duration from 0s to 8760h, such as 24h"
	MaxStartDelay *metav1.Duration `json:"maxStartDelay,omitempty"`
}

// NPSLimits bound what the operator does at a server, for all objects of the connection together.
// +kubebuilder:validation:MinProperties=1
type NPSLimits struct {
	// activeSessions is the largest number of sessions that may live at the same time; further requests wait. Left out,
	// it is 200.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	ActiveSessions *int32 `json:"activeSessions,omitempty"`

	// requestsPerSecond is the largest number of API calls per second. Left out, it is 20.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	RequestsPerSecond *int32 `json:"requestsPerSecond,omitempty"`

	// maxResponseSize is the longest answer that is read. A longer one is an error, and Ready says so. Left out, it is
	// 16Mi.
	// +optional
	// +kubebuilder:validation:XValidation:rule="quantity(self).compareTo(quantity('64Ki')) >= 0 && quantity(self).compareTo(quantity('512Mi')) <= 0",message="maxResponseSize must be from 64Ki to 512Mi"
	MaxResponseSize *resource.Quantity `json:"maxResponseSize,omitempty"`
}

// NPSPolling says how often the sessions of a connection are listed; one list serves all of them.
// +kubebuilder:validation:MinProperties=1
type NPSPolling struct {
	// starting is the interval while a session is being started or ended. Left out, it is 2s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('50ms') && duration(self) <= duration('10m')",message="starting must be a duration from 50ms to 10m, such as 2s"
	Starting *metav1.Duration `json:"starting,omitempty"`

	// active is the interval while sessions are only active or wait for approval. Left out, it is 15s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('50ms') && duration(self) <= duration('1h')",message="active must be a duration from 50ms to 1h, such as 15s"
	Active *metav1.Duration `json:"active,omitempty"`
}

// NPSConnectionSpec says where a server is, how to sign in to it, and who may ask it for what.
type NPSConnectionSpec struct {
	// url is the address of the server: https, host and optional port, nothing else. The server's own default port is
	// 6500.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() == 'https' && url(self).getHostname() != '' && url(self).getEscapedPath() in ['', '/'] && size(url(self).getQuery()) == 0 && !self.contains('@') && !self.contains('#') && !self.contains('?')",message="url must be https, a host and an optional port, such as https://nps.example.com:6500"
	URL string `json:"url,omitempty"`

	// auth says as what the operator signs in. Wrong credentials are not tried again until their Secret changes, because
	// the server locks accounts that fail too often.
	// +required
	Auth NPSAuth `json:"auth,omitzero"`

	// tls says how the server's certificate is verified. Left out, the system's trust store decides.
	// +optional
	TLS *TLSSettings `json:"tls,omitempty"`

	// allowedNamespaces says which namespaces may refer to this connection. Left out, only its own.
	// +optional
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`

	// grants say what the allowed namespaces may ask for. Left out, or empty, the connection's own namespace may ask for
	// anything and no other namespace for anything.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	Grants []Grant `json:"grants,omitempty"`

	// limits bound what the operator does at this server, for all objects together.
	// +optional
	Limits *NPSLimits `json:"limits,omitempty"`

	// polling says how often sessions are looked at.
	// +optional
	Polling *NPSPolling `json:"polling,omitempty"`

	// suspend stops all new requests through this connection; sessions that live go on and can be ended. Left out, it is
	// false.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`
}

// NoteHandling is what a server was seen to do with the note of a request.
// +kubebuilder:validation:Enum=Kept;Truncated;Dropped
type NoteHandling string

// What a server was seen to do with notes.
const (
	// NotesKept says that notes come back as they were sent.
	NotesKept NoteHandling = "Kept"
	// NotesTruncated says that notes come back cut short.
	NotesTruncated NoteHandling = "Truncated"
	// NotesDropped says that notes do not come back.
	NotesDropped NoteHandling = "Dropped"
)

// NPSConnectionStatus is what is known about the server.
type NPSConnectionStatus struct {
	ConnectionStatus `json:",inline"`

	// tokenExpiresAt is when the token that the operator holds would expire; it is renewed before.
	// +optional
	TokenExpiresAt *metav1.Time `json:"tokenExpiresAt,omitempty"`

	// activeSessions is how many sessions of ActivitySession objects live at the server.
	// +optional
	// +kubebuilder:validation:Minimum=0
	ActiveSessions *int32 `json:"activeSessions,omitempty"`

	// noteHandling is what the server was seen to do with the note of a request: Kept, Truncated, or Dropped. Left out,
	// nothing was seen yet. Only a server that was seen to truncate or drop notes has sessions recognised without one.
	// +optional
	NoteHandling NoteHandling `json:"noteHandling,omitempty"`

	// noteLimit is how many characters of a note a server keeps that truncates notes.
	// +optional
	// +kubebuilder:validation:Minimum=0
	NoteLimit *int32 `json:"noteLimit,omitempty"`

	// clockOffset is how far the server's clock is ahead of the operator's, such as 2h0m0s, or -6m40s where it is behind.
	// Left out, the two clocks agree, or nothing is known yet. The times in the status of sessions are the server's.
	// +optional
	ClockOffset *metav1.Duration `json:"clockOffset,omitempty"`
}

// NPSConnection says where a Netwrix Privilege Secure server is, how to sign in, and who may ask it for what.
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

	// spec says where the server is, how to sign in, and who may ask it for what.
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

// Suspended says that nothing new is asked for through this connection.
func (c *NPSConnection) Suspended() bool { return c.Spec.Suspend != nil && *c.Spec.Suspend }

// Address is the URL that the connection leads to.
func (c *NPSConnection) Address() string { return c.Spec.URL }

// GetStatus is the status, for code that treats all kinds alike.
func (c *NPSConnection) GetStatus() ObjectStatus { return &c.Status }

// TLSSettings say how the server's certificate is verified; nil leaves that to the system's trust store.
func (c *NPSConnection) TLSSettings() *TLSSettings { return c.Spec.TLS }

// Connectivity is the part of the status that both kinds of connection have.
func (c *NPSConnection) Connectivity() *ConnectionStatus { return &c.Status.ConnectionStatus }
