// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	connectionRule = "connectionRef is immutable; create a new object instead"
	userNameRule   = "userName is immutable; create a new LocalUser instead"
	groupNameRule  = "groupName is immutable, because policies refer to groups by name; " +
		"create a new LocalUserGroup instead"
	memberRule = "exactly one of user and userRef must be set"
)

var (
	user  = builder.LocalUser("a")
	group = builder.LocalUserGroup("a")
)

var userRefusals = map[string]refusal{
	"LocalUser: connectionRef that changes": {
		valid: user, later: true, change: `spec: {connectionRef: {name: b}}`,
		field: "spec.connectionRef", want: connectionRule,
	},
	"LocalUser: userName that changes": {
		valid: user, given: `spec: {userName: alice}`, later: true, change: `spec: {userName: bob}`,
		field: "spec.userName", want: userNameRule,
	},
	"LocalUser: userName that is added": {
		valid: user, later: true, change: `spec: {userName: bob}`, field: "spec", want: userNameRule,
	},
	"LocalUser: userName of the built-in user": {
		valid: user, change: `spec: {userName: admin}`,
		field: "spec.userName", want: "userName must not be admin: the built-in user belongs to the appliance's owner",
	},
	"LocalUser: name of the built-in user": {
		valid: user, change: `metadata: {name: admin}`,
		field: "<nil>", want: "metadata.name must not be admin without spec.userName: " +
			"the built-in user belongs to the appliance's owner",
	},

	"LocalUserGroup: connectionRef that changes": {
		valid: group, later: true, change: `spec: {connectionRef: {namespace: b}}`,
		field: "spec.connectionRef", want: connectionRule,
	},
	"LocalUserGroup: groupName that changes": {
		valid: group, given: `spec: {groupName: auditors}`, later: true, change: `spec: {groupName: others}`,
		field: "spec.groupName", want: groupNameRule,
	},
	"LocalUserGroup: groupName that is taken away": {
		valid: group, given: `spec: {groupName: auditors}`, later: true, change: `spec: {groupName: null}`,
		field: "spec", want: groupNameRule,
	},
	"LocalUserGroup: member that is nobody": {
		valid: group, change: `spec: {members: [{user: bob}, {}]}`, field: "spec.members[1]", want: memberRule,
	},
	"LocalUserGroup: member that is two": {
		valid: group, change: `spec: {members: [{user: bob, userRef: {name: alice}}]}`,
		field: "spec.members[0]", want: memberRule,
	},
}
