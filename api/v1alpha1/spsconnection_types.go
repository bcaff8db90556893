// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SPSConnectionSpec says where an appliance is, how to log in to it, and who may use it.
type SPSConnectionSpec struct {
	// url is the address of the appliance: https, host and optional port, nothing else. Two connections with the same
	// url share one queue of changes.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() == 'https' && url(self).getHostname() != '' && url(self).getEscapedPath() in ['', '/'] && size(url(self).getQuery()) == 0 && !self.contains('@') && !self.contains('#') && !self.contains('?')",message="url must be https, a host and an optional port, such as https://sps.example.com"
	URL string `json:"url,omitempty"`

	// credentialsSecretRef names a Secret in the same namespace with the keys username and password, or, for a log-in
	// with an X.509 certificate, tls.crt and tls.key. It is read again whenever it changes; wrong credentials are not
	// tried again until then, because the appliance blocks addresses that fail too often.
	// +required
	CredentialsSecretRef SecretReference `json:"credentialsSecretRef,omitzero"`

	// loginMethod is the name of the back end of the appliance that checks the credentials; local is the appliance's own
	// user database. Left out, the appliance's default is used.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	LoginMethod string `json:"loginMethod,omitempty"`

	// tls says how the appliance's certificate is verified. Left out, the system's trust store decides.
	// +optional
	TLS *TLSSettings `json:"tls,omitempty"`

	// allowedNamespaces says which namespaces may refer to this connection. Left out, only its own.
	// +optional
	AllowedNamespaces *AllowedNamespaces `json:"allowedNamespaces,omitempty"`

	// grants say what the allowed namespaces may manage on this appliance. Left out, or empty, the connection's own
	// namespace may manage anything and no other namespace anything. The connection's own namespace is bound by grants
	// only where one is for it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	Grants []SPSGrant `json:"grants,omitempty"`

	// limits bound what one appliance may cost the operator.
	// +optional
	Limits *SPSLimits `json:"limits,omitempty"`

	// commit says how changes are gathered into transactions and how long the configuration lock of the appliance is
	// held.
	// +optional
	Commit *CommitSettings `json:"commit,omitempty"`

	// driftCheckInterval is how often the appliance is asked whether its configuration changed. Left out, it is 5m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="driftCheckInterval must be a duration from 1s to 24h, such as 5m"
	DriftCheckInterval *metav1.Duration `json:"driftCheckInterval,omitempty"`

	// suspend stops all writes to this appliance; reads and reports of drift go on. Left out, it is false.
	// +optional
	Suspend *bool `json:"suspend,omitempty"`
}

// SPSGrantKind is a kind of object that a grant may allow.
// +kubebuilder:validation:Enum=RDPConnectionPolicy;LocalUser;LocalUserGroup
type SPSGrantKind string

// SessionGrant says which live sessions a SessionTermination may name.
// +kubebuilder:validation:Enum=PolicyRef;Any;None
type SessionGrant string

// Which live sessions a SessionTermination may name.
const (
	// SessionGrantPolicyRef allows the sessions of a policy that an object of the same namespace keeps.
	SessionGrantPolicyRef SessionGrant = "PolicyRef"
	// SessionGrantAny allows every session, by its id.
	SessionGrantAny SessionGrant = "Any"
	// SessionGrantNone allows none.
	SessionGrantNone SessionGrant = "None"
)

// SPSGrant is one thing that namespaces may manage on an appliance. An object needs one grant that allows all of it.
// +kubebuilder:validation:XValidation:rule="has(self.namespaces) != has(self.namespaceSelector)",message="exactly one of namespaces and namespaceSelector is needed"
type SPSGrant struct {
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

	// kinds are the kinds of objects that may be managed: RDPConnectionPolicy, LocalUser, LocalUserGroup. Left out, all of
	// them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	Kinds []SPSGrantKind `json:"kinds,omitempty"`

	// names are globs (* and ?) for the names that the objects may have on the appliance, in the same case. Left out, any
	// name.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Names []string `json:"names,omitempty"`

	// adoption is the most that an object's adoptionPolicy may be; from least to most: Never, IfIdentical, Always. Left
	// out, it is IfIdentical.
	// +optional
	Adoption AdoptionPolicy `json:"adoption,omitempty"`

	// deletion says whether deleting an object may delete it on the appliance, too. Where it is false, such an object is
	// left on the appliance and recorded as a leftover. Left out, it is true.
	// +optional
	Deletion *bool `json:"deletion,omitempty"`

	// sessions says which live sessions a SessionTermination may close: PolicyRef (those of a policy that an
	// RDPConnectionPolicy of the same namespace keeps, if names allows it), Any, or None. Left out, it is PolicyRef.
	// +optional
	Sessions SessionGrant `json:"sessions,omitempty"`
}

