// SPDX-License-Identifier: Apache-2.0

package span

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Key is an attribute. There are no others: URLs, bodies, accounts and tokens have none.
type Key string

// The attributes.
const (
	// Kind is the kind of an object, and Object its namespace and name.
	Kind   Key = "pam.kind"
	Object Key = "pam.object"
	// Generation is the generation of an object's spec.
	Generation Key = "pam.generation"
	// Reason is that of the condition Ready, at the end of a pass.
	Reason Key = "pam.reason"
	// Result is what became of a change, a transaction or a call.
	Result Key = "pam.result"
	// Changes is how many changes a transaction holds.
	Changes Key = "pam.changes"
	// Appliance is the address of the appliance that a transaction is about.
	Appliance Key = "pam.appliance"
	// Phase is the last phase of a session, and Failure why it failed.
	Phase   Key = "pam.phase"
	Failure Key = "pam.failure"
	// Method is the method of a call, Status that of its answer, and Server whom it went to.
	Method Key = "http.request.method"
	Status Key = "http.response.status_code"
	Server Key = "server.address"
)

// Keys lists all attributes.
func Keys() []Key {
	return []Key{
		Kind, Object, Generation, Reason, Result, Changes, Appliance, Phase, Failure, Method, Status, Server,
	}
}

// Set sets an attribute. The value is from a closed list, the name of an object of the cluster, or an address.
func Set(s trace.Span, key Key, value string) {
	if s.IsRecording() && value != "" {
		s.SetAttributes(attribute.String(string(key), value))
	}
}

// SetNumber sets an attribute that is a number.
func SetNumber(s trace.Span, key Key, value int64) {
	if s.IsRecording() {
		s.SetAttributes(attribute.Int64(string(key), value))
	}
}
