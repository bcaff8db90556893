// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 is the contract with users: the kinds of the API group pam-operator.io.
//
// +kubebuilder:object:generate=true
// +groupName=pam-operator.io
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// GroupVersion is the group and version of every kind in this package.
	GroupVersion = schema.GroupVersion{Group: "pam-operator.io", Version: "v1alpha1"}

	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme adds the kinds of this package to a scheme.
	AddToScheme = schemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&SPSConnection{}, &SPSConnectionList{},
		&NPSConnection{}, &NPSConnectionList{},
		&RDPConnectionPolicy{}, &RDPConnectionPolicyList{},
		&LocalUser{}, &LocalUserList{},
		&LocalUserGroup{}, &LocalUserGroupList{},
		&SessionTermination{}, &SessionTerminationList{},
		&ApplianceExport{}, &ApplianceExportList{},
		&ActivitySession{}, &ActivitySessionList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