// SPSLimits bound what one appliance may cost the operator.
// +kubebuilder:validation:MinProperties=1
type SPSLimits struct {
	// maxResponseSize is the longest answer that is read, such as a list of all policies. A longer one is an error, and
	// Ready says so. Left out, it is 64Mi.
	// +optional
	// +kubebuilder:validation:XValidation:rule="quantity(self).compareTo(quantity('64Ki')) >= 0 && quantity(self).compareTo(quantity('512Mi')) <= 0",message="maxResponseSize must be from 64Ki to 512Mi"
	MaxResponseSize *resource.Quantity `json:"maxResponseSize,omitempty"`
}

// CommitSettings say how changes are gathered into transactions.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.window) || duration(self.window) <= duration(has(self.maxWindow) ? self.maxWindow : '5s')",message="window must not be longer than maxWindow, which is 5s when it is left out"
type CommitSettings struct {
	// window is how long after the last change that arrived a transaction waits for one more, unless writing those that
	// are there takes as long. Left out, it is 1s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1ms') && duration(self) <= duration('10m')",message="window must be a duration from 1ms to 10m, such as 1s"
	Window *metav1.Duration `json:"window,omitempty"`

	// maxWindow is the longest that a transaction waits after the first change that arrived; what arrives until then while
	// the others are being written still joins it. Left out, it is 5s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1ms') && duration(self) <= duration('1h')",message="maxWindow must be a duration from 1ms to 1h, such as 5s"
	MaxWindow *metav1.Duration `json:"maxWindow,omitempty"`

	// maxChanges is the largest number of changes in one transaction. Left out, it is 1000.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	MaxChanges *int32 `json:"maxChanges,omitempty"`

	// maxHold is how long the configuration lock is held for writing before what is written is committed and the lock is
	// let go. Left out, it is 60s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('10m')",message="maxHold must be a duration from 1s to 10m, such as 60s"
	MaxHold *metav1.Duration `json:"maxHold,omitempty"`

	// timeout is how long a commit may take before its outcome counts as unknown. It bounds the commit alone: every other
	// call has 30s, however many of them a transaction takes. After a commit that took longer the appliance is read again
	// before anything is written; set it well above what commits take, or everything is asked for twice. Left out, it is
	// 120s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('30m')",message="timeout must be a duration from 1s to 30m, such as 120s"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// message is sent with a commit where the appliance demands one. Left out, it is "change by pam-operator".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
}

// ConnectionStatus is what both kinds of connection have in their status.
type ConnectionStatus struct {
	// conditions holds Ready always, and Reconciling, Stalled, InsecureTLS and ManagedHost only while they are true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that this status speaks of; -1 before the first look.
	// +optional
	// +kubebuilder:default=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// version is the version that the appliance or server reports.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Version string `json:"version,omitempty"`

	// handledReconcileRequest is the value of the annotation pam-operator.io/reconcile-requested-at that was last obeyed.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	HandledReconcileRequest string `json:"handledReconcileRequest,omitempty"`

	// circuitBreaker is there while the connection has failed: nothing but one probe at a time is sent through it.
	// +optional
	CircuitBreaker *CircuitBreaker `json:"circuitBreaker,omitempty"`

	// logIn is what is known of log-ins with the present credentials. It keeps a restart of the operator from trying
	// credentials again that were refused: both vendors lock accounts or addresses.
	// +optional
	LogIn *LogInStatus `json:"logIn,omitempty"`
}

// CircuitState is the state of a circuit breaker that is not closed.
// +kubebuilder:validation:Enum=Open;HalfOpen
type CircuitState string

// The states of a circuit breaker that is not closed.
const (
	// CircuitOpen sends nothing before the next probe.
	CircuitOpen CircuitState = "Open"
	// CircuitHalfOpen sends one probe, and nothing else until it is answered.
	CircuitHalfOpen CircuitState = "HalfOpen"
)

