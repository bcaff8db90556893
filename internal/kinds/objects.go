// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// Object is an object of one of our kinds.
type Object interface {
	client.Object
	GetStatus() pamv1alpha1.ObjectStatus
}

// Connected is an object that goes through a connection.
type Connected interface {
	Object
	Connection() pamv1alpha1.ConnectionReference
}

// PolicyObject is an object of a policy kind: it is kept in sync with an appliance.
type PolicyObject interface {
	Connected
	ManagementPolicies() *pamv1alpha1.ManagementPolicies
	// NameOnAppliance is the name of what the object stands for.
	NameOnAppliance() string
	PolicyStatus() *pamv1alpha1.PolicyStatus
}

// ConnectionPolicy is a connection policy of any protocol.
type ConnectionPolicy interface {
	PolicyObject
	CommonSpec() *pamv1alpha1.ConnectionPolicySpec
	CommonStatus() *pamv1alpha1.ConnectionPolicyStatus
}
