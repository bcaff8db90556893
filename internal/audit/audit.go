// SPDX-License-Identifier: Apache-2.0

// Package audit writes the audit trail: one structured log line for everything that the operator changes on an
// appliance or asks of a server, and for everything that it refuses to do for somebody.
//
// A line has the message "audit" and the keys of Record, always the same ones, so that a log pipeline can select and
// keep them. It never holds a secret: its values are names, ids and the results of our own.
package audit

import (
	"bytes"
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// Action is what was done, or refused.
type Action string

// Actions on an appliance.
const (
	Create    Action = "create"
	Update    Action = "update"
	Repair    Action = "repair" // an update without a change of the spec: somebody else had changed the appliance
	Delete    Action = "delete"
	Adopt     Action = "adopt"
	Abandon   Action = "abandon" // the object was let go although the appliance may still have it
	Terminate Action = "terminate"
)

// Actions at a server of sessions.
const (
	Request      Action = "request"
	AdoptSession Action = "adopt-session"
	Extend       Action = "extend"
	End          Action = "end"
	EndDuplicate Action = "end-duplicate"
	Hand         Action = "hand-over" // connection data was put into a Secret
)

// Result is what came of it.
type Result string

// Results.
const (
	Succeeded Result = "succeeded"
	Refused   Result = "refused" // by the appliance or the server
	Denied    Result = "denied"  // by us: allowedNamespaces, grants, or another rule of the connection's owner
	Unknown   Result = "unknown" // nobody knows whether it happened
	Failed    Result = "failed"
)

// Record is one line. Object, Action and Result are always given, the others where there is something to say.
type Record struct {
	Action Action
	Result Result
	// Object is what it was done for.
	Object client.Object
	// Kind is the kind of the object; objects of the cache do not know theirs.
	Kind string
	// Who asked for it, as far as that is known; see Who.
	Who string
	// Connection is the connection that it went through.
	Connection types.NamespacedName
	// Target is the address of the appliance or server.
	Target string
	// Transaction identifies the transaction on the appliance.
	Transaction string
	// Key and Name are the appliance's id and name of what was changed; Session is the id of a session.
	Key, Name, Session string
	// Reason says why, in a word or two or in the words of an error that holds no secret.
	Reason string
	// Fields are the fields of the spec that differed.
	Fields []string
}

// Write writes the line.
func Write(ctx context.Context, r Record) {
	values := []any{
		"action", r.Action, "result", r.Result, "kind", r.Kind, "namespace", r.Object.GetNamespace(),
		"name", r.Object.GetName(), "uid", r.Object.GetUID(), "generation", r.Object.GetGeneration(), "who", r.Who,
	}
	for _, v := range []struct{ key, value string }{
		{"target", r.Target}, {"transaction", r.Transaction}, {"key", r.Key}, {"nameOnTarget", r.Name},
		{"session", r.Session}, {"reason", r.Reason},
	} {
		if v.value != "" {
			values = append(values, v.key, v.value)
		}
	}
	if r.Connection.Name != "" {
		values = append(values, "connection", r.Connection.String())
	}
	if len(r.Fields) > 0 {
		values = append(values, "fields", r.Fields)
	}
	logf.FromContext(ctx).WithName("audit").Info("audit", values...)
}

// Who names the last writer of an object's spec: the manager of LastWriter. It is what a client calls itself, such as
// kubectl or argocd-controller, and no proof of a person; where the author is known, as in ActivitySession's
// spec.requestedBy, say that instead.
func Who(obj client.Object) string {
	if last := LastWriter(obj.GetManagedFields()); last != nil {
		return last.Manager
	}
	return ""
}

// LastWriter is the newest of an object's managed fields that are of its spec: not of a subresource, and not only of
// its metadata, which we write, too. Where no entry tells of its fields, as in the manager's cache, it is the newest
// one of all but the subresources; nil if there is none.
func LastWriter(fields []metav1.ManagedFieldsEntry) *metav1.ManagedFieldsEntry {
	var last *metav1.ManagedFieldsEntry
	for i := range fields {
		f := &fields[i]
		if f.Subresource == "" && (last == nil || writesSpec(f) && !writesSpec(last) ||
			writesSpec(f) == writesSpec(last) && newer(f, last)) {
			last = f
		}
	}
	return last
}

func writesSpec(f *metav1.ManagedFieldsEntry) bool {
	return f.FieldsV1 != nil && bytes.Contains(f.FieldsV1.GetRawBytes(), []byte(`"f:spec"`))
}

func newer(a, b *metav1.ManagedFieldsEntry) bool {
	return a.Time != nil && (b.Time == nil || b.Time.Before(a.Time))
}
