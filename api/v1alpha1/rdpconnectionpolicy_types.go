// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RDPConnectionPolicySpec is the desired state of an RDP connection policy. An omitted field is not managed: the
// appliance keeps its value, and on create the documented default is written.
// +kubebuilder:validation:XValidation:rule="has(self.policyName) == has(oldSelf.policyName)",message="policyName is immutable; create a new RDPConnectionPolicy instead"
type RDPConnectionPolicySpec struct {
	// Each kind declares this field itself, because the messages of its rules name the kind.

	// policyName is the name of the policy on the appliance. Defaults to metadata.name. Immutable.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[ -~\xa0-\x{fffd}\x{10000}-\x{10ffff}]*$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="policyName is immutable; create a new RDPConnectionPolicy instead"
	PolicyName string `json:"policyName,omitempty"`

	ConnectionPolicySpec `json:",inline"`

	// transportSecurity defines how connections are encrypted. Defaults on create to TLS with a certificate that the
	// appliance signs itself.
	// +optional
	TransportSecurity *TransportSecurity `json:"transportSecurity,omitempty"`

	// serverCertificateCheck decides whether the target server's certificate is verified. Defaults to Disabled on create,
	// as on the appliance.
	// +optional
	ServerCertificateCheck *ServerCertificateCheck `json:"serverCertificateCheck,omitempty"`

	// remoteDesktopGateway makes the appliance act as a Remote Desktop Gateway. Defaults to Disabled on create.
	// +optional
	RemoteDesktopGateway *RemoteDesktopGateway `json:"remoteDesktopGateway,omitempty"`
}

// RDPConnectionPolicyStatus is what is known about the policy on the appliance.
type RDPConnectionPolicyStatus struct {
	ConnectionPolicyStatus `json:",inline"`
}

// RDPConnectionPolicy is an RDP connection policy of an SPS appliance: who may reach which servers, and what is
// verified, recorded and authorized on the way.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=rdpconnectionpolicies,shortName=rdpcp,categories=pam
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Key",type=string,JSONPath=`.status.key`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Connection",type=string,JSONPath=`.spec.connectionRef.name`,priority=1
// +kubebuilder:printcolumn:name="Position",type=integer,JSONPath=`.status.position`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:selectablefield:JSONPath=`.spec.connectionRef.name`
type RDPConnectionPolicy struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the desired state of the policy.
	// +required
	Spec RDPConnectionPolicySpec `json:"spec,omitzero"`

	// status is what is known about the policy on the appliance.
	// +optional
	// +kubebuilder:default={"observedGeneration":-1}
	Status RDPConnectionPolicyStatus `json:"status,omitzero"`
}

// RDPConnectionPolicyList is a list of RDPConnectionPolicy.
//
// +kubebuilder:object:root=true
type RDPConnectionPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []RDPConnectionPolicy `json:"items"`
}

// NameOnAppliance returns the name of the policy on the appliance.
func (p *RDPConnectionPolicy) NameOnAppliance() string {
	if p.Spec.PolicyName != "" {
		return p.Spec.PolicyName
	}
	return p.Name
}

// Connection returns the reference to the connection.
func (p *RDPConnectionPolicy) Connection() ConnectionReference { return p.Spec.ConnectionRef }

// ManagementPolicies returns how the policy is managed.
func (p *RDPConnectionPolicy) ManagementPolicies() *ManagementPolicies {
	return &p.Spec.ManagementPolicies
}

// PolicyStatus returns the part of the status that all policy kinds share.
func (p *RDPConnectionPolicy) PolicyStatus() *PolicyStatus { return &p.Status.PolicyStatus }

// CommonSpec returns the part of the spec that the connection policies of all protocols share.
func (p *RDPConnectionPolicy) CommonSpec() *ConnectionPolicySpec { return &p.Spec.ConnectionPolicySpec }

// CommonStatus returns the part of the status that the connection policies of all protocols share.
func (p *RDPConnectionPolicy) CommonStatus() *ConnectionPolicyStatus {
	return &p.Status.ConnectionPolicyStatus
}

// GetStatus returns the status, for code that handles every kind.
func (p *RDPConnectionPolicy) GetStatus() ObjectStatus { return &p.Status }
