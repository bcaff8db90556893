// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// RDPConnectionPolicy creates a policy that manages only its name.
func RDPConnectionPolicy(name string, options ...Option) *pamv1alpha1.RDPConnectionPolicy {
	policy := &pamv1alpha1.RDPConnectionPolicy{TypeMeta: typeMeta("RDPConnectionPolicy")}
	policy.Spec.ConnectionRef.Name = DefaultSPSConnection
	return build(policy, name, DefaultNamespace, options)
}

// Port adds a TCP port to the network of an RDPConnectionPolicy.
func Port(port int32) Option {
	return network(func(n *pamv1alpha1.PolicyNetwork) { n.Ports = append(n.Ports, port) })
}

// Client adds a source address or network to an RDPConnectionPolicy.
func Client(addresses string) Option {
	return network(func(n *pamv1alpha1.PolicyNetwork) { n.Clients = append(n.Clients, addresses) })
}

// Target adds a destination address or network to an RDPConnectionPolicy.
func Target(addresses string) Option {
	return network(func(n *pamv1alpha1.PolicyNetwork) { n.Targets = append(n.Targets, addresses) })
}

func network(change func(*pamv1alpha1.PolicyNetwork)) Option {
	return With(func(policy *pamv1alpha1.RDPConnectionPolicy) {
		if policy.Spec.Network == nil {
			policy.Spec.Network = &pamv1alpha1.PolicyNetwork{}
		}
		change(policy.Spec.Network)
	})
}

// References makes an RDPConnectionPolicy use other policies of the appliance.
func References(references pamv1alpha1.PolicyReferences) Option {
	return With(func(policy *pamv1alpha1.RDPConnectionPolicy) { policy.Spec.Policies = references.DeepCopy() })
}

// LocalUser creates a user whose password is not managed.
func LocalUser(name string, options ...Option) *pamv1alpha1.LocalUser {
	user := &pamv1alpha1.LocalUser{TypeMeta: typeMeta("LocalUser")}
	user.Spec.ConnectionRef.Name = DefaultSPSConnection
	return build(user, name, DefaultNamespace, options)
}

// PasswordFrom manages the password of a LocalUser: the key password of a Secret.
func PasswordFrom(secret string) Option {
	return With(func(user *pamv1alpha1.LocalUser) {
		user.Spec.PasswordSecretRef = &pamv1alpha1.SecretKeyReference{Name: secret, Key: "password"}
	})
}

// LocalUserGroup creates a group whose members are not managed.
func LocalUserGroup(name string, options ...Option) *pamv1alpha1.LocalUserGroup {
	group := &pamv1alpha1.LocalUserGroup{TypeMeta: typeMeta("LocalUserGroup")}
	group.Spec.ConnectionRef.Name = DefaultSPSConnection
	return build(group, name, DefaultNamespace, options)
}

// Members adds users of the appliance to a LocalUserGroup. Without names it manages an empty list.
func Members(users ...string) Option {
	return members(users, func(user string) pamv1alpha1.GroupMember { return pamv1alpha1.GroupMember{User: user} })
}

// MemberRefs adds LocalUser objects to a LocalUserGroup.
func MemberRefs(localUsers ...string) Option {
	return members(localUsers, func(name string) pamv1alpha1.GroupMember {
		return pamv1alpha1.GroupMember{UserRef: &pamv1alpha1.LocalReference{Name: name}}
	})
}

func members(names []string, member func(string) pamv1alpha1.GroupMember) Option {
	return With(func(group *pamv1alpha1.LocalUserGroup) {
		all := make([]pamv1alpha1.GroupMember, 0, len(group.Spec.Members)+len(names))
		all = append(all, group.Spec.Members...)
		for _, name := range names {
			all = append(all, member(name))
		}
		group.Spec.Members = all
	})
}

// Manage sets the managementPolicy.
func Manage(policy pamv1alpha1.ManagementPolicy) Option {
	return managementPolicies(func(p *pamv1alpha1.ManagementPolicies) { p.ManagementPolicy = policy })
}

// Adopt sets the adoptionPolicy.
func Adopt(policy pamv1alpha1.AdoptionPolicy) Option {
	return managementPolicies(func(p *pamv1alpha1.ManagementPolicies) { p.AdoptionPolicy = policy })
}

// OnDeletion sets the deletionPolicy.
func OnDeletion(policy pamv1alpha1.DeletionPolicy) Option {
	return managementPolicies(func(p *pamv1alpha1.ManagementPolicies) { p.DeletionPolicy = policy })
}

func managementPolicies(change func(*pamv1alpha1.ManagementPolicies)) Option {
	return func(object client.Object) {
		policy, ok := object.(interface {
			ManagementPolicies() *pamv1alpha1.ManagementPolicies
		})
		if !ok {
			panic(fmt.Sprintf("an option for policy objects was given to a %T", object))
		}
		change(policy.ManagementPolicies())
	}
}
