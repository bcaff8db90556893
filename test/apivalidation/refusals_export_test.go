// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"strings"

	"github.com/pam-operator/pam-operator/test/builder"
)

var export = builder.ApplianceExport("a")

// immutable is the message of a rule about a field of an ApplianceExport.
func immutable(fields string) string {
	return fields + " immutable; create a new ApplianceExport instead"
}

var exportRefusals = map[string]refusal{
	"ApplianceExport: a name that is no value of a label": {
		valid: export, change: `metadata: {name: ` + strings.Repeat("a", 64) + `}`,
		field: "<nil>", want: "metadata.name must have at most 63 characters, because it is the value of a label",
	},
	"ApplianceExport: targetNamespace that is none": {
		valid: export, change: `spec: {targetNamespace: Team_A}`, field: "spec.targetNamespace",
		want: "targetNamespace must be the name of a namespace: lower-case letters, digits and hyphens",
	},
	"ApplianceExport: another connection": {
		valid: export, later: true, change: `spec: {connectionRef: {name: b}}`,
		field: "spec.connectionRef", want: immutable("connectionRef is"),
	},
	"ApplianceExport: a selection later": {
		valid: export, later: true, change: `spec: {selection: Unmanaged}`,
		field: "spec", want: immutable("selection, kinds, names and targetNamespace are"),
	},
	"ApplianceExport: another selection": {
		valid: export, given: `spec: {selection: All}`, later: true, change: `spec: {selection: Unmanaged}`,
		field: "spec.selection", want: immutable("selection is"),
	},
	"ApplianceExport: other kinds": {
		valid: export, given: `spec: {kinds: [LocalUser]}`, later: true, change: `spec: {kinds: [LocalUserGroup]}`,
		field: "spec.kinds", want: immutable("kinds is"),
	},
	"ApplianceExport: other names": {
		valid: export, given: `spec: {names: [a]}`, later: true, change: `spec: {names: [b]}`,
		field: "spec.names", want: immutable("names is"),
	},
	"ApplianceExport: another targetNamespace": {
		valid: export, given: `spec: {targetNamespace: a}`, later: true, change: `spec: {targetNamespace: b}`,
		field: "spec.targetNamespace", want: immutable("targetNamespace is"),
	},
}
