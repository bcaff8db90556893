// SPDX-License-Identifier: Apache-2.0

// Package audit writes the audit trail: one structured log line for everything that the operator changes on an
// appliance, requests from a server, or refuses to do on behalf of an object.
//
// Each line has the message "audit" and the keys of Record, which never change, so that a log pipeline can select and
// keep them; trace, the ID of the trace, is there only if the pass is being traced. A line never holds a secret: its
// values are names, IDs and results that the operator produces itself.
package audit

import (
	"bytes"
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/pam-operator/pam-operator/internal/span"
)

// Action is what was done or refused.
type Action string

// Actions on an appliance.
const (
	Create    Action = "create"
	Update    Action = "update"
	Repair    Action = "repair" // an update without a change of the spec: another client had changed the appliance
	Delete    Action = "delete"
	Adopt     Action = "adopt"
	Abandon   Action = "abandon" // given up on, although the appliance may still have it
	Terminate Action = "terminate"
	Export    Action = "export" // everything that was asked for is written into ConfigMaps
)

// Actions at a session server.
const (
	Request      Action = "request"
	AdoptSession Action = "adopt-session"
	Extend       Action = "extend"
	End          Action = "end"
	EndDuplicate Action = "end-duplicate"
	Hand         Action = "hand-over" // connection data was written to a Secret
)

// Result is the outcome of an action.
type Result string

// Results.
const (
	Succeeded Result = "succeeded"
	Refused   Result = "refused" // by the appliance or the server
	Denied    Result = "denied"  // by the operator: allowedNamespaces, grants, or another rule of the connection's owner
	Unknown   Result = "unknown" // the outcome is unknown
	Failed    Result = "failed"
)

// Record is one line. Object, Action and Result are always set, the others where they apply.
type Record struct {
	Action Action
	Result Result
	// Object is the object on whose behalf the action was taken.
	Object client.Object
	// Kind is the kind of the object; cached objects do not carry theirs.
	Kind string
	// Who requested the action, as far as known; see Who.
	Who string
	// Connection is the connection that was used.
	Connection types.NamespacedName
	// Target is the address of the appliance or server.
	Target string
	// Transaction is the ID of the transaction on the appliance.
	Transaction string
	// Key and Name are the appliance's ID and name of the changed object; Session is the ID of a session.
	Key, Name, Session string
	// Reason explains the result, in a word or two or by quoting an error that holds no secret.
	Reason string
	// Fields are the spec fields that differed.
	Fields []string
}

// Write writes the line, and counts it.
func Write(ctx context.Context, r Record) {
	count(r)
	values := []any{
		"action", r.Action, "result", r.Result, "kind", r.Kind, "namespace", r.Object.GetNamespace(),
		"name", r.Object.GetName(), "uid", r.Object.GetUID(), "generation", r.Object.GetGeneration(), "who", r.Who,
	}
	for _, v := range []struct{ key, value string }{
		{"target", r.Target}, {"transaction", r.Transaction}, {"key", r.Key}, {"nameOnTarget", r.Name},
		{"session", r.Session}, {"reason", r.Reason}, {"trace", span.TraceID(ctx)},
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

// Who names the last writer of an object's spec: the manager of LastWriter. It is the client's own claim, such as
// kubectl or argocd-controller, and does not prove who the person was. Where the author is known, as in
// ActivitySession's spec.requestedBy, report that instead.
func Who(obj client.Object) string {
	if last := LastWriter(obj.GetManagedFields()); last != nil {
		return last.Manager
	}
	return ""
}

// LastWriter returns the newest managed-fields entry that covers the object's spec: not a subresource, and not only
// metadata, which the operator writes as well. If no entry lists its fields, as in the manager's cache, it is the
// newest entry that is not of a subresource; nil if there is none.
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