// CircuitBreaker says since when a connection fails, and when it is tried again.
type CircuitBreaker struct {
	// state is Open (nothing is sent before the next probe) or HalfOpen (one probe is being answered).
	// +required
	State CircuitState `json:"state,omitempty"`

	// since is when the first call failed.
	// +required
	Since metav1.Time `json:"since,omitzero"`

	// failures is how many probes have failed since.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Failures *int32 `json:"failures,omitempty"`

	// nextProbe is when the connection is tried again.
	// +optional
	NextProbe *metav1.Time `json:"nextProbe,omitempty"`
}

// LogInStatus is what is known of log-ins with the credentials of a connection.
type LogInStatus struct {
	// credentialsVersion identifies the credentials that this speaks of, without telling anything about them: the Secrets
	// and the part of the spec that says where and how to log in. With another one they are tried at once, also where a
	// Secret was only written again.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	CredentialsVersion string `json:"credentialsVersion,omitempty"`

	// lastSuccessTime is when these credentials were last accepted.
	// +optional
	LastSuccessTime *metav1.Time `json:"lastSuccessTime,omitempty"`

	// failures is how often they were refused since then.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Failures *int32 `json:"failures,omitempty"`

	// lastFailureTime is when they were last refused.
	// +optional
	LastFailureTime *metav1.Time `json:"lastFailureTime,omitempty"`

	// retryTime is when they are tried again. Write the Secret again, or request a reconciliation, to have them tried at
	// once.
	// +optional
	RetryTime *metav1.Time `json:"retryTime,omitempty"`
}

// ObjectConditions are the conditions, for code that treats all kinds alike.
func (s *ConnectionStatus) ObjectConditions() *[]metav1.Condition { return &s.Conditions }

// Observed sets the generation that the status speaks of.
func (s *ConnectionStatus) Observed(generation int64) { s.ObservedGeneration = &generation }

// ConfigurationLock says who else holds the configuration of the appliance.
type ConfigurationLock struct {
	// heldBy is the holder's name, if the appliance gave it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	HeldBy string `json:"heldBy,omitempty"`

	// since is when the operator first found the configuration locked.
	// +required
	Since metav1.Time `json:"since,omitzero"`
}

// CommitRecord is one committed transaction.
type CommitRecord struct {
	// time is when the commit was done.
	// +required
	Time metav1.Time `json:"time,omitzero"`

	// changes is how many changes it held.
	// +required
	// +kubebuilder:validation:Minimum=0
	Changes *int32 `json:"changes,omitempty"`

	// duration is how long the configuration lock was held for it.
	// +required
	Duration metav1.Duration `json:"duration,omitzero"`

	// appliance is the address to which it was sent, in the form in which addresses are compared.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Appliance string `json:"appliance,omitempty"`
}

// SPSConnectionStatus is what is known about the appliance.
type SPSConnectionStatus struct {
	ConnectionStatus `json:",inline"`

	// configHash identifies the configuration that the appliance has committed.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	ConfigHash string `json:"configHash,omitempty"`

	// lock says who else holds the configuration of the appliance, while somebody does.
	// +optional
	Lock *ConfigurationLock `json:"lock,omitempty"`

	// dependents is how many objects refer to this connection.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Dependents *int32 `json:"dependents,omitempty"`

	// lastCommit is the last transaction that the operator committed.
	// +optional
	LastCommit *CommitRecord `json:"lastCommit,omitempty"`
}

// SPSConnection says where a One Identity Safeguard for Privileged Sessions appliance is, how to log in, and who may
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

	// spec says where the appliance is, how to log in, and who may use it.
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

// Suspended says that nothing is written through this connection.
func (c *SPSConnection) Suspended() bool { return c.Spec.Suspend != nil && *c.Spec.Suspend }

// Address is the URL that the connection leads to.
func (c *SPSConnection) Address() string { return c.Spec.URL }

// GetStatus is the status, for code that treats all kinds alike.
func (c *SPSConnection) GetStatus() ObjectStatus { return &c.Status }

// TLSSettings say how the server's certificate is verified; nil leaves that to the system's trust store.
func (c *SPSConnection) TLSSettings() *TLSSettings { return c.Spec.TLS }

// Connectivity is the part of the status that both kinds of connection have.
func (c *SPSConnection) Connectivity() *ConnectionStatus { return &c.Status.ConnectionStatus }
