// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SPSConnectionSpec defines where an appliance is, how to log in to it, and who may use it.
type SPSConnectionSpec struct {
	// url is the address of the appliance: https, a host and an optional port, nothing else. Connections with the same url
	// share one queue of changes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() == 'https' && url(self).getHostname() != '' && url(self).getEscapedPath() in ['', '/'] && size(url(self).getQuery()) == 0 && !self.contains('@') && !self.contains('#') && !self.contains('?')",message="url must be https, a host and an optional port, such as https://sps.example.com"
	URL string `json:"url,omitempty"`

	// credentialsSecretRef names a Secret in the same namespace with the keys username and password or, to log in with an
	// X.509 certificate, tls.crt and tls.key. It is read again whenever it changes. Wrong credentials are not retried
	// until then, because the appliance blocks addresses after too many failures.
	// +required
	CredentialsSecretRef SecretReference `json:"credentialsSecretRef,omitzero"`

	// loginMethod is the name of the appliance's back end that checks the credentials; local is the appliance's own user
	// database. If omitted, the appliance uses its default.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	LoginMethod string `json:"loginMethod,omitempty"`

	// tls defines how the appliance's certificate is verified. If omitted, the system's trust store is used.
	// +optional
	TLS *TLSSettings `json:"tls,omitempty"`

	// allowedNamespaces selects the namespaces that may refer to this connection. Defaults to its own namespace.
	// +optional
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`

	// grants define what the allowed namespaces may manage on this appliance; at most 128. If omitted or empty, the
	// connection's own namespace may manage anything, and other namespaces nothing. Grants restrict the connection's own
	// namespace only if one of them applies to it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	Grants []SPSGrant `json:"grants,omitempty"`

	// limits limit what one appliance may cost the operator.
	// +optional
	Limits *SPSLimits `json:"limits,omitempty"`

	// commit defines how changes are grouped into transactions and how long the appliance's configuration lock is held.
	// +optional
	Commit *CommitSettings `json:"commit,omitempty"`

	// driftCheckInterval is how often the appliance is asked whether its configuration changed, from 1s to 24h. Defaults
	// to 5m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="driftCheckInterval must be a duration from 1s to 24h, such as 5m"
	DriftCheckInterval *metav1.Duration `json:"driftCheckInterval,omitempty"`

	// suspend stops all writes to this appliance; reads and drift reports continue. Defaults to false.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`
}

// SPSLimits limit what one appliance may cost the operator.
// +kubebuilder:validation:MinProperties=1
type SPSLimits struct {
	// maxResponseSize is the largest response that is read, such as a list of all policies, from 64Ki to 512Mi. A larger
	// one is an error, which Ready reports. Defaults to 64Mi.
	// +optional
	// +kubebuilder:validation:XValidation:rule="quantity(self).compareTo(quantity('64Ki')) >= 0 && quantity(self).compareTo(quantity('512Mi')) <= 0",message="maxResponseSize must be from 64Ki to 512Mi"
	MaxResponseSize *resource.Quantity `json:"maxResponseSize,omitempty"`
}

// ConfigurationLock describes another client's lock on the appliance's configuration.
type ConfigurationLock struct {
	// heldBy is the name of the holder, if the appliance reported it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	HeldBy string `json:"heldBy,omitempty"`

	// since is when the operator first found the configuration locked.
	// +required
	Since metav1.Time `json:"since,omitzero"`
}

// SPSConnectionStatus is what is known about the appliance.
type SPSConnectionStatus struct {
	ConnectionStatus `json:",inline"`

	// configHash identifies the committed configuration of the appliance.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ConfigHash string `json:"configHash,omitempty"`

	// lock is another client's lock on the appliance's configuration, while there is one.
	// +optional
	Lock *ConfigurationLock `json:"lock,omitempty"`

	// dependents is how many objects refer to this connection.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Dependents *int32 `json:"dependents,omitempty"`

	// unmanaged counts, by kind, the objects of the appliance that no object of this cluster names: an ApplianceExport
	// with selection: Unmanaged writes them down. Without those that cannot be managed, such as the user admin. A kind
	// whose objects were not read yet is left out, and a count may be as old as driftCheckInterval.
	// +optional
	// +listType=map
	// +listMapKey=kind
	// +kubebuilder:validation:MaxItems=16
	Unmanaged []ObjectCount `json:"unmanaged,omitempty"`

	// lastCommit is the last transaction that the operator committed.
	// +optional
	LastCommit *CommitRecord `json:"lastCommit,omitempty"`
}

// SPSConnection defines where a One Identity Safeguard for Privileged Sessions appliance is, how to log in, and who may
// use it. Policy objects refer to it by name.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=spsc,categories=pam
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Dependents",type=integer,JSONPath=`.status.dependents`
// +kubebuilder:printcolumn:name="Locked",type=date,JSONPath=`.status.lock.since`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Locked By",type=string,JSONPath=`.status.lock.heldBy`,priority=1
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.spec.url`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:selectablefield:JSONPath=`.spec.url`
type SPSConnection struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec defines where the appliance is, how to log in, and who may use it.
	// +required
	Spec SPSConnectionSpec `json:"spec,omitzero"`

	// status is what is known about the appliance.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status SPSConnectionStatus `json:"status,omitzero"`
}

// SPSConnectionList is a list of SPSConnection.
//
// +kubebuilder:object:root=true
type SPSConnectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []SPSConnection `json:"items"`
}

// Suspended reports whether writes through this connection are stopped.
func (c *SPSConnection) Suspended() bool { return c.Spec.Suspend != nil && *c.Spec.Suspend }

// DefaultDriftCheckInterval is how often an appliance is asked whether its configuration changed.
const DefaultDriftCheckInterval = 5 * time.Minute

// CheckInterval returns how often the appliance is asked whether its configuration changed.
func (c *SPSConnection) CheckInterval() time.Duration {
	if c.Spec.DriftCheckInterval == nil {
		return DefaultDriftCheckInterval
	}
	return c.Spec.DriftCheckInterval.Duration
}

// Address returns the URL of the connection.
func (c *SPSConnection) Address() string { return c.Spec.URL }

// GetStatus returns the status, for code that handles every kind.
func (c *SPSConnection) GetStatus() ObjectStatus { return &c.Status }

// TLSSettings returns how the server's certificate is verified; nil means the system's trust store.
func (c *SPSConnection) TLSSettings() *TLSSettings { return c.Spec.TLS }

// Connectivity returns the part of the status that both kinds of connection share.
func (c *SPSConnection) Connectivity() *ConnectionStatus { return &c.Status.ConnectionStatus }
