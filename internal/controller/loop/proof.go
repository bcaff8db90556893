// SPDX-License-Identifier: Apache-2.0

package loop

import "github.com/pam-operator/pam-operator/internal/kinds"

// Creating reports whether an earlier reconcile may have created the object without getting an answer.
func Creating(obj kinds.PolicyObject) bool {
	status := obj.PolicyStatus()
	p := status.PendingCreation
	return p != nil && p.Name == obj.NameOnAppliance() && p.Appliance == status.Appliance && p.AfterKey == status.Key
}

// ManagedKey is the key of what the object created or adopted; empty if it did neither.
func ManagedKey(obj kinds.PolicyObject) string {
	if status := obj.PolicyStatus(); status.Origin != "" {
		return status.Key
	}
	return ""
}

// MayBeThere reports whether the object is on its appliance, or may be.
func MayBeThere(obj kinds.PolicyObject) bool {
	return ManagedKey(obj) != "" || obj.PolicyStatus().PendingCreation != nil
}

// NeedsConnection reports whether the object has to be deleted on its appliance before it can go.
func NeedsConnection(obj kinds.PolicyObject) bool {
	policies := obj.ManagementPolicies()
	return HasFinalizer(obj) && MayBeThere(obj) && !policies.Orphans() && !policies.Observes()
}
